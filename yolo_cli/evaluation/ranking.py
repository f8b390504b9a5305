"""All detections of a dataset in one ranked list, and what became of each.

The questions that follow a score (which kinds of error are there, what if they were fixed, how
does it depend on the size of objects, is it better than another detector's?) are asked of this
list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_cli.data.sample import BoolArray, FloatArray, IntArray
from yolo_cli.evaluation.flat import FlatObjects
from yolo_cli.evaluation.matching import first_claims
from yolo_cli.evaluation.voc import IOU_THRESHOLD, Rule, VocMatching, average_precision


@dataclass(frozen=True, eq=False)
class Ranking:
    """D detections of all classes by descending score, equal scores in the order given.

    Attributes:
        classes: C names that the labels index.
        iou_threshold: the least IoU with which an object is found.
        boxes: ``[D, 4]`` float64 xyxy, pixels.
        scores: ``[D]`` descending.
        labels: ``[D]``.
        images: ``[D]`` indices of images.
        index: ``[D]`` row of the object of its class and image that it overlaps most, -1 if none.
        iou: ``[D]`` IoU with that object.
        matched: ``[D]`` the same as ``index`` where the IoU reaches the threshold, else -1.
        claims: ``[D]`` it is the first that is matched with its object.
        counts: ``[D]`` it is not matched with an ignored object.
        objects: of all images.
        to_find: ``[C]`` objects of each class that are not ignored.
    """

    classes: tuple[str, ...]
    iou_threshold: float
    boxes: FloatArray
    scores: FloatArray
    labels: IntArray
    images: IntArray
    index: IntArray
    iou: FloatArray
    matched: IntArray
    claims: BoolArray
    counts: BoolArray
    objects: FlatObjects
    to_find: IntArray

    @property
    def true_positive(self) -> BoolArray:
        """Return the ``[D]`` true positives, as in VOC scoring."""
        return self.claims & self.counts

    @property
    def false_positive(self) -> BoolArray:
        """Return the ``[D]`` false positives, as in VOC scoring."""
        return ~self.claims & self.counts

    def found(self, conf: float = 0.0) -> BoolArray:
        """Return the ``[M]`` objects that are claimed by a detection of at least this score."""
        found = np.zeros(len(self.objects.labels), dtype=np.bool_)
        found[self.matched[self.claims & (self.scores >= conf)]] = True
        return found


def rank(matching: VocMatching, *, iou_threshold: float = IOU_THRESHOLD) -> Ranking:
    """Rank the detections of a dataset, judged as :func:`.score_voc` judges them.

    Args:
        matching: of the dataset.
        iou_threshold: the least IoU of a match, in ``(0, 1]``.
    """
    found, objects = matching.detections, matching.objects
    order = np.argsort(-found.scores, kind="stable")
    matched = matching.matches.at(iou_threshold)[order]
    counts = np.ones(len(order), dtype=np.bool_)
    counts[matched >= 0] = ~objects.ignored[matched[matched >= 0]]
    return Ranking(
        classes=matching.classes,
        iou_threshold=iou_threshold,
        boxes=found.boxes[order],
        scores=found.scores[order],
        labels=found.labels[order],
        images=found.images[order],
        index=matching.matches.index[order],
        iou=matching.matches.iou[order],
        matched=matched,
        claims=first_claims(matched),
        counts=counts,
        objects=objects,
        to_find=np.bincount(objects.labels[~objects.ignored], minlength=len(matching.classes)),
    )


def class_ap(
    labels: IntArray, true_positive: BoolArray, objects: IntArray, rule: Rule
) -> FloatArray:
    """Compute the average precision of every class from one ranked list.

    Args:
        labels: ``[K]`` of the detections that count, by descending score.
        true_positive: ``[K]``.
        objects: ``[C]`` objects to be found.
        rule: see :func:`.score_voc`.

    Returns:
        ``[C]`` 0-100; nan for a class without objects.
    """
    ap = np.full(len(objects), np.nan)
    for label in np.flatnonzero(objects):
        hits = true_positive[labels == label]
        ap[label] = 100 * average_precision(hits, int(objects[label]), rule)
    return ap


def mean_ap(ap: FloatArray) -> float:
    """Return the mean over the classes that have objects; nan if none has."""
    known = ap[~np.isnan(ap)]
    return float(known.mean()) if len(known) else float("nan")
