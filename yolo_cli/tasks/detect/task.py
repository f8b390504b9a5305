"""Object detection as a task: the parts of this folder under the names that a task's parts have."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.head import GridHead, build_head
from yolo_cli.tasks.detect.predictor import fit_predictor
from yolo_cli.tasks.task import Task


class Detect:
    """See :class:`yolo_cli.tasks.task.Task`."""

    name = "detect"

    def build_head(self, config: ModelConfig, channels: int, stride: int) -> GridHead:
        """Convolutions, or the paper's connected layers."""
        return build_head(config, channels, stride)

    def output_shape(self, config: ModelConfig) -> tuple[int, ...]:
        """``(S, S, 5B + C)``."""
        grid = Grid.of(config)
        return grid.size, grid.size, grid.channels

    def fit_predictor(
        self,
        own: Mapping[str, Tensor],
        tensors: Mapping[str, Tensor],
        old: ModelConfig,
        new: ModelConfig,
    ) -> dict[str, Tensor]:
        """Boxes to boxes, and a class to the class of its name."""
        return fit_predictor(own, tensors, old, new)


TASK: Task = Detect()
