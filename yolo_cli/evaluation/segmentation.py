"""Scores of masks: intersection over union, and accuracies of pixels and classes.

The definitions of Long et al. 2015 (FCN), section 5, and of VOC: all images are counted together,
pixels that are not labelled do not count, and a class that is neither in the truth nor in what was
found has no IoU and is not part of the mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from yolo_cli.data.mask import IGNORED, MaskArray
from yolo_cli.data.sample import FloatArray, IntArray
from yolo_cli.evaluation.bootstrap import RESAMPLES, draw, interval_of
from yolo_cli.evaluation.plain import PlainScores

SCORE = "mean IoU"


def count_pairs(truth: MaskArray, found: MaskArray, classes: int) -> IntArray:
    """Count the pixels of an image by true and found class.

    Args:
        truth: ``[H, W]`` indices of classes; 255 does not count.
        found: likewise; what is no class of the dataset's is wrong everywhere.
        classes: how many there are, C.

    Returns:
        ``[C, C + 1]``, rows by truth; the last column is for what is none of the classes.

    Raises:
        ValueError: the masks differ in size.
    """
    if truth.shape != found.shape:
        raise ValueError(f"masks of {truth.shape} and {found.shape}")
    counts = truth != IGNORED
    columns = np.minimum(found[counts], classes).astype(np.int64)
    pairs = truth[counts].astype(np.int64) * (classes + 1) + columns
    return np.bincount(pairs, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


@dataclass(frozen=True, eq=False)
class SegmentationScore:
    """How good masks are; all rates 0 to 100, nan where there is nothing to divide by.

    Attributes:
        classes: names.
        pairs: ``[C, C + 1]`` of all images together, see :func:`count_pairs`.
        images: how many there were.
    """

    classes: tuple[str, ...]
    pairs: IntArray
    images: int

    @cached_property
    def iou(self) -> FloatArray:
        """``[C]`` pixels of a class that were found, among all that are it or were taken for it."""
        return 100 * _iou(self.pairs)

    @cached_property
    def accuracy(self) -> FloatArray:
        """``[C]`` pixels of a class that were found, among all that are it (recall)."""
        return 100 * _quotient(_right(self.pairs), self.pairs.sum(axis=1))

    @cached_property
    def precision(self) -> FloatArray:
        """``[C]`` pixels of a class that were found, among all that were taken for it."""
        square = self.pairs[:, : len(self.classes)]
        return 100 * _quotient(_right(self.pairs), square.sum(axis=0))

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that have one."""
        return _mean(self.iou)

    @property
    def class_accuracy(self) -> float:
        """Mean accuracy of the classes that are in the truth."""
        return _mean(self.accuracy)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels whose class was found."""
        total = self.pairs.sum()
        return 100 * float(_right(self.pairs).sum() / total) if total else float("nan")

    @property
    def pixels(self) -> IntArray:
        """``[C]`` labelled pixels of each class."""
        pixels: IntArray = self.pairs.sum(axis=1)
        return pixels

    def plain(self) -> PlainScores:
        """Return the scores as they are shown."""
        return PlainScores(
            name=SCORE,
            metrics={
                SCORE: self.mean_iou,
                "pixel accuracy": self.pixel_accuracy,
                "class accuracy": self.class_accuracy,
            },
            classes=self.classes,
            columns={
                "IoU": self.iou.tolist(),
                "accuracy": self.accuracy.tolist(),
                "precision": self.precision.tolist(),
                "pixels": self.pixels.tolist(),
            },
            unit="pixel",
            confusion=self.pairs[:, : len(self.classes)],
        )


def score_masks(
    pairs: Iterable[tuple[MaskArray, MaskArray]], classes: Sequence[str]
) -> SegmentationScore:
    """Score masks.

    Args:
        pairs: truth and what was found, ``[H, W]`` each, of every image.
        classes: names.
    """
    total: IntArray = np.zeros((len(classes), len(classes) + 1), dtype=np.int64)
    images = 0
    for truth, found in pairs:
        total += count_pairs(truth, found, len(classes))
        images += 1
    return SegmentationScore(tuple(classes), total, images)


def difference_interval(
    first: IntArray, second: IntArray, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return in which interval the second mean IoU exceeds the first, in points.

    It holds the middle 95 % of the differences when images are drawn again (paired bootstrap, see
    :mod:`yolo_cli.evaluation.bootstrap`).

    Args:
        first: ``[N, C, C + 1]`` pairs of each image, of one network.
        second: those of another one, for the same images.
        resamples: how often to draw.
        seed: of the draws.
    """
    weights = draw(len(first), resamples, seed).astype(np.float64)
    means = []
    for pairs in (first, second):
        drawn = weights @ pairs.reshape(len(pairs), -1).astype(np.float64)
        iou = _iou(drawn.reshape(-1, *pairs.shape[1:]))
        means.append(np.array([100 * _mean(row) for row in iou]))
    return interval_of(means[1] - means[0])


def _iou(pairs: npt.NDArray[Any]) -> FloatArray:
    """IoU 0-1 of ``[..., C, C + 1]``."""
    right = _right(pairs)
    taken = pairs[..., : pairs.shape[-2]].sum(axis=-2)
    return _quotient(right, pairs.sum(axis=-1) + taken - right)


def _right(pairs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.diagonal(pairs, axis1=-2, axis2=-1)


def _quotient(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> FloatArray:
    result: FloatArray = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
