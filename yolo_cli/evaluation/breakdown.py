"""What a detector's errors are: figure 4 of the YOLO paper, after Hoiem et al. 2012.

Redmon et al. 2016, section 4.2; Hoiem, Chodpathumwan, Dai, "Diagnosing Error in Object Detectors",
ECCV 2012, section 2. Where the papers are silent, Hoiem's released code is followed; the places
where VOC scoring decides otherwise are named in :func:`judge` and :func:`error_breakdown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from yolo_cli.data.sample import BoolArray, FloatArray, IntArray
from yolo_cli.evaluation.matching import overlapping_pairs
from yolo_cli.evaluation.ranking import Ranking

WEAK_IOU = 0.1
"""From this overlap on, a detection has to do with an object."""


class Kind(IntEnum):
    """What became of a detection."""

    IGNORED = -1
    CORRECT = 0
    LOCALIZATION = 1
    SIMILAR = 2
    OTHER = 3
    BACKGROUND = 4


KINDS = ("correct", "localization", "similar", "other", "background")
"""The names of the kinds that count, in the order of their values and of the paper."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What became of each of D ranked detections.

    Attributes:
        kind: ``[D]`` values of :class:`Kind`.
        target: ``[D]`` the object that a false positive has to do with, -1 for background: of
            its own class for a localization error, of another class for similar and other.
        target_iou: ``[D]`` IoU with it, 0 for background.
        duplicate: ``[D]`` localization errors that overlap their object enough and are false
            because another detection has claimed it.
    """

    kind: IntArray
    target: IntArray
    target_iou: FloatArray
    duplicate: BoolArray


@dataclass(frozen=True)
class ClassBreakdown:
    """The first N detections of a class, N being the number of its objects.

    Attributes:
        objects: N, difficult ones not among them.
        counts: detections of each kind, by the names of :data:`KINDS`.
        duplicates: how many of the localization errors are duplicates.
        lacking: by how many the detections are fewer than N.
    """

    objects: int
    counts: dict[str, int]
    duplicates: int
    lacking: int

    def percent(self, kind: str) -> float:
        """Share of a kind in N, 0-100; ``"lacking"`` is one too."""
        number = self.lacking if kind == "lacking" else self.counts[kind]
        return 100 * number / self.objects


@dataclass(frozen=True)
class Breakdown:
    """The errors of a dataset.

    Attributes:
        per_class: of each class that has objects.
        mean: percentage of each kind, and of ``"lacking"``: the mean over these classes, as in the
            paper's figure; empty if there are none.
    """

    per_class: dict[str, ClassBreakdown]
    mean: dict[str, float]

    def to_json(self) -> dict[str, object]:
        """Return plain values: percentages of the mean, counts of the classes."""
        return {
            "mean": self.mean,
            "by_class": {
                name: {
                    "objects": one.objects,
                    **one.counts,
                    "duplicates": one.duplicates,
                    "lacking": one.lacking,
                }
                for name, one in self.per_class.items()
            },
        }


def judge(ranking: Ranking, similar: BoolArray) -> Judgement:
    """Judge every detection: it is the first of these that holds.

    - ignored: matched with a difficult or crowd object. (VOC's rule; Hoiem's code counts the
      first such detection as correct.)
    - correct: a true positive of VOC scoring. (Hoiem's code lets a detection fall back on another
      object that is still free; VOC's does not.)
    - localization: IoU of at least 0.1 with an object of its class, also where it is a second
      detection of an object (duplicate).
    - similar: IoU of at least 0.1 with an object of a similar class.
    - other: IoU of at least 0.1 with any other object.
    - background: the rest.

    Objects that are ignored in scoring are objects here: a detection on one is not background.

    Args:
        ranking: of a dataset.
        similar: ``[C, C]`` which classes are alike.
    """
    false = ranking.false_positive
    kind = np.where(false, Kind.BACKGROUND, np.where(ranking.counts, Kind.CORRECT, Kind.IGNORED))
    target = np.full(len(kind), -1, dtype=np.int64)
    target_iou = np.zeros(len(kind))

    local = false & (ranking.iou >= WEAK_IOU)
    kind[local] = Kind.LOCALIZATION
    target[local], target_iou[local] = ranking.index[local], ranking.iou[local]

    confused = np.flatnonzero(false & ~local)
    rows, objects, iou = overlapping_pairs(
        ranking.boxes[confused],
        ranking.images[confused],
        ranking.objects.boxes,
        ranking.objects.images,
        iou_threshold=WEAK_IOU,
    )
    rows = confused[rows]
    alike = similar[ranking.labels[rows], ranking.objects.labels[objects]]
    # For each detection: similar classes before others, then the highest overlap.
    order = np.lexsort((objects, -iou, ~alike, rows))
    first = order[np.unique(rows[order], return_index=True)[1]]
    kind[rows[first]] = np.where(alike[first], Kind.SIMILAR, Kind.OTHER)
    target[rows[first]], target_iou[rows[first]] = objects[first], iou[first]
    return Judgement(kind, target, target_iou, duplicate=local & (ranking.matched >= 0))


def error_breakdown(ranking: Ranking, judgement: Judgement) -> Breakdown:
    """Count the kinds among the first N detections of each class that has N objects.

    Ignored detections hold no rank, so that a perfect detector is 100 % correct. A class with less
    than N detections lacks the rest.
    """
    per_class = {}
    for label, name in enumerate(ranking.classes):
        objects = int(ranking.to_find[label])
        if not objects:
            continue
        top = np.flatnonzero((ranking.labels == label) & ranking.counts)[:objects]
        numbers = np.bincount(judgement.kind[top], minlength=len(KINDS)).tolist()
        per_class[name] = ClassBreakdown(
            objects=objects,
            counts=dict(zip(KINDS, numbers, strict=True)),
            duplicates=int(judgement.duplicate[top].sum()),
            lacking=objects - len(top),
        )
    mean = {
        kind: float(np.mean([one.percent(kind) for one in per_class.values()]))
        for kind in (*KINDS, "lacking")
        if per_class
    }
    return Breakdown(per_class, mean)
