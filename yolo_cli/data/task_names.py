"""What datasets and networks are for; free of everything that is slow to import."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

TaskName: TypeAlias = Literal["detect", "classify", "segment"]
"""The tasks, by the names of their commands: ``yolo detect``, ``yolo classify`` …"""

TASK_NAMES: tuple[TaskName, ...] = get_args(TaskName)
"""All of them."""

LEARNERS: dict[TaskName, str] = {
    "detect": "a detector",
    "classify": "a classifier",
    "segment": "a segmenter",
}
"""What a network of each task is called."""

DOING: dict[TaskName, str] = {
    "detect": "detecting",
    "classify": "classifying",
    "segment": "segmenting",
}
"""What it does, for a progress bar."""
