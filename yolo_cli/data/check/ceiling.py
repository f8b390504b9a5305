"""The grid's ceiling: what S×S cells with one object each can hold of a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from yolo_cli.data.sample import Sample

GRIDS = (7, 14)
"""Numbers of cells along each side that are tried: YOLOv1's, and twice as fine."""


@dataclass(frozen=True)
class Ceiling:
    """The objects to be trained on, and how many of them have a cell of their own."""

    objects: int
    held: int

    @property
    def recall(self) -> float:
        """The highest recall there can be, 0 to 100; NaN where there is nothing to find."""
        return 100.0 * self.held / self.objects if self.objects else math.nan

    def __add__(self, other: Ceiling) -> Ceiling:
        return Ceiling(self.objects + other.objects, self.held + other.held)


def grid_ceiling(samples: Iterable[Sample], size: int) -> Ceiling:
    """Count the objects that win a cell in training.

    The rule is that of the grid's ``encode``: an object belongs to the cell that holds its
    centre (on a border, the one on the right or below; on the image's edge, the last one), one
    object wins each cell, and objects that are difficult or crowds do not take part.

    Args:
        samples: the images; resizing does not move a centre to another cell.
        size: S.
    """
    objects = held = 0
    for sample in samples:
        used = ~(sample.difficult | sample.crowd)
        centre = (sample.boxes[used, :2] + sample.boxes[used, 2:]) / 2
        cell = (centre * size / (sample.width, sample.height)).astype(np.int64)
        cell = cell.clip(0, size - 1)
        objects += len(cell)
        held += len(np.unique(cell[:, 1] * size + cell[:, 0]))
    return Ceiling(objects, held)
