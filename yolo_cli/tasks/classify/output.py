"""What a classifier says of one image."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import torch
from torch import Tensor

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.tasks.classes import SharedClasses

TOP = 5


class Classification(TypedDict):
    """Probabilities ``[C]`` float32 of all classes, and how many of them are listed."""

    probabilities: Tensor
    top: int


@dataclass(frozen=True)
class Listed:
    """What is kept of a classifier's output.

    Attributes:
        top: how many of the likeliest classes are listed.

    Raises:
        UserError: with :attr:`ExitCode.USAGE` for a value beyond its range.
    """

    top: int = TOP

    def __post_init__(self) -> None:
        whole = isinstance(self.top, numbers.Integral) and not isinstance(self.top, bool)
        if not whole or self.top < 1:
            raise UserError(
                f"top={self.top!r:.40} is not a whole number from 1", code=ExitCode.USAGE
            )


def listed_of(changes: Mapping[str, Any], base: Listed | None) -> Listed:
    """Return what is kept, with changes by name."""
    return replace(base or Listed(), **changes)


def classify(raw: Tensor, listed: Listed) -> list[Classification]:
    """Turn ``[N, C]`` logits into probabilities, on the CPU."""
    probabilities = raw.float().softmax(dim=1).cpu()
    return [{"probabilities": one, "top": listed.top} for one in probabilities]


class ClassMap(SharedClasses):
    """See :class:`yolo_cli.tasks.contract.inference.Matching`."""

    def output(self, output: Classification) -> Classification:
        """Return the probabilities of the shared classes alone, as they are."""
        places = torch.tensor(self.of_weights)
        kept = places >= 0
        shared = torch.zeros(len(self.classes))
        shared[places[kept]] = output["probabilities"][kept]
        return {"probabilities": shared, "top": output["top"]}
