"""Scores of a task that has no boxes: named numbers, a table of the classes, who is taken for whom.

A task fills them in; ``yolo eval`` and its report show them, whatever they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


@dataclass(frozen=True, eq=False)
class Example:
    """An image on which a network is wrong.

    Attributes:
        id: of the image in its dataset.
        text: what is wrong.
        image: with what is labelled and what was found; None if the file could not be read.
        problem: why not; else empty.
    """

    id: str
    text: str
    image: Image.Image | None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class PlainScores:
    """Scores of a network on labelled images; rates are 0 to 100, nan where nothing is defined.

    Attributes:
        name: of the score that counts.
        metrics: scores by name, that one among them, in the order in which they are shown.
        classes: names.
        columns: for each class a number, by the name of its column.
        unit: what the columns and the confusion count, in the singular: ``image``, ``pixel``.
        confusion: ``[C, C]`` counts: how many of the row's class were taken for the column's.
        worst: draws so many of the images with the gravest errors, if there are as many.
    """

    name: str
    metrics: Mapping[str, float]
    classes: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[float]] = field(default_factory=dict)
    unit: str = "image"
    confusion: npt.NDArray[np.int64] | None = None
    worst: Callable[[int], Sequence[Example]] = lambda _count: ()

    @property
    def value(self) -> float:
        """Return the score that counts."""
        return self.metrics[self.name]

    def confused(self, most: int) -> list[tuple[str, str, int]]:
        """List the pairs of classes that are mixed up most: true, taken for, how many."""
        if self.confusion is None:
            return []
        between = self.confusion.copy()
        np.fill_diagonal(between, 0)
        order = np.argsort(-between, axis=None, kind="stable")[:most]
        pairs = [divmod(int(place), len(between)) for place in order]
        return [
            (self.classes[true], self.classes[taken], int(between[true, taken]))
            for true, taken in pairs
            if between[true, taken]
        ]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``; what is not defined is None."""
        rows = {
            name: {column: _plain(values[i]) for column, values in self.columns.items()}
            for i, name in enumerate(self.classes)
        }
        document: dict[str, Any] = {
            "score": self.name,
            "metrics": {name: _plain(value) for name, value in self.metrics.items()},
            "classes": rows,
        }
        if self.confusion is not None:
            document["confusion"] = {
                "unit": self.unit,
                "classes": list(self.classes),
                "counts": self.confusion.tolist(),
            }
        return document


def _plain(value: float) -> float | int | None:
    if isinstance(value, int | np.integer):
        return int(value)
    return None if math.isnan(value) else round(float(value), 4)
