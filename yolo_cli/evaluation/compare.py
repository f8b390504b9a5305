"""Is one detector better than another, or was it luck with these images?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_cli.data.sample import FloatArray
from yolo_cli.evaluation.bootstrap import (
    PERCENT,
    RESAMPLES,
    RULES,
    draw,
    interval_of,
    mean_over_classes,
    resampled_ap,
)
from yolo_cli.evaluation.evaluation import Evaluation
from yolo_cli.evaluation.ranking import Ranking, class_ap, mean_ap, rank
from yolo_cli.evaluation.voc import Rule


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
            draws = [mean_over_classes(ap[rule]) for ap in drawn]
        else:
            values = [float(ap[rule][label]) for ap in whole]
            draws = [ap[rule][:, label] for ap in drawn]
        low, high = interval_of(draws[1] - draws[0])
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


def _whole_ap(ranking: Ranking) -> dict[Rule, FloatArray]:
    labels, hits = ranking.labels[ranking.counts], ranking.claims[ranking.counts]
    return {rule: class_ap(labels, hits, ranking.to_find, rule) for rule in RULES}


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
