"""The score threshold at which a detector finds most for its mistakes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from yolo_cli.evaluation.voc import VocScore


class OperatingPoint(NamedTuple):
    """A threshold and what it brings, over all classes together; all in [0, 1]."""

    threshold: float
    precision: float
    recall: float
    f1: float


def best_f1(score: VocScore) -> OperatingPoint | None:
    """The threshold with the highest F1, the harmonic mean of precision and recall.

    Returns:
        The point, its threshold the lowest score that is kept; None if nothing was found rightly.
    """
    classes = [c for c in score.per_class.values() if c.objects]
    if not any(c.true_positives for c in classes):
        return None
    scores = np.concatenate([c.scores for c in classes])
    # Recall rises by one object at each true positive.
    right = np.concatenate([np.diff(np.rint(c.recall * c.objects), prepend=0.0) for c in classes])
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(right[order])
    precision = found / np.arange(1, len(found) + 1)
    recall = found / sum(c.objects for c in classes)
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    # A threshold keeps all of several equal scores: only the last of them can be one.
    last_of_equals = np.append(scores[1:] != scores[:-1], True)
    best = int(np.argmax(np.where(last_of_equals, f1, -1.0)))
    return OperatingPoint(*(float(v[best]) for v in (scores, precision, recall, f1)))
