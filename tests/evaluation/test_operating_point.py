from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.operating_point import best_f1, points_of_all, points_of_classes
from yolo_cli.evaluation.voc import VocScore, evaluate_voc

BOXES = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]])


def score_of(found: list[tuple[int, float]]) -> VocScore:
    """Three objects of class 0; each detection is (object that it covers or -1, score)."""
    nothing = np.zeros(3, dtype=bool)
    sample = Sample(
        "a", Path("a.jpg"), 100, 100, BOXES, np.zeros(3, dtype=np.int64), nothing, nothing,
        np.full(3, 100.0),
    )  # fmt: skip
    boxes = [BOXES[i] if i >= 0 else np.array([60.0, 60, 70, 70]) for i, _ in found]
    detections = {
        "boxes": np.array(boxes).reshape(-1, 4),
        "scores": np.array([s for _, s in found]),
        "labels": np.zeros(len(found), dtype=np.int64),
    }
    return evaluate_voc([sample], [detections], ["thing", "absent"])


def test_the_best_threshold_by_hand() -> None:
    # Right, wrong, right, wrong: precision 1, 1/2, 2/3, 1/2; recall 1/3, 1/3, 2/3, 2/3.
    # F1 = 2PR/(P+R): .5, .4, 2/3, 4/7: best at the third.
    point = best_f1(score_of([(0, 0.9), (-1, 0.8), (1, 0.6), (-1, 0.3)]))
    assert point == pytest.approx((0.6, 200 / 3, 200 / 3, 200 / 3))


def test_equal_scores_are_kept_or_left_together() -> None:
    # At 0.5 stand a right and a wrong one: both or none. Both: P 2/3, R 2/3.
    # Without them: P 1, R 1/3, F1 1/2.
    point = best_f1(score_of([(0, 0.9), (1, 0.5), (-1, 0.5)]))
    assert point == pytest.approx((0.5, 200 / 3, 200 / 3, 200 / 3))


def test_nothing_right_has_no_best_threshold() -> None:
    assert best_f1(score_of([(-1, 0.9)])) is None
    assert best_f1(score_of([])) is None


def test_the_points_of_a_threshold_by_hand() -> None:
    found = [(0, 0.9), (-1, 0.8), (1, 0.6), (-1, 0.3)]
    # .6 itself is kept: 2 right of 3, 2 of 3 objects. Above it: 1 of 2, 1 of 3, F1 2/5.
    for conf, expected in ((0.6, (200 / 3, 200 / 3, 200 / 3)), (0.61, (50, 100 / 3, 40))):
        points = points_of_classes(score_of(found), conf)
        assert list(points) == ["thing"]  # the other class has no object
        assert points["thing"].at_conf == pytest.approx((conf, *expected))
        assert points["thing"] == points_of_all(score_of(found), conf)


def test_no_detection_has_no_precision() -> None:
    point = points_of_all(score_of([(0, 0.9)]), 0.95).at_conf
    assert point == pytest.approx((0.95, float("nan"), 0, 0), nan_ok=True)


def test_no_object_has_no_points() -> None:
    score = evaluate_voc([], [], ["thing"])
    assert points_of_classes(score, 0.5) == {}
    assert points_of_all(score, 0.5) == (None, None)
