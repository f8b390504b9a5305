"""What a task is: everything that makes a network out of a backbone, and a result of its output."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.head import Head

# A task is imported when it is asked for: none pays for the others.
TASKS = {"detect": "yolo_cli.tasks.detect.task"}


class Task(Protocol):
    """A task by its parts; each is used by one stage of training or inference."""

    name: str

    def build_head(self, config: ModelConfig, channels: int, stride: int) -> Head:
        """The head of a network.

        Args:
            config: of the network.
            channels: of the backbone's feature map.
            stride: pixels of the input that a cell of the feature map covers along each side.
        """

    def output_shape(self, config: ModelConfig) -> tuple[int, ...]:
        """Shape of a network's raw output for one image."""

    def fit_predictor(
        self,
        own: Mapping[str, Tensor],
        tensors: Mapping[str, Tensor],
        old: ModelConfig,
        new: ModelConfig,
    ) -> dict[str, Tensor]:
        """The output layer's tensors for a network with other classes.

        Args:
            own: state dict of the network that is to have them.
            tensors: state dict of the network that they come from.
            old: configuration of the latter.
            new: configuration of the former.

        Returns:
            ``own``'s tensors with the rows that both networks share; none where nothing is shared.
        """


def task_of(config: ModelConfig) -> Task:
    """The task of a network.

    Raises:
        UserError: for a task that this version does not know.
    """
    if config.task not in TASKS:
        raise UserError(
            f"unknown task {config.task!r}",
            f"this version knows: {', '.join(TASKS)}; a newer one may know more",
        )
    task: Task = import_module(TASKS[config.task]).TASK
    return task
