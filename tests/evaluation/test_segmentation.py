"""Scores of masks, against numbers worked by hand and a literal transcription of torchmetrics."""

from __future__ import annotations

import math

import numpy as np
import pytest

from yolo_cli.data.mask import MaskArray
from yolo_cli.data.sample import FloatArray, IntArray
from yolo_cli.evaluation.segmentation import (
    SCORE,
    SegmentationScore,
    count_pairs,
    difference_interval,
    score_masks,
)

CLASSES = ("sky", "road", "car")


def mask(*rows: list[int]) -> MaskArray:
    return np.array(rows, dtype=np.uint8)


def jaccard(truth: IntArray, found: IntArray, classes: int) -> FloatArray:
    """``multiclass_jaccard_index(average=None, ignore_index=255)`` of torchmetrics 1.9.

    Written down from ``_multiclass_confusion_matrix_update`` and ``_jaccard_index_reduce``; with
    nan, not zero, for a class that is in neither, which ``macro`` leaves out of its mean.
    """
    keep = truth != 255
    target, preds = truth[keep], found[keep]
    confmat = np.bincount(target * classes + preds, minlength=classes**2).reshape(classes, classes)
    numerator = np.diag(confmat)
    denominator = confmat.sum(0) + confmat.sum(1) - numerator
    return np.where(denominator == 0, np.nan, numerator / np.maximum(denominator, 1))


def test_by_hand() -> None:
    truth = mask([0, 0, 0, 1], [1, 1, 255, 255])
    found = mask([0, 0, 1, 1], [1, 0, 2, 0])
    score = score_masks([(truth, found)], CLASSES)
    # sky: 2 of 3 found, one more taken for it; road: 2 of 3, one more; car: nowhere.
    assert score.iou[:2].tolist() == pytest.approx([50.0, 50.0])
    assert math.isnan(score.iou[2])
    assert score.mean_iou == pytest.approx(50)
    assert score.pixel_accuracy == pytest.approx(100 * 4 / 6)
    assert score.class_accuracy == pytest.approx(100 * 2 / 3)
    assert score.pixels.tolist() == [3, 3, 0]


def test_a_class_that_is_only_found_counts_as_zero() -> None:
    score = score_masks([(mask([0, 0]), mask([0, 2]))], CLASSES)
    assert score.iou[[0, 2]].tolist() == [50, 0]
    assert score.mean_iou == 25
    assert score.class_accuracy == 50


def test_what_is_no_class_is_wrong() -> None:
    assert count_pairs(mask([0, 1]), mask([254, 1]), 2).tolist() == [[0, 0, 1], [0, 1, 0]]
    score = score_masks([(mask([0, 1]), mask([254, 1]))], ("a", "b"))
    assert score.iou.tolist() == [0, 100]
    assert score.pixel_accuracy == 50


def test_images_are_counted_together() -> None:
    pairs = [(mask([0, 0, 0, 0]), mask([0, 0, 0, 1])), (mask([1]), mask([1]))]
    assert score_masks(pairs, ("a", "b")).iou.tolist() == [75, 50]


def test_agrees_with_torchmetrics_on_random_maps() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        classes = int(rng.integers(2, 12))
        present = rng.choice(classes, int(rng.integers(1, classes + 1)), replace=False)
        truth = rng.choice(present, (20, 30))
        found = np.where(rng.random(truth.shape) < 0.6, truth, rng.choice(present, truth.shape))
        truth[rng.random(truth.shape) < 0.1] = 255
        names = tuple(map(str, range(classes)))
        score = score_masks([(truth.astype(np.uint8), found.astype(np.uint8))], names)
        expected = 100 * jaccard(truth, found, classes)
        np.testing.assert_allclose(score.iou, expected, atol=1e-9)
        assert score.mean_iou == pytest.approx(np.nanmean(expected), abs=1e-9)


def test_nothing_labelled() -> None:
    score = score_masks([(mask([255, 255]), mask([0, 1]))], CLASSES)
    assert math.isnan(score.mean_iou)
    assert math.isnan(score.pixel_accuracy)
    assert score.plain().to_json()["metrics"][SCORE] is None


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="masks of"):
        count_pairs(mask([0, 1]), mask([0], [1]), 2)


def test_interval_of_a_difference() -> None:
    worse = np.stack([count_pairs(mask([0, 1, 1, 0]), mask([0, 1, 0, 0]), 2)] * 8)
    better = np.stack([count_pairs(mask([0, 1, 1, 0]), mask([0, 1, 1, 0]), 2)] * 8)
    # Every image has the same IoU, 2/3 and 1/2 against 1 and 1: drawing changes nothing.
    expected = 100 - 100 * (2 / 3 + 1 / 2) / 2
    assert difference_interval(worse, better, resamples=20) == pytest.approx((expected, expected))
    assert difference_interval(better, better, resamples=20) == (0, 0)


def test_plain_scores() -> None:
    score = SegmentationScore(("a", "b"), np.array([[3, 1, 0], [0, 4, 2]]), 1).plain()
    assert score.value == pytest.approx(100 * (3 / 4 + 4 / 7) / 2)
    assert score.confused(1) == [("a", "b", 1)]
