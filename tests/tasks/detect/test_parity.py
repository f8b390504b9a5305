from __future__ import annotations

import torch

from tests.model.builders import tiny
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.parity import Tolerance, compare, compare_detections
from yolo_cli.tasks.detect.postprocess import Detection

GRID = Grid.of(tiny(boxes=1, output="linear"))
ALLOWED = Tolerance(box=0.01, score=0.01, share=1.0)


def raw(*changes: tuple[int, float]) -> torch.Tensor:
    """One box in each of 2 × 2 cells: centre of the cell, a quarter of each side, scores .4, .2."""
    result = torch.zeros(1, 2, 2, 7)
    result[..., :] = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.8, 0.5, 0.25])
    for index, value in changes:
        result[0, 0, 0, index] = value
    return result


def test_equal_outputs_agree() -> None:
    difference = compare(raw(), raw(), GRID, ALLOWED)
    assert (difference.boxes, difference.agreeing, difference.passed) == (4, 4, True)


def test_a_moved_box() -> None:
    # x moves by .1 of a cell: .05 of the image.
    difference = compare(raw(), raw((0, 0.6)), GRID, ALLOWED)
    assert abs(difference.box - 0.05) < 1e-6
    assert (difference.score, difference.agreeing, difference.passed) == (0, 3, False)
    assert "corners differ by at most 22.4 px of 448 (allowed 4.48)" in difference.summary(448)


def test_another_score() -> None:
    # Confidence .9: scores .45 and .225.
    difference = compare(raw(), raw((4, 0.9)), GRID, ALLOWED)
    assert abs(difference.score - 0.05) < 1e-6
    assert not difference.passed


def test_another_label() -> None:
    loose = Tolerance(box=0.01, score=0.15, share=1.0)
    # The second class is now the best, and in torch it was worse by .2.
    difference = compare(raw(), raw((5, 0.4), (6, 0.41)), GRID, loose)
    assert (difference.labels, difference.agreeing) == (1, 3)


def test_no_number_agrees_with_nothing() -> None:
    assert compare(raw(), raw((0, torch.nan)), GRID, ALLOWED).agreeing == 3
    assert compare(raw(), raw((4, torch.nan)), GRID, ALLOWED).agreeing == 3


def test_some_may_differ() -> None:
    most = Tolerance(box=0.01, score=0.01, share=0.75)
    assert compare(raw(), raw((0, 0.6)), GRID, most).passed


def detection(*rows: tuple[float, float, int]) -> Detection:
    """Boxes of a tenth of the image at (left, .1), with scores and labels."""
    return Detection(
        boxes=torch.tensor([[x, 0.1, x + 0.1, 0.2] for x, _, _ in rows]).reshape(-1, 4),
        scores=torch.tensor([score for _, score, _ in rows]),
        labels=torch.tensor([label for _, _, label in rows], dtype=torch.int64),
    )


def test_detections_in_another_order_agree() -> None:
    one, other = detection((0.1, 0.9, 0), (0.5, 0.9, 1)), detection((0.5, 0.9, 1), (0.1, 0.9, 0))
    difference = compare_detections([one], [other], 0.25, ALLOWED)
    assert (difference.boxes, difference.agreeing, difference.passed) == (4, 4, True)


def test_a_missing_detection() -> None:
    one, other = detection((0.1, 0.9, 0), (0.5, 0.6, 1)), detection((0.1, 0.9, 0))
    for pair in ([one], [other]), ([other], [one]):
        difference = compare_detections(*pair, 0.25, ALLOWED)
        assert (difference.labels, difference.passed) == (1, False)


def test_a_detection_at_the_lowest_score_may_be_missing() -> None:
    one, other = detection((0.1, 0.9, 0), (0.5, 0.255, 1)), detection((0.1, 0.9, 0))
    assert compare_detections([one], [other], 0.25, ALLOWED).passed
    nothing = detection()
    assert compare_detections([nothing], [nothing], 0.25, ALLOWED).passed


def test_a_detection_of_another_label() -> None:
    one, other = detection((0.1, 0.9, 0)), detection((0.1, 0.9, 1))
    assert not compare_detections([one], [other], 0.25, ALLOWED).passed
