"""Is one detector better than another, or was it luck with these images?

A paired bootstrap (Efron 1979): images are drawn with replacement, as many as there are, and both
detectors are scored on the same draw; the middle 95 % of the differences are the interval.
Drawing an image k times counts its objects and detections k times, so that every draw is scored
from one matching, by weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from yolo_cli.data.sample import FloatArray, IntArray
from yolo_cli.evaluation.evaluation import Evaluation
from yolo_cli.evaluation.ranking import Ranking, class_ap, mean_ap, rank
from yolo_cli.evaluation.voc import RECALLS_07, Rule

RESAMPLES = 1000
PERCENT = 95.0
RULES: tuple[Rule, Rule] = ("voc07", "voc")
_Counts: TypeAlias = npt.NDArray[np.int32]  # narrow: what takes time is to read them
_ELEMENTS = 1_000_000  # of one array of weights: bounds the memory, and stays in the cache


@dataclass(frozen=True)
class Difference:
    """One number of two detectors, 0-100; nan where it is not defined.

    Attributes:
        first: of the first detector.
        second: of the second one.
        low: lower end of the interval of ``second - first``; nan where there is none.
        high: its upper end.
    """

    first: float
    second: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Return how much better the second one is."""
        return self.second - self.first

    @property
    def certain(self) -> bool:
        """Return whether the interval excludes 0."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, object]:
        """Return plain values; None for nan."""
        values = {
            "first": self.first,
            "second": self.second,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
        }
        return {name: None if np.isnan(v) else v for name, v in values.items()}


@dataclass(frozen=True)
class Comparison:
    """Two detectors on the same images, at IoU 0.5.

    Attributes:
        voc07: VOC2007 mAP.
        voc: VOC2010+ mAP.
        coco: COCO AP, without an interval.
        per_class: VOC2007 AP of each class that has objects.
        resamples: how often images were drawn.
        seed: of the draws.
    """

    voc07: Difference
    voc: Difference
    coco: Difference
    per_class: dict[str, Difference]
    resamples: int
    seed: int

    def to_json(self) -> dict[str, object]:
        """Return plain values."""
        return {
            "voc07": self.voc07.to_json(),
            "voc": self.voc.to_json(),
            "coco": self.coco.to_json(),
            "by_class": {name: one.to_json() for name, one in self.per_class.items()},
            "interval": {"percent": PERCENT, "resamples": self.resamples, "seed": self.seed},
        }


def compare(
    first: Evaluation, second: Evaluation, *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare two detectors.

    The same seed draws the same images, whichever detectors are compared.

    Args:
        first: scores of one detector.
        second: scores of another one, of the same images and classes.
        resamples: how often to draw.
        seed: of the draws.

    Raises:
        ValueError: the images, their objects or the classes differ.
    """
    _check_same(first, second)
    images = len(first.samples)
    rankings = (rank(first.matching), rank(second.matching))
    drawn = [resampled_ap(ranking, draw(images, resamples, seed)) for ranking in rankings]
    whole = [_whole_ap(ranking) for ranking in rankings]

    def of(rule: Rule, label: int | None = None) -> Difference:
        if label is None:
            values = [mean_ap(ap[rule]) for ap in whole]
            draws = [_mean_over_classes(ap[rule]) for ap in drawn]
        else:
            values = [float(ap[rule][label]) for ap in whole]
            draws = [ap[rule][:, label] for ap in drawn]
        low, high = _interval(draws[1] - draws[0])
        return Difference(values[0], values[1], low, high)

    nan = float("nan")
    return Comparison(
        voc07=of("voc07"),
        voc=of("voc"),
        coco=Difference(first.coco.metrics["AP"], second.coco.metrics["AP"], nan, nan),
        per_class={
            name: of("voc07", label)
            for label, name in enumerate(first.classes)
            if rankings[0].to_find[label]
        },
        resamples=resamples,
        seed=seed,
    )


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


def _whole_ap(ranking: Ranking) -> dict[Rule, FloatArray]:
    labels, hits = ranking.labels[ranking.counts], ranking.claims[ranking.counts]
    return {rule: class_ap(labels, hits, ranking.to_find, rule) for rule in RULES}


def _mean_over_classes(ap: FloatArray) -> FloatArray:
    """Return the ``[R]`` means over the classes that were drawn; nan if none was."""
    known = ~np.isnan(ap)
    total = np.where(known, ap, 0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _interval(differences: FloatArray) -> tuple[float, float]:
    """Return the middle of the draws in which there was something to find."""
    known = differences[~np.isnan(differences)]
    if not len(known):
        return float("nan"), float("nan")
    tail = (100 - PERCENT) / 2
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)


def _check_same(first: Evaluation, second: Evaluation) -> None:
    if first.classes != second.classes:
        raise ValueError("the classes differ")
    one, other = first.matching.objects, second.matching.objects
    if _ids(first) != _ids(second) or not (
        np.array_equal(one.boxes, other.boxes)
        and np.array_equal(one.labels, other.labels)
        and np.array_equal(one.images, other.images)
        and np.array_equal(one.ignored, other.ignored)
    ):
        raise ValueError("the images or their objects differ")


def _ids(evaluation: Evaluation) -> Sequence[str]:
    return [sample.id for sample in evaluation.samples]
