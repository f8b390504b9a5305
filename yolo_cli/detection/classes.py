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


def class_indices(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Indices into ``classes`` of the names that a user gave.

    Raises:
        UserError: for a name that is no class.
    """
    known = {_plain(name): index for index, name in enumerate(classes)}
    unknown = [name for name in names if _plain(name) not in known]
    if unknown:
        raise UserError(
            f"no such class: {', '.join(unknown)}",
            f"the weights know: {', '.join(classes)}",
            ExitCode.USAGE,
        )
    return [known[_plain(name)] for name in names]


def keep_classes(detection: Detection, indices: Sequence[int]) -> Detection:
    """The detections of some classes."""
    keep = torch.isin(detection["labels"], torch.tensor(indices, dtype=torch.long))
    return Detection(
        boxes=detection["boxes"][keep],
        scores=detection["scores"][keep],
        labels=detection["labels"][keep],
    )


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
        places = {_plain(name): index for index, name in enumerate(dataset)}
        to_dataset = tuple(places.get(_plain(name), -1) for name in weights)
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
