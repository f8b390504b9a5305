"""Class names: which are asked for, and which of two lists are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from yolo_cli.data.class_names import class_places
from yolo_cli.data.sample import Sample
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import listed

if TYPE_CHECKING:
    from typing_extensions import Self


def class_indices(names: str | Iterable[object], classes: Sequence[str]) -> tuple[int, ...]:
    """Return indices into ``classes`` of the names that a user gave.

    Args:
        names: a list, or a text with commas between them.
        classes: that there are.

    Raises:
        UserError: for a name that is no class, and for no name at all.
    """
    if not isinstance(names, str):
        wanted = [str(name).strip() for name in names]
    elif max(class_places([names.strip()], classes)) >= 0:  # the comma is part of a name
        wanted = [names.strip()]
    else:
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
class SharedClasses:
    """Which of the weights' classes are which of a dataset's.

    Attributes:
        classes: those that both have, in the dataset's order.
        only_weights: names that the dataset does not have.
        only_dataset: names that the weights do not know.
        of_weights: for each class of the weights its place in `classes`, or -1.
        of_dataset: likewise for each class of the dataset.
    """

    classes: tuple[str, ...]
    only_weights: tuple[str, ...]
    only_dataset: tuple[str, ...]
    of_weights: tuple[int, ...]
    of_dataset: tuple[int, ...]

    @classmethod
    def between(cls, weights: Sequence[str], dataset: Sequence[str]) -> Self:
        """Match by name.

        Raises:
            UserError: if no name is in both lists.
        """
        places = class_places(weights, dataset)
        if max(places, default=-1) < 0:
            raise UserError(
                f"the weights and the dataset have no class in common: "
                f"{listed(weights)} against {listed(dataset)}",
                "name weights that know its classes, or train some: yolo train DATA",
            )
        shared = [place for place in range(len(dataset)) if place in places]
        return cls(
            tuple(dataset[place] for place in shared),
            tuple(n for n, place in zip(weights, places, strict=True) if place < 0),
            tuple(n for place, n in enumerate(dataset) if place not in places),
            tuple(shared.index(place) if place >= 0 else -1 for place in places),
            tuple(shared.index(p) if p in shared else -1 for p in range(len(dataset))),
        )

    def sample(self, sample: Sample) -> Sample:
        """Return a sample of the dataset under the labels of the shared classes, without others."""
        labels = np.array(self.of_dataset, dtype=np.int64)[sample.labels]
        keep = labels >= 0
        return replace(
            sample,
            boxes=sample.boxes[keep],
            labels=labels[keep],
            difficult=sample.difficult[keep],
            crowd=sample.crowd[keep],
            area=sample.area[keep],
        )
