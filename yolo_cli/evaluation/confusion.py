"""Which class was taken for which: the confusion matrix, with background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_cli.data.sample import IntArray
from yolo_cli.evaluation.flat import FlatDetections, FlatObjects
from yolo_cli.evaluation.matching import overlapping_pairs


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of objects and detections.

    Attributes:
        classes: class names.
        matrix: ``[C + 1, C + 1]`` rows are the true class, columns the detected one. The last row
            (background) holds detections that no object answers to, the last column objects that
            were missed; their common cell is 0.
        conf: lowest score of the detections that were looked at.
        iou_threshold: least IoU of a detection with its object.
    """

    classes: tuple[str, ...]
    matrix: IntArray
    conf: float
    iou_threshold: float


def confusion_matrix(
    objects: FlatObjects,
    detections: FlatDetections,
    classes: Sequence[str],
    *,
    conf: float,
    iou_threshold: float = 0.5,
) -> Confusion:
    """Match detections with objects of any class and count the pairs of classes.

    By descending score, each detection takes the object of its image that it overlaps most among
    those that are still free (of equal overlaps one of its own class, then the first). Ignored
    objects (difficult, crowd) are not counted; a detection that is left over and reaches the
    threshold with one of them is not counted either.

    Args:
        objects: of all images.
        detections: of all images.
        classes: names that the labels of both index.
        conf: lowest score of the detections that are looked at.
        iou_threshold: the least IoU of a match, in ``(0, 1]``.
    """
    kept = np.flatnonzero(detections.scores >= conf)
    # By descending score, so that of two pairs the one of the surer detection comes first.
    kept = kept[np.argsort(-detections.scores[kept], kind="stable")]
    labels = detections.labels[kept]
    rows, columns, iou = overlapping_pairs(
        detections.boxes[kept],
        detections.images[kept],
        objects.boxes,
        objects.images,
        iou_threshold=iou_threshold,
    )
    other_class = labels[rows] != objects.labels[columns]
    counted = ~objects.ignored[columns]
    order = np.lexsort((columns, other_class, -iou, rows))
    order = order[counted[order]]
    partner = _greedy(rows[order], columns[order], len(kept))

    excused = np.zeros(len(kept), dtype=np.bool_)
    excused[rows[~counted]] = True
    paired = partner >= 0
    missed = ~objects.ignored
    missed[partner[paired]] = False
    background = len(classes)
    true = np.full(len(kept), background, dtype=np.int64)
    true[paired] = objects.labels[partner[paired]]
    matrix = np.zeros((background + 1, background + 1), dtype=np.int64)
    shown = paired | ~excused
    np.add.at(matrix, (true[shown], labels[shown]), 1)
    matrix[:background, background] = np.bincount(objects.labels[missed], minlength=background)
    return Confusion(tuple(classes), matrix, conf, iou_threshold)


def _greedy(rows: IntArray, columns: IntArray, count: int) -> IntArray:
    """``[count]`` column that each row is paired with, or -1; earlier pairs go first."""
    partner = np.full(count, -1, dtype=np.int64)
    taken: set[int] = set()
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if partner[row] < 0 and column not in taken:
            partner[row] = column
            taken.add(column)
    return partner
