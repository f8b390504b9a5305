"""What a task is: all that makes a network out of a backbone, and a result out of its output.

A task is the only seam between what a network is for and the stages of training and inference,
which are the same for every task. To add one is to add a folder beside ``detect/`` and a row in
:data:`TASKS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from torch import Tensor

from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.head import Head
from yolo_cli.tasks.contract.export import ExportTask
from yolo_cli.tasks.contract.inference import InferenceTask
from yolo_cli.tasks.contract.training import TrainingTask

# A task is imported when it is asked for: none pays for the others.
TASKS: dict[str, str] = {
    "detect": "yolo_cli.tasks.detect.task",
    "classify": "yolo_cli.tasks.classify.task",
    "segment": "yolo_cli.tasks.segment.task",
}


class Task(TrainingTask, InferenceTask, ExportTask, Protocol):
    """A task by its parts; each is used by one stage.

    Attributes:
        name: in configurations and weights files, and of its command.
        unit: what is labelled and counted, in the singular: ``object``, ``image``, ``pixel``.
        heads: those that a network can have; the first is the default.
        model: fields of the configuration of a new network that differ from its defaults.
    """

    name: TaskName
    unit: str
    heads: tuple[str, ...]
    model: Mapping[str, Any]

    def describe(self, config: ModelConfig) -> Mapping[str, str]:
        """Return what ``yolo info`` says of the output: a line by its title."""

    def recorded(self, record: Mapping[str, Any]) -> str:
        """Return the name and value of a :attr:`Score.record`'s score; "" where it has none."""

    def build_head(self, config: ModelConfig, channels: int, stride: int) -> Head:
        """Build the head of a network.

        Args:
            config: of the network.
            channels: of the backbone's feature map.
            stride: pixels of the input that a cell of the feature map covers along each side.
        """

    def output_shape(self, config: ModelConfig) -> tuple[int, ...]:
        """Return the shape of a network's raw output for one image."""

    def fit_predictor(
        self,
        own: Mapping[str, Tensor],
        tensors: Mapping[str, Tensor],
        old: ModelConfig,
        new: ModelConfig,
    ) -> dict[str, Tensor]:
        """Return the output layer's tensors for a network with other classes.

        Args:
            own: state dict of the network that is to have them.
            tensors: state dict of the network that they come from.
            old: configuration of the latter.
            new: configuration of the former.

        Returns:
            ``own``'s tensors with the rows that both networks share; none where nothing is shared.
        """


def task_named(name: str) -> Task:
    """Return a task by its name.

    Raises:
        UserError: for a task that this version does not know.
    """
    if name not in TASKS:
        raise UserError(
            f"unknown task {name!r}",
            f"this version knows: {', '.join(TASKS)}; a newer one may know more",
        )
    task: Task = import_module(TASKS[name]).TASK
    return task


def task_of(config: ModelConfig) -> Task:
    """Return the task of a network, as :func:`task_named`."""
    return task_named(config.task)
