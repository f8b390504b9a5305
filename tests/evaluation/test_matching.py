from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from yolo_cli.data.sample import FloatArray, IntArray
from yolo_cli.evaluation import matching
from yolo_cli.evaluation.matching import first_claims, iou_inclusive, match_best


def boxes(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def ints(*values: int) -> IntArray:
    return np.array(values, dtype=np.int64)


def test_iou_by_hand() -> None:
    first = boxes((0, 0, 10, 10), (0, 0, 10, 10), (0, 0, 10, 10), (0, 0, 10, 10), (0, 0, 4, 2))
    second = boxes((0, 0, 10, 10), (5, 5, 15, 15), (10, 0, 20, 10), (30, 30, 40, 40), (1, 1, 3, 5))
    # the same; 25 / 175; neighbours without a common pixel; apart (both sides negative);
    # columns 1..3 and row 1..2 are common: 2 / (8 + 8 - 2)
    expected = [1, 1 / 7, 0, 0, 1 / 7]
    assert iou_inclusive(first, second).tolist() == pytest.approx(expected, abs=1e-15)
    assert iou_inclusive(second, first).tolist() == pytest.approx(expected, abs=1e-15)


def test_iou_of_boxes_without_area_is_zero() -> None:
    assert iou_inclusive(boxes((3, 3, 3, 3)), boxes((3, 3, 3, 3))).tolist() == [0]


def test_each_detection_gets_the_best_object_of_its_group() -> None:
    objects = boxes((0, 0, 10, 10), (0, 0, 10, 10), (0, 0, 10, 8))
    matches = match_best(
        boxes((0, 0, 10, 8), (0, 0, 10, 8), (0, 0, 10, 8), (50, 50, 60, 60)),
        ints(7, 3, 5, 7),
        objects,
        ints(7, 3, 7),
        iou_threshold=0.5,
    )
    # Group 7 holds objects 0 (IoU .8) and 2 (IoU 1), group 3 object 1, group 5 none.
    assert matches.index.tolist() == [2, 1, -1, -1]
    assert matches.iou.tolist() == pytest.approx([1, 0.8, 0, 0], abs=1e-15)


def test_below_the_threshold_the_overlap_is_still_told() -> None:
    matches = match_best(
        boxes((0, 0, 10, 4)), ints(0), boxes((0, 0, 10, 10)), ints(0), iou_threshold=0.5
    )
    assert matches.index.tolist() == [-1]
    assert matches.iou.tolist() == pytest.approx([0.4], abs=1e-15)


def test_of_equal_overlaps_the_first_object_wins() -> None:
    objects = boxes((5, 0, 15, 10), (0, 0, 10, 10), (0, 0, 10, 10))
    matches = match_best(boxes((0, 0, 10, 10)), ints(0), objects, ints(0, 0, 0), iou_threshold=0.5)
    assert matches.index.tolist() == [1]


def test_nothing_to_match() -> None:
    none = boxes()
    assert match_best(none, ints(), none, ints(), iou_threshold=0.5).index.tolist() == []
    matches = match_best(boxes((0, 0, 1, 1)), ints(0), none, ints(), iou_threshold=0.5)
    assert matches.index.tolist() == [-1]


@pytest.mark.parametrize("pairs", [1, 2, 7, 50])
def test_cutting_the_work_into_passes_changes_nothing(
    pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 20, size=(60, 2)).astype(np.float64)
    everything = np.concatenate([corners, corners + rng.integers(1, 20, size=(60, 2))], axis=1)
    groups = rng.integers(0, 4, size=60)
    arguments = everything[:40], groups[:40], everything[40:], groups[40:]
    whole = match_best(*arguments, iou_threshold=0.3)
    monkeypatch.setattr(matching, "PAIRS_PER_PASS", pairs)
    parts = match_best(*arguments, iou_threshold=0.3)
    assert (whole.index >= 0).any()
    assert parts.index.tolist() == whole.index.tolist()
    assert parts.iou.tolist() == whole.iou.tolist()


def test_the_first_in_the_ranking_claims_the_object() -> None:
    claims = first_claims(ints(4, -1, 2, 4, 2, -1, 0))
    assert claims.tolist() == [True, False, True, False, False, False, True]
    assert first_claims(ints()).tolist() == []


def test_scoring_needs_no_torch() -> None:
    code = "import sys, yolo_cli.evaluation.voc; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
