"""Divides images at random: by shares, classes alike, and what belongs together in one split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yolo_cli.data.check.stratify import TOLERANCE, stratify
from yolo_cli.data.check.together import Together
from yolo_cli.data.sample import BoolArray, Sample

_LEAST = 0.5  # of the images asked for: a split with fewer is not what was asked for


class GroupTooLargeError(Exception):
    """Images that belong together are too many for the shares.

    Attributes:
        group: that is in the way.
        sizes: images that each split would have.
    """

    def __init__(self, group: Together, sizes: list[int]) -> None:
        super().__init__(group, sizes)
        self.group = group
        self.sizes = sizes


def divide_images(
    samples: Sequence[Sample],
    classes: int,
    together: Sequence[Together],
    shares: Sequence[float],
    seed: int,
) -> list[list[int]]:
    """Divide images into splits.

    The number of images of each split is within 2 % of all, or one group, of what its share
    asks for, and no split is left without images.

    Args:
        samples: at least as many as there are shares; their order does not matter.
        classes: how many there are.
        together: groups of indices that belong into one split.
        shares: of the splits, with a sum of 1.
        seed: of the choice among equals.

    Returns:
        Indices of the samples of each split, sorted.

    Raises:
        GroupTooLargeError: that cannot be.
    """
    order = sorted(range(len(samples)), key=lambda index: (samples[index].id, index))
    place = {index: row for row, index in enumerate(order)}
    labels: BoolArray = np.zeros((len(samples), classes), dtype=np.bool_)
    for row, index in enumerate(order):
        labels[row, samples[index].present] = True
    groups = sorted(sorted(place[index] for index in one.members) for one in together)
    parts = stratify(labels, groups, shares, seed)
    _check(parts, together, shares)
    return [sorted(order[row] for row in part) for part in parts]


def _check(
    parts: Sequence[Sequence[int]], together: Sequence[Together], shares: Sequence[float]
) -> None:
    if not together:
        return
    sizes = [len(part) for part in parts]
    largest = max(together, key=lambda one: len(one.members))
    near = max(TOLERANCE * sum(sizes), len(largest.members))
    for size, share in zip(sizes, shares, strict=True):
        wanted = share * sum(sizes)
        if not size or abs(size - wanted) > near or size < np.floor(_LEAST * wanted):
            raise GroupTooLargeError(largest, sizes)
