"""The errors from the other side: what became of each object."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from yolo_cli.data.sample import IntArray
from yolo_cli.evaluation.breakdown import WEAK_IOU
from yolo_cli.evaluation.matching import match_best, overlapping_pairs
from yolo_cli.evaluation.ranking import Ranking


class Fate(IntEnum):
    """What became of an object."""

    IGNORED = -1
    FOUND = 0
    WRONG_CLASS = 1
    POORLY_LOCALIZED = 2
    NOT_FOUND = 3


FATES = ("found", "wrong_class", "poorly_localized", "not_found")
"""The names of the fates that count, in the order of their values."""


@dataclass(frozen=True, eq=False)
class Misses:
    """What became of the objects of a dataset.

    Attributes:
        conf: the least score of the detections that were looked at.
        fate: ``[M]`` values of :class:`Fate`, in the order of the ranking's objects.
        per_class: counts by the names of :data:`FATES`, of each class that has objects.
        total: the same over all classes.
    """

    conf: float
    fate: IntArray
    per_class: dict[str, dict[str, int]]
    total: dict[str, int]

    def to_json(self) -> dict[str, object]:
        """Return plain values."""
        return {"conf": self.conf, "total": self.total, "by_class": self.per_class}


def find_misses(ranking: Ranking, *, conf: float) -> Misses:
    """Judge every object: its fate is the first of these that holds.

    - found: by a true positive.
    - wrong class: a detection of another class fits it (the IoU of a match).
    - poorly localized: a detection of its class overlaps it with an IoU of at least 0.1.
    - not found: none of these.

    A detection that is a true positive is at home elsewhere and explains no miss.

    Args:
        ranking: of a dataset.
        conf: the least score of the detections that are looked at.
    """
    objects = ranking.objects
    fate = np.full(len(objects.labels), int(Fate.NOT_FOUND), dtype=np.int64)
    loose = np.flatnonzero((ranking.scores >= conf) & ranking.false_positive)
    boxes, images = ranking.boxes[loose], ranking.images[loose]
    labels = ranking.labels[loose]

    classes = len(ranking.classes)
    near = match_best(
        objects.boxes,
        objects.images * classes + objects.labels,
        boxes,
        images * classes + labels,
    )
    fate[near.iou >= WEAK_IOU] = Fate.POORLY_LOCALIZED
    rows, detections, _ = overlapping_pairs(
        objects.boxes, objects.images, boxes, images, iou_threshold=ranking.iou_threshold
    )
    fate[rows[objects.labels[rows] != labels[detections]]] = Fate.WRONG_CLASS
    fate[ranking.found(conf)] = Fate.FOUND
    fate[objects.ignored] = Fate.IGNORED

    counts = np.zeros((classes, len(FATES)), dtype=np.int64)
    counted = ~objects.ignored
    np.add.at(counts, (objects.labels[counted], fate[counted]), 1)
    return Misses(
        conf=conf,
        fate=fate,
        per_class={
            name: dict(zip(FATES, row.tolist(), strict=True))
            for name, row in zip(ranking.classes, counts, strict=True)
            if row.any()
        },
        total=dict(zip(FATES, counts.sum(axis=0).tolist(), strict=True)),
    )
