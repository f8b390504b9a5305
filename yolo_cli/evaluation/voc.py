"""Average precision by the rules of the Pascal VOC devkit (VOCevaldet.m, VOCap.m).

Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from yolo_cli.data.sample import BoolArray, FloatArray, IntArray, Sample
from yolo_cli.evaluation.flat import (
    Detections,
    FlatDetections,
    FlatObjects,
    flatten_detections,
    flatten_objects,
)
from yolo_cli.evaluation.matching import Matches, first_claims, match_best

Rule: TypeAlias = Literal["voc07", "voc"]

IOU_THRESHOLD = 0.5
"""The challenge's own."""

RECALLS_07 = np.arange(11) * 0.1
"""Recalls at which VOC2007 takes the precision. The devkit loops over ``0:0.1:1``, which in
floating point makes the fourth 3 * 0.1 = 0.30000000000000004: a recall of 3/10 does not reach it,
nor do 6/10 and 7/10 reach theirs. Ports of the devkit (``np.arange(0, 1.1, 0.1)``) agree."""


@dataclass(frozen=True, eq=False)
class ClassScore:
    """The score of one class.

    A detection matched with a difficult object neither counts nor hurts: it is among
    ``detections`` and in none of the arrays.

    Attributes:
        ap: average precision, 0-100; nan without objects.
        objects: objects to be found, difficult ones not among them.
        detections: detections of this class.
        true_positives: detections that claimed an object.
        scores: ``[K]`` scores of the detections that count, descending.
        hits: ``[K]`` whether each of these claimed an object.
        precision: ``[K]`` precision, 0-1, of the detections up to each of these.
        recall: ``[K]`` recall, 0-1, likewise; nan without objects.
    """

    ap: float
    objects: int
    detections: int
    true_positives: int
    scores: FloatArray
    hits: BoolArray
    precision: FloatArray
    recall: FloatArray


@dataclass(frozen=True, eq=False)
class VocScore:
    """The score of a dataset.

    Attributes:
        mean_ap: mean of ``ap``, 0-100; nan if no class has an object.
        ap: average precision, 0-100, of each class with at least one object that is not difficult.
        without_objects: the other classes, which the mean leaves out.
        per_class: details of every class, in the order of the classes.
    """

    mean_ap: float
    ap: dict[str, float]
    without_objects: tuple[str, ...]
    per_class: dict[str, ClassScore]


@dataclass(frozen=True, eq=False)
class VocMatching:
    """Each detection with the object of its class and image that it overlaps most.

    Which one that is does not depend on the IoU threshold, so one matching serves all of them.

    Attributes:
        classes: class names.
        objects: of all images.
        detections: of all images.
        matches: of each detection.
        ranked: for each class the rows of its detections by descending score.
    """

    classes: tuple[str, ...]
    objects: FlatObjects
    detections: FlatDetections
    matches: Matches
    ranked: tuple[IntArray, ...]


def evaluate_voc(
    samples: Sequence[Sample],
    detections: Sequence[Detections],
    classes: Sequence[str],
    *,
    iou_threshold: float = IOU_THRESHOLD,
    rule: Rule = "voc07",
) -> VocScore:
    """Score detections as the VOC devkit does: :func:`match_voc`, then :func:`score_voc`.

    Args:
        samples: the annotated images.
        detections: the detections of each image, in the same order.
        classes: names that the labels of both index.
        iou_threshold: the least IoU of a match, in ``(0, 1]``.
        rule: see :func:`score_voc`.

    Raises:
        ValueError: the two lists differ in length, or detections are malformed.
    """
    matching = match_voc(samples, detections, classes)
    return score_voc(matching, iou_threshold=iou_threshold, rule=rule)


def match_voc(
    samples: Sequence[Sample], detections: Sequence[Detections], classes: Sequence[str]
) -> VocMatching:
    """Match detections as the VOC devkit does.

    Per class, detections of all images are ranked by descending score (equal scores in the order
    given, as the devkit's stable sort does). Each belongs to the object of its class and image
    with the highest IoU, whoever else does.

    Args:
        samples: the annotated images.
        detections: the detections of each image, in the same order.
        classes: names that the labels of both index.

    Raises:
        ValueError: the two lists differ in length, or detections are malformed (shape, a label
            that is no class, a value that is not finite).
    """
    if len(samples) != len(detections):
        raise ValueError(f"{len(samples)} samples, but detections of {len(detections)} images")
    objects = flatten_objects(samples)
    found = flatten_detections(detections, len(classes))
    matches = match_best(
        found.boxes,
        found.images * len(classes) + found.labels,
        objects.boxes,
        objects.images * len(classes) + objects.labels,
    )
    order = np.lexsort((-found.scores, found.labels))
    ends = np.cumsum(np.bincount(found.labels, minlength=len(classes)))
    ranked = tuple(np.split(order, ends[:-1])) if classes else ()
    return VocMatching(tuple(classes), objects, found, matches, ranked)


def score_voc(
    matching: VocMatching, *, iou_threshold: float = IOU_THRESHOLD, rule: Rule = "voc07"
) -> VocScore:
    """Compute the average precision at an IoU threshold.

    A detection whose IoU is at least the threshold is a true positive if it is the first of its
    object, a false positive if it is not, and ignored if the object is difficult; below the
    threshold it is a false positive. Crowd objects are treated as difficult ones.

    Args:
        matching: of a dataset.
        iou_threshold: the least IoU of a match, in ``(0, 1]``.
        rule: ``"voc07"`` takes the mean of the precision at 11 recalls (VOC 2007 to 2009),
            ``"voc"`` the area under the precision envelope (VOC 2010 on).

    Raises:
        ValueError: the threshold is out of range.
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be in (0, 1], not {iou_threshold}")
    objects, scores = matching.objects, matching.detections.scores
    index = matching.matches.at(iou_threshold)
    counted = np.bincount(objects.labels[~objects.ignored], minlength=len(matching.classes))
    per_class = {
        name: _score_class(index[rows], scores[rows], objects.ignored, int(number), rule)
        for name, rows, number in zip(matching.classes, matching.ranked, counted, strict=True)
    }
    ap = {name: score.ap for name, score in per_class.items() if score.objects}
    return VocScore(
        mean_ap=float(np.mean(list(ap.values()))) if ap else float("nan"),
        ap=ap,
        without_objects=tuple(name for name in matching.classes if name not in ap),
        per_class=per_class,
    )


def average_precision(true_positive: BoolArray, objects: int, rule: Rule) -> float:
    """Compute the average precision of a ranked list of detections.

    Args:
        true_positive: ``[K]`` for each detection by descending score; none that is ignored.
        objects: how many objects there are to find, at least 1.
        rule: see :func:`score_voc`.

    Returns:
        Average precision, 0-1.
    """
    tp = np.cumsum(true_positive)
    precision = tp / np.arange(1, len(tp) + 1)
    # The highest precision at this recall or a higher one.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if rule == "voc":
        # Recall rises by 1/objects at each true positive and nowhere else.
        return float(envelope[true_positive].sum() / objects)
    first = np.searchsorted(tp / objects, RECALLS_07, side="left")
    return float(np.append(envelope, 0.0)[first].sum() / len(RECALLS_07))


def _score_class(
    index: IntArray, scores: FloatArray, ignored: BoolArray, objects: int, rule: Rule
) -> ClassScore:
    """Score one class from its matches in descending order of score."""
    counts = np.ones(len(index), dtype=np.bool_)
    matched = index >= 0
    counts[matched] = ~ignored[index[matched]]
    true_positive = first_claims(index)[counts]
    tp = np.cumsum(true_positive)
    return ClassScore(
        ap=100 * average_precision(true_positive, objects, rule) if objects else float("nan"),
        objects=objects,
        detections=len(index),
        true_positives=int(true_positive.sum()),
        scores=scores[counts],
        hits=true_positive,
        precision=tp / np.arange(1, len(tp) + 1),
        recall=tp / objects if objects else np.full(len(tp), np.nan),
    )
