from __future__ import annotations

from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
import torch
from torch import Tensor

from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.postprocess import Detection, postprocess, vote
from yolo_cli.tasks.detect.thresholds import DETECT, EVAL, Thresholds

# One box a cell, two classes, 2 x 2 cells: the image's quarters.
GRID = Grid(2, 1, 2)
KEEP_ALL = Thresholds(conf=0.01, iou=0.5, max_det=300)


def raw(*boxes: tuple[int, int, float, float, float, float, float, float, float]) -> Tensor:
    """Each box: row, column, then the numbers x, y, √w, √h, confidence, two classes."""
    result = torch.zeros(1, 2, 2, 7)
    for row, column, *values in boxes:
        result[0, row, column] = torch.tensor(values)
    return result


def detect(
    output: Tensor, thresholds: Thresholds = KEEP_ALL, size: tuple[int, int] = (100, 100)
) -> Detection:
    return postprocess(output, GRID, [size], thresholds)[0]


def test_the_defaults_of_detection_and_scoring() -> None:
    assert (DETECT.conf, DETECT.iou, DETECT.max_det) == (0.25, 0.45, 300)
    assert (EVAL.conf, EVAL.iou, EVAL.max_det) == (0.005, 0.5, 300)


def test_boxes_are_scaled_to_the_images_width_and_height() -> None:
    # Centre ((1 + .5)/2, .5/2) = (.75, .25), size .25 x .36, in 200 x 100 pixels:
    # x 150 ± 25, y 25 ± 18. Score .8 x .9 of class 1.
    found = detect(raw((0, 1, 0.5, 0.5, 0.5, 0.6, 0.8, 0, 0.9)), size=(200, 100))
    torch.testing.assert_close(found["boxes"], torch.tensor([[125.0, 7, 175, 43]]))
    torch.testing.assert_close(found["scores"], torch.tensor([0.72]))
    assert found["labels"].tolist() == [1]
    assert found["boxes"].dtype == found["scores"].dtype == torch.float32
    assert found["labels"].dtype == torch.int64


def test_boxes_are_clipped_to_the_image() -> None:
    # Centre (0, 1) in the corner, as large as the image: half outside in both directions.
    found = detect(raw((1, 0, 0, 1, 1, 1, 1, 1, 0)), size=(60, 40))
    torch.testing.assert_close(found["boxes"], torch.tensor([[0.0, 20, 30, 40]]))


def test_a_box_that_lies_outside_is_dropped() -> None:
    # Centre x (0 - 3)/2 = -1.5, width .25.
    assert len(detect(raw((0, 0, -3, 0.5, 0.5, 0.5, 1, 1, 0)))["boxes"]) == 0


def test_the_threshold_is_inclusive() -> None:
    # .5 x .5 = .25 exactly.
    output = raw((0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4375))
    assert detect(output, Thresholds(conf=0.25))["labels"].tolist() == [0]
    assert len(detect(output, Thresholds(conf=0.2501))["labels"]) == 0


def test_one_box_may_be_of_several_classes() -> None:
    found = detect(raw((0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.75)))
    torch.testing.assert_close(found["scores"], torch.tensor([0.375, 0.125]))
    assert found["labels"].tolist() == [1, 0]
    assert torch.equal(found["boxes"][0], found["boxes"][1])


# Two boxes 40 x 40 of 100, centres (50, 50) and (60, 50) pixels, in cells (0, 0) and (0, 1):
# overlap 30 x 40 = 1200, union 2000, IoU .6. √.4 = .632456.
A = (0, 0, 1.0, 1.0, 0.632456, 0.632456)
B = (0, 1, 0.2, 1.0, 0.632456, 0.632456)


def test_of_two_boxes_of_a_class_the_better_suppresses_the_other() -> None:
    found = detect(raw((*A, 0.8, 1, 0), (*B, 0.9, 1, 0)))
    torch.testing.assert_close(found["boxes"], torch.tensor([[40.0, 30, 80, 70]]))
    torch.testing.assert_close(found["scores"], torch.tensor([0.9]))


def test_boxes_of_different_classes_do_not_suppress_each_other() -> None:
    found = detect(raw((*A, 0.8, 1, 0), (*B, 0.9, 0, 1)))
    assert found["labels"].tolist() == [1, 0]


def test_classes_that_are_not_wanted_take_no_place() -> None:
    # Class 1 has the better score, but only class 0 is asked for, and only one detection.
    output = raw((0, 0, 0.5, 0.5, 0.5, 0.5, 0.8, 0.5, 1), (1, 1, 0.5, 0.5, 0.5, 0.5, 0.8, 0, 1))
    found = detect(output, Thresholds(conf=0.01, max_det=1, classes=(0,)))
    assert found["labels"].tolist() == [0]
    torch.testing.assert_close(found["scores"], torch.tensor([0.4]))
    assert len(detect(output, Thresholds(conf=0.01, classes=()))["labels"]) == 0


def test_boxes_that_overlap_no_more_than_the_threshold_stay() -> None:
    output = raw((*A, 0.8, 1, 0), (*B, 0.9, 1, 0))
    assert len(detect(output, Thresholds(conf=0.01, iou=0.61))["boxes"]) == 2
    assert len(detect(output, Thresholds(conf=0.01, iou=0.59))["boxes"]) == 1


def test_the_best_are_kept_in_the_order_of_their_scores() -> None:
    corners = [(0, 0, 0.3), (0, 1, 0.9), (1, 0, 0.5), (1, 1, 0.7)]
    output = raw(*((r, c, 0.5, 0.5, 0.5, 0.5, s, 1, 0) for r, c, s in corners))
    torch.testing.assert_close(detect(output)["scores"], torch.tensor([0.9, 0.7, 0.5, 0.3]))
    two = detect(output, Thresholds(conf=0.01, max_det=2))
    torch.testing.assert_close(two["scores"], torch.tensor([0.9, 0.7]))


def test_nothing_found() -> None:
    found = detect(torch.zeros(1, 2, 2, 7))
    assert found["boxes"].shape == (0, 4)
    assert found["scores"].shape == found["labels"].shape == (0,)
    assert found["labels"].dtype == torch.int64


def test_images_of_a_batch_do_not_mix() -> None:
    one, two = raw((*A, 0.8, 1, 0)), raw((*B, 0.9, 1, 0), (1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 1))
    found = postprocess(torch.cat([one, two]), GRID, [(100, 100), (50, 200)], KEEP_ALL)
    torch.testing.assert_close(found[0]["boxes"], torch.tensor([[30.0, 30, 70, 70]]))
    # The second image is half as wide and twice as high.
    torch.testing.assert_close(
        found[1]["boxes"], torch.tensor([[20.0, 60, 40, 140], [31.25, 125, 43.75, 175]])
    )


def test_a_size_for_each_image() -> None:
    with pytest.raises(ValueError, match="zip"):
        postprocess(torch.zeros(2, 2, 2, 7), GRID, [(100, 100)], KEEP_ALL)


def test_scores_lie_between_zero_and_one_and_rank_by_what_the_network_said() -> None:
    # 1.5 x 1 and 2 x 1 are beyond one, -.9 x -.9 is nothing.
    found = detect(
        raw(
            (0, 0, 0.5, 0.5, 0.5, 0.5, 1.5, 1, 0),
            (1, 1, 0.5, 0.5, 0.5, 0.5, 2, 0, 1),
            (0, 1, 0.5, 0.5, 0.5, 0.5, -0.9, -0.9, -0.9),
        )
    )
    assert found["scores"].tolist() == [1, 1]
    assert found["labels"].tolist() == [1, 0]


def test_outputs_that_are_no_numbers_are_dropped() -> None:
    nan, inf = float("nan"), float("inf")
    output = raw(
        (0, 0, nan, 0.5, 0.5, 0.5, 0.9, 1, 0),
        (0, 1, 0.5, 0.5, inf, 0.5, nan, 1, 0),
        (1, 0, inf, 0.5, inf, 0.5, 0.9, 1, 0),
        (1, 1, 0.5, 0.5, 0.5, 0.5, 0.9, 1, 0),
    )
    torch.testing.assert_close(detect(output)["boxes"], torch.tensor([[62.5, 62.5, 87.5, 87.5]]))


# --- the same once more, as loops --------------------------------------------------------------


def slow_postprocess(
    raw: list[list[list[float]]], size: int, image: tuple[int, int], limits: Thresholds
) -> list[tuple[float, int, list[float]]]:
    """Score, label and box of one image's detections, for two boxes a cell and a sigmoid grid."""

    def squash(value: float) -> float:
        return 1 / (1 + np.exp(-value))  # type: ignore[no-any-return]

    candidates = []
    for row in range(size):
        for column in range(size):
            cell = raw[row][column]
            powers = np.exp(np.array(cell[10:]) - max(cell[10:]))
            for b in range(2):
                x, y, w, h, confidence = (squash(v) for v in cell[5 * b : 5 * b + 5])
                x, y, w, h = (column + x) / size, (row + y) / size, w * w, h * h
                corners = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
                box = [
                    min(max(v * side, 0), side) for v, side in zip(corners, image * 2, strict=True)
                ]
                for label, p in enumerate(powers / powers.sum()):
                    if confidence * p >= limits.conf:
                        candidates.append((float(confidence * p), label, box))
    candidates.sort(key=lambda c: -c[0])
    kept: list[tuple[float, int, list[float]]] = []
    for candidate in candidates:
        rivals = [k for k in kept if k[1] == candidate[1]]
        if all(overlap(candidate[2], k[2]) <= limits.iou for k in rivals):
            kept.append(candidate)
    return kept[: limits.max_det]


def overlap(a: list[float], b: list[float]) -> float:
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    common = max(across, 0) * max(down, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return common / (sum(areas) - common)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "limits",
    [
        replace(DETECT, vote=None),
        replace(EVAL, vote=None),
        Thresholds(conf=0.1, iou=0.2, max_det=5),
    ],
)
def test_agrees_with_a_literal_implementation(seed: int, limits: Thresholds) -> None:
    torch.manual_seed(seed)
    size, classes = 3 + seed, 4
    output = torch.randn(2, size, size, 10 + classes) * 1.5
    images = [(500, 375), (333, 500)]
    results = postprocess(output, Grid(size, 2, classes, "sigmoid"), images, limits)
    for result, values, image in zip(results, output.tolist(), images, strict=True):
        expected = slow_postprocess(values, size, image, limits)
        assert len(expected) > 3
        assert result["labels"].tolist() == [label for _, label, _ in expected]
        np.testing.assert_allclose(result["scores"], [s for s, _, _ in expected], rtol=1e-5)
        np.testing.assert_allclose(result["boxes"], [box for _, _, box in expected], atol=1e-2)


def test_boxes_move_to_the_mean_of_those_that_overlap_them() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 20], [0, 0, 10, 21], [5, 5, 5, 5]])
    # IoU with the first: 1, 100/200 = 0.5 (has a vote), 100/210 < 0.5 (has none), 0.
    scores = torch.tensor([[0.6, 0.4, 0.9, 0.9]])
    # Weights 0.6 · 1 and 0.4 · 0.5: y2 = (0.6 · 10 + 0.2 · 20) / 0.8 = 12.5.
    # The score: 1 - (1 - 0.6) exp(-0.2) = 0.67251.
    moved, sure = vote(boxes[:1], scores[0, :1], boxes, scores, 0.5)
    torch.testing.assert_close(moved, torch.tensor([[0.0, 0, 10, 12.5]]))
    torch.testing.assert_close(sure, torch.tensor([0.672508]))


def test_a_box_without_votes_stays() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10]])
    moved, sure = vote(boxes, torch.zeros(1), boxes, torch.zeros(1, 1), 0.5)
    assert torch.equal(moved, boxes)
    assert sure.tolist() == [0]


def test_what_is_no_number_has_no_vote() -> None:
    nan = float("nan")
    output = raw((0, 0, nan, 0.5, 0.5, 0.5, 0.9, 1, 0), (1, 1, 0.5, 0.5, 0.5, 0.5, 0.9, 1, 0))
    output[0, 0, 1] = nan
    found = detect(output, Thresholds(vote=0.5))
    torch.testing.assert_close(found["boxes"], torch.tensor([[62.5, 62.5, 87.5, 87.5]]))
    torch.testing.assert_close(found["scores"], torch.tensor([0.9]))


def test_boxes_that_voting_moves_together_are_suppressed() -> None:
    # Side by side at x = 20 to 60, 30 to 70 and 40 to 80: the outer ones' IoU is 20/60, so the
    # first suppression leaves both; that of the middle one with either is 30/50 = .6.
    width = 0.4**0.5
    output = raw(
        (0, 0, 0.8, 1, width, 1, 0.8, 1, 0),
        (1, 0, 1.0, 0, width, 1, 0.7, 1, 0),
        (0, 1, 0.2, 1, width, 1, 0.75, 1, 0),
    )
    assert len(detect(output, Thresholds(conf=0.1, iou=0.5))["boxes"]) == 2
    found = detect(output, Thresholds(conf=0.1, iou=0.5, vote=0.5))
    # Moved by 10 · .42 / 1.22 and by -10 · .42 / 1.17, they overlap by 27.03/52.97 = .51.
    left = 20 + 10 * 0.42 / 1.22
    torch.testing.assert_close(found["boxes"], torch.tensor([[left, 0, left + 40, 100]]))
    torch.testing.assert_close(found["scores"], torch.tensor([1 - 0.2 * exp(-0.42)]))


def test_a_threshold_applies_to_the_score_after_voting() -> None:
    output = raw((0, 0, 1, 1, 0.5, 0.5, 0.2, 1, 0), (1, 1, 0, 0, 0.5, 0.5, 0.2, 1, 0))
    # Two boxes in one place: 1 - .8 exp(-.2) = .345.
    for conf, count in ((0.005, 1), (0.34, 1), (0.35, 0)):
        found = detect(output, Thresholds(conf=conf, vote=0.5))
        assert len(found["boxes"]) == count


def test_votes_are_cast_for_the_class_that_was_found() -> None:
    # Both boxes fill the left half but for their heights, 1 and .64 of the image: IoU .64.
    output = raw(
        (0, 0, 0.5, 1, 0.5**0.5, 1, 0.9, 1, 0), (1, 0, 0.5, 0, 0.5**0.5, 0.8, 0.5, 0.8, 0.6)
    )
    limits = Thresholds(conf=0.01, iou=0.5, vote=0.5)
    found = detect(output, limits)
    # Class 0: weights .9 · 1 and .5 · .8 · .64 = .256; heights 0 to 100 and 18 to 82.
    top = 0.256 * 18 / (0.9 + 0.256)
    expected = torch.tensor([0.0, top, 50.0, 100 - top])
    torch.testing.assert_close(found["boxes"][0], expected)
    # Class 1 was seen in the second box alone; the first has no score for it, so no vote.
    torch.testing.assert_close(found["boxes"][1], torch.tensor([0.0, 18, 50, 82]))
    assert found["labels"].tolist() == [0, 1]


def test_a_sigmoid_network_by_hand() -> None:
    # Confidence 9/10, classes 3/4 and 1/4.
    output = torch.full((1, 2, 2, 7), -60.0)
    output[0, 0, 0] = torch.tensor([0, 0, 0, 0, log(9), log(3), 0])
    found = postprocess(output, Grid(2, 1, 2, "sigmoid"), [(100, 100)], KEEP_ALL)[0]
    torch.testing.assert_close(found["scores"], torch.tensor([0.675, 0.225]))
    assert found["labels"].tolist() == [0, 1]
    torch.testing.assert_close(found["boxes"][0], torch.tensor([12.5, 12.5, 37.5, 37.5]))
