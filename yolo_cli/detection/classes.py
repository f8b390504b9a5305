"""Class names: which are asked for, and which of two lists are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.postprocess import Detection


def _plain(name: str) -> str:
    """Names are the same that differ in case, spaces, hyphens and underscores alone."""
    return "".join(c for c in name.casefold() if c not in " -_")


def _places(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where each wanted name is among the names, or -1; the very same name goes before its like."""
    same = {name: index for index, name in enumerate(names)}
    like = {_plain(name): index for index, name in enumerate(names)}
    return [same.get(name, like.get(_plain(name), -1)) for name in wanted]


def class_indices(names: str, classes: Sequence[str]) -> tuple[int, ...]:
    """Indices into ``classes`` of the names that a user gave, with commas between.

    Raises:
        UserError: for a name that is no class, and for no name at all.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    found = _places(wanted, classes)
    unknown = [name for name, index in zip(wanted, found, strict=True) if index < 0]
    if unknown or not wanted:
        raise UserError(
            f"no such class: {', '.join(unknown)}" if unknown else "--classes names no class",
            f"the weights know: {', '.join(classes)}",
            ExitCode.USAGE,
        )
    return tuple(found)


@dataclass(frozen=True)
class ClassMap:
    """Which of the weights' classes are which of a dataset's.

    Attributes:
        to_dataset: for each class of the weights its index in the dataset, or -1.
        only_weights: names that the dataset does not have.
        only_dataset: names that the weights do not know.
    """

    to_dataset: tuple[int, ...]
    only_weights: tuple[str, ...]
    only_dataset: tuple[str, ...]

    @classmethod
    def between(cls, weights: Sequence[str], dataset: Sequence[str]) -> ClassMap:
        """Match by name.

        Raises:
            UserError: if no name is in both lists.
        """
        to_dataset = tuple(_places(weights, dataset))
        if max(to_dataset, default=-1) < 0:
            raise UserError(
                f"the weights and the dataset have no class in common: "
                f"{', '.join(weights)} against {', '.join(dataset)}",
                "train on this dataset first: yolo train DATA",
            )
        return cls(
            to_dataset,
            tuple(n for n, i in zip(weights, to_dataset, strict=True) if i < 0),
            tuple(n for i, n in enumerate(dataset) if i not in to_dataset),
        )

    def apply(self, detection: Detection) -> Detection:
        """The detections under the dataset's labels; those of other classes are left out."""
        labels = torch.tensor(self.to_dataset)[detection["labels"]]
        keep = labels >= 0
        return Detection(
            boxes=detection["boxes"][keep], scores=detection["scores"][keep], labels=labels[keep]
        )
