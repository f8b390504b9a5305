"""Scores of images drawn again: the paired bootstrap (Efron 1979).

Images are drawn with replacement, as many as there are, and both detectors are scored on the same
draw; the middle 95 % of the differences are the interval. Drawing an image k times counts its
objects and detections k times, so that every draw is scored from one matching, by weights.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from yolo_cli.data.sample import FloatArray, IntArray
from yolo_cli.evaluation.ranking import Ranking, rank
from yolo_cli.evaluation.voc import RECALLS_07, Rule, VocMatching

RESAMPLES = 1000
PERCENT = 95.0
RULES: tuple[Rule, Rule] = ("voc07", "voc")
_Counts: TypeAlias = npt.NDArray[np.int32]  # narrow: what takes time is to read them
_ELEMENTS = 1_000_000  # of one array of weights: bounds the memory, and stays in the cache


def difference_interval(
    first: VocMatching,
    second: VocMatching,
    images: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return in which interval the second VOC2007 mAP exceeds the first, in points.

    It holds the middle 95 % of the differences when images are drawn again, the same ones for both.

    Args:
        first: one detector's detections, matched with the objects of some images.
        second: another one's, of the same images.
        images: how many there are.
        resamples: how often to draw.
        seed: of the draws.

    Returns:
        Lower and upper end; nan where there is nothing to find.
    """
    weights = draw(images, resamples, seed)
    drawn = [resampled_ap(rank(matching), weights)["voc07"] for matching in (first, second)]
    return interval_of(mean_over_classes(drawn[1]) - mean_over_classes(drawn[0]))


def draw(images: int, resamples: int, seed: int) -> IntArray:
    """Draw images with replacement.

    Returns:
        ``[resamples, images]`` how often each image was drawn.
    """
    rng = np.random.default_rng(seed)
    weights = np.empty((resamples, images), dtype=np.int64)
    for row in weights:
        row[:] = np.bincount(rng.integers(0, images, images), minlength=images)
    return weights


def resampled_ap(ranking: Ranking, weights: IntArray) -> dict[Rule, FloatArray]:
    """Return each class's average precision if every image counted as often as its weight says.

    Args:
        ranking: of the dataset.
        weights: ``[R, images]``, not negative.

    Returns:
        By rule ``[R, C]`` 0-100; nan where no object of a class was drawn.
    """
    shape = (len(weights), len(ranking.classes))
    ap: dict[Rule, FloatArray] = {rule: np.full(shape, np.nan) for rule in RULES}
    objects = ranking.objects
    columns: _Counts = np.ascontiguousarray(weights.T, dtype=np.int32)
    for label in np.flatnonzero(ranking.to_find):
        rows = np.flatnonzero((ranking.labels == label) & ranking.counts)
        hits = np.flatnonzero(ranking.claims[rows])
        own = objects.images[(objects.labels == label) & ~objects.ignored]
        step = max(1, _ELEMENTS // max(1, len(rows)))
        for start in range(0, len(weights), step):
            part = slice(start, start + step)
            to_find = columns[own, part].sum(axis=0)
            of_rows = columns[ranking.images[rows], part]
            voc07, voc = _weighted_ap(of_rows, hits, to_find)
            ap["voc07"][part, label], ap["voc"][part, label] = 100 * voc07, 100 * voc
    return ap


def _weighted_ap(
    weights: _Counts, hits: IntArray, to_find: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the average precision by both rules, of R draws.

    The copies of a detection follow one another. Precision rises from one copy of a true positive
    to the next, so that the last one stands for all; where it is highest is always at a true
    positive, so that the others only have to be counted.

    Args:
        weights: ``[K, R]`` how often each ranked detection is there.
        hits: ``[H]`` which of them are true positives.
        to_find: ``[R]`` objects.

    Returns:
        Twice ``[R]``, 0-1; nan without objects.
    """
    of_hits = weights[hits]
    found = np.cumsum(of_hits, axis=0, dtype=np.int32)
    kept = np.cumsum(weights, axis=0, dtype=np.int32)[hits]
    precision = found / np.maximum(kept, 1)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        voc = (envelope * of_hits).sum(axis=0) / to_find
        recall = found / to_find
    padded = np.concatenate([envelope, np.zeros((1, weights.shape[1]))])
    first = np.stack([(recall < at).sum(axis=0) for at in RECALLS_07])
    voc07 = np.take_along_axis(padded, first, axis=0).mean(axis=0)
    nothing = to_find == 0
    voc07[nothing] = voc[nothing] = np.nan
    return voc07, voc


def mean_over_classes(ap: FloatArray) -> FloatArray:
    """Return the ``[R]`` means over the classes that were drawn; nan if none was."""
    known = ~np.isnan(ap)
    total = np.where(known, ap, 0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def interval_of(differences: FloatArray) -> tuple[float, float]:
    """Return the middle of the draws in which there was something to find."""
    known = differences[~np.isnan(differences)]
    if not len(known):
        return float("nan"), float("nan")
    tail = (100 - PERCENT) / 2
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)
