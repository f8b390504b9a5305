"""What is minimised, as one module: the network, the criterion and the teacher's part."""

from __future__ import annotations

from inspect import signature
from typing import Any

from torch import Tensor, nn

from yolo_cli.model.network import Network
from yolo_cli.tasks.contract.training import Encoded
from yolo_cli.training.distill import Answer, Distillation
from yolo_cli.training.machine import Machine

Terms = dict[str, Tensor]


class Objective(nn.Module):
    """From inputs to the terms of the loss.

    Args:
        network: on its device.
        criterion: of its task.
        machine: precision of the convolutions.
        distillation: of a teacher.
    """

    def __init__(
        self,
        network: Network,
        criterion: nn.Module,
        machine: Machine,
        distillation: Distillation | None,
    ) -> None:
        super().__init__()
        self.network = network
        self.criterion = criterion
        self.machine = machine
        self.distillation = distillation

    def forward(
        self, inputs: Tensor, depth: int, target: Encoded, answer: Answer | None
    ) -> tuple[Terms, Terms]:
        """Return the terms of the criterion, and those of the teacher's lesson.

        Args:
            inputs: images, or what the network's first ``depth`` blocks make of them.
            depth: blocks that the inputs have passed.
            target: what the criterion compares with.
            answer: what the teacher makes of the same images, if there is one.
        """
        if answer is None:
            with self.machine.autocast():
                raw = self.network(inputs, depth)
            return self.criterion(raw, target), {}
        assert self.distillation is not None
        with self.machine.autocast():
            mine = self.distillation.run(self.network, inputs, depth)
        return self.criterion(mine.raw, target), self.distillation(mine, answer)


def share_gradients(objective: Objective) -> nn.Module:
    """Wrap an objective for several processes, so that its gradients become means over them.

    All begin with the first one's weights and statistics.
    """
    parallel = nn.parallel.DistributedDataParallel
    names = ("forward_sync_buffers", "broadcast_buffers")  # torch has changed the option's name
    name = next(name for name in names if name in signature(parallel).parameters)
    options: dict[str, Any] = {name: False}
    return parallel(objective, **options)


def scaled(terms: Terms, factor: Tensor | float) -> Terms:
    """Return terms times a factor."""
    return {name: value * factor for name, value in terms.items()}
