"""Class names: which are asked for, and which of two lists are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from yolo_cli.data.class_names import class_places
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.tasks.detect.postprocess import Detection
from yolo_cli.text import listed


def class_indices(names: str, classes: Sequence[str]) -> tuple[int, ...]:
    """Indices into ``classes`` of the names that a user gave, with commas between.

    Raises:
        UserError: for a name that is no class, and for no name at all.
    """
    if max(class_places([names.strip()], classes)) >= 0:  # the comma is part of a name
        return tuple(class_places([names.strip()], classes))
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    found = class_places(wanted, classes)
    unknown = [name for name, index in zip(wanted, found, strict=True) if index < 0]
    if unknown or not wanted:
        raise UserError(
            f"no such class: {listed(unknown)}" if unknown else "--classes names no class",
            f"the weights know: {listed(classes, 100)}",
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
        to_dataset = tuple(class_places(weights, dataset))
        if max(to_dataset, default=-1) < 0:
            raise UserError(
                f"the weights and the dataset have no class in common: "
                f"{listed(weights)} against {listed(dataset)}",
                "name weights that know its classes, or train some: yolo train DATA",
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
