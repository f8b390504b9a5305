"""Which object does each detection belong to: the step that every score begins with.

All images are matched in one vectorised pass. A *group* is an integer that says which objects a
detection may be matched with: one per (image, class) for scores, one per image for a confusion
matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from yolo_cli.data.sample import BoolArray, FloatArray, IntArray

# Bounds the memory of one pass (about 200 bytes a pair), however many boxes there are.
PAIRS_PER_PASS = 1_000_000


@dataclass(frozen=True, eq=False)
class Matches:
    """What each of N detections was matched with.

    Attributes:
        index: ``[N]`` row of the object of its group that it overlaps most, or -1 where it
            overlaps none, or less than a threshold.
        iou: ``[N]`` IoU with the best object, 0 where none overlaps: also known for detections
            that stayed below the threshold.
    """

    index: IntArray
    iou: FloatArray

    def at(self, iou_threshold: float) -> IntArray:
        """Return the ``[N]`` indices, -1 where the IoU is less than the threshold."""
        return np.where(self.iou >= iou_threshold, self.index, -1)


def iou_inclusive(first: FloatArray, second: FloatArray) -> FloatArray:
    """Compute the IoU of two lists of boxes, row by row, as the VOC devkit does.

    The boxes are turned back to VOC's 1-based inclusive pixels, in which a width is
    ``xmax - xmin + 1``. In exact arithmetic that is the IoU of the stored boxes; the detour
    repeats the devkit's roundings, so that an overlap at the threshold falls on its side.

    Args:
        first: ``[N, 4]`` float64 xyxy, pixels, in the stored form ``[xmin-1, ymin-1, xmax, ymax]``.
        second: ``[N, 4]``, likewise.

    Returns:
        ``[N]`` float64 in ``[0, 1]``; 0 where the boxes have no pixel in common.
    """
    a, b = first.copy(), second.copy()
    a[:, :2] += 1
    b[:, :2] += 1
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]) + 1
    intersection = sides[:, 0] * sides[:, 1]
    area_a = (a[:, 2] - a[:, 0] + 1) * (a[:, 3] - a[:, 1] + 1)
    area_b = (b[:, 2] - b[:, 0] + 1) * (b[:, 3] - b[:, 1] + 1)
    iou = np.zeros(len(a))
    np.divide(intersection, area_a + area_b - intersection, out=iou, where=(sides > 0).all(axis=1))
    return iou


def match_best(
    boxes: FloatArray,
    groups: IntArray,
    object_boxes: FloatArray,
    object_groups: IntArray,
    *,
    iou_threshold: float = 0.0,
) -> Matches:
    """Match each detection with the object of its group that it overlaps most.

    Several detections may be matched with one object: :func:`first_claims` settles that.

    Args:
        boxes: ``[N, 4]`` float64 xyxy, pixels.
        groups: ``[N]`` group of each detection.
        object_boxes: ``[M, 4]`` float64 xyxy, pixels.
        object_groups: ``[M]`` group of each object.
        iou_threshold: the least IoU of a match; 0 for any overlap.

    Returns:
        The matches; of objects with equal IoU, the first in ``object_boxes``.
    """
    index = np.full(len(boxes), -1, dtype=np.int64)
    best = np.zeros(len(boxes))
    for rows, owner, candidate in _pairs(groups, object_groups):
        iou = iou_inclusive(boxes[rows][owner], object_boxes[candidate])
        first_pair = np.flatnonzero(np.diff(owner, prepend=-1))
        highest = np.maximum.reduceat(iou, first_pair)
        # The pairs of a detection are in object order: its first pair at the maximum wins.
        hits = np.flatnonzero((iou == highest[owner]) & (iou > 0) & (iou >= iou_threshold))
        winners, first_hit = np.unique(owner[hits], return_index=True)
        index[rows[winners]] = candidate[hits[first_hit]]
        best[rows] = highest
    return Matches(index, best)


def overlapping_pairs(
    boxes: FloatArray,
    groups: IntArray,
    object_boxes: FloatArray,
    object_groups: IntArray,
    *,
    iou_threshold: float,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return all pairs of a detection and an object of its group that overlap enough.

    Args:
        boxes: ``[N, 4]`` float64 xyxy, pixels.
        groups: ``[N]`` group of each detection.
        object_boxes: ``[M, 4]`` float64 xyxy, pixels.
        object_groups: ``[M]`` group of each object.
        iou_threshold: the least IoU of a pair, in ``(0, 1]``.

    Returns:
        Row of the detection ``[P]``, row of the object ``[P]`` and their IoU ``[P]``; ordered by
        detection, then by object.
    """
    parts: list[tuple[IntArray, IntArray, FloatArray]] = []
    for rows, owner, candidate in _pairs(groups, object_groups):
        iou = iou_inclusive(boxes[rows][owner], object_boxes[candidate])
        near = iou >= iou_threshold
        parts.append((rows[owner[near]], candidate[near], iou[near]))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    first, second, overlap = zip(*parts, strict=True)
    return np.concatenate(first), np.concatenate(second), np.concatenate(overlap)


def first_claims(index: IntArray) -> BoolArray:
    """Let the first detection matched with an object claim it.

    Args:
        index: ``[N]`` matched objects or -1, the detections in descending order of score.

    Returns:
        ``[N]`` true where the detection claims its object; false where it is unmatched or the
        object was already claimed.
    """
    claims = np.zeros(len(index), dtype=np.bool_)
    matched = np.flatnonzero(index >= 0)
    _, first = np.unique(index[matched], return_index=True)
    claims[matched[first]] = True
    return claims


def _pairs(
    groups: IntArray, object_groups: IntArray
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Pair each detection with every object of its group, some detections at a time.

    Yields:
        ``rows [R]``: detections that have objects; ``owner [P]``: for each pair a position in
        ``rows``, ascending; ``candidate [P]``: its object, ascending for each detection.
    """
    by_group = np.argsort(object_groups, kind="stable")
    sorted_groups = object_groups[by_group]
    start = np.searchsorted(sorted_groups, groups, side="left")
    count = np.searchsorted(sorted_groups, groups, side="right") - start
    for rows in _passes(np.flatnonzero(count), count):
        sizes = count[rows]
        first_pair = np.cumsum(sizes) - sizes
        owner = np.repeat(np.arange(len(rows)), sizes)
        within = np.arange(len(owner)) - first_pair[owner]
        yield rows, owner, by_group[start[rows][owner] + within]


def _passes(rows: IntArray, count: IntArray) -> Iterator[IntArray]:
    """Cut the detections into runs of about ``PAIRS_PER_PASS`` pairs with objects."""
    passes = np.cumsum(count[rows]) // PAIRS_PER_PASS
    cuts = np.flatnonzero(np.diff(passes)) + 1
    return (part for part in np.split(rows, cuts) if len(part))
