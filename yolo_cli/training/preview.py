"""A picture of what the network sees: augmented training images with their targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from yolo_cli.data.loader import TrainingImages
from yolo_cli.pictures.drawing import contact_sheet
from yolo_cli.pictures.save import save_annotated
from yolo_cli.tasks.task import Task

PREVIEW_IMAGES = 12
COLUMNS = 4


def save_preview(path: Path, images: TrainingImages, task: Task, classes: Sequence[str]) -> None:
    """Write a contact sheet of a few training images as they are in the first epoch."""
    count = min(PREVIEW_IMAGES, len(images))
    chosen = np.linspace(0, len(images) - 1, count).round().astype(int)
    pictures = []
    for index in chosen:
        pixels, target = images[0, int(index)]
        pictures.append(task.draw_target(pixels, target, classes))
    save_annotated(contact_sheet(pictures, columns=min(COLUMNS, count), tile=320), path)
