"""Precision, recall and F1 at a score threshold, and the threshold at which F1 is highest.

Matches are those of VOC scoring. Who claims an object does not depend on the threshold, as a
detection yields only to ones with a higher score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from yolo_cli.data.sample import BoolArray, FloatArray
from yolo_cli.evaluation.voc import ClassScore, VocScore


class OperatingPoint(NamedTuple):
    """A score threshold and what it brings; rates are 0-100.

    Attributes:
        threshold: the lowest score that is kept, 0-1.
        precision: of the detections kept that count; nan if there are none.
        recall: of the objects to be found.
        f1: harmonic mean of the two, 2 tp / (2 tp + fp + fn).
    """

    threshold: float
    precision: float
    recall: float
    f1: float


class OperatingPoints(NamedTuple):
    """Compute the point of one class, or of all together.

    Attributes:
        best: where F1 is highest; None if nothing was found rightly.
        at_conf: at the threshold asked for; None if there is no object to find.
    """

    best: OperatingPoint | None
    at_conf: OperatingPoint | None


def best_f1(score: VocScore) -> OperatingPoint | None:
    """Return the threshold with the highest F1 over all classes together.

    Returns:
        The point, its threshold the lowest score that is kept; None if nothing was found rightly.
    """
    return points_of_all(score, 0.0).best


def points_of_all(score: VocScore, conf: float) -> OperatingPoints:
    """Return the operating points of all classes that have objects, taken as one."""
    return _points([c for c in score.per_class.values() if c.objects], conf)


def points_of_classes(score: VocScore, conf: float) -> dict[str, OperatingPoints]:
    """Return the operating points of each class that has objects.

    Args:
        score: of a dataset, at the IoU threshold that a match is to have.
        conf: the score threshold asked for.
    """
    return {name: _points([c], conf) for name, c in score.per_class.items() if c.objects}


def _points(classes: Sequence[ClassScore], conf: float) -> OperatingPoints:
    objects = sum(c.objects for c in classes)
    if not objects:
        return OperatingPoints(None, None)
    scores = np.concatenate([c.scores for c in classes])
    hits = np.concatenate([c.hits for c in classes])
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], hits[order]
    kept = int(np.searchsorted(-scores, -conf, side="right"))
    found = int(hits[:kept].sum())
    return OperatingPoints(_best(scores, hits, objects), _point(conf, found, kept, objects))


def _best(scores: FloatArray, hits: BoolArray, objects: int) -> OperatingPoint | None:
    if not hits.any():
        return None
    found = np.cumsum(hits)
    f1 = 2 * found / (np.arange(1, len(found) + 1) + objects)
    # A threshold keeps all of several equal scores: only the last of them can be one.
    last_of_equals = np.append(scores[1:] != scores[:-1], True)
    best = int(np.argmax(np.where(last_of_equals, f1, -1.0)))
    return _point(float(scores[best]), int(found[best]), best + 1, objects)


def _point(threshold: float, found: int, kept: int, objects: int) -> OperatingPoint:
    return OperatingPoint(
        threshold,
        precision=100 * found / kept if kept else float("nan"),
        recall=100 * found / objects,
        f1=100 * 2 * found / (kept + objects),
    )
