from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.ops import complete_box_iou_loss

from tests.model.builders import target
from yolo_cli.data.target import Target
from yolo_cli.errors import UserError
from yolo_cli.tasks.balance import class_weights
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.loss import YoloLoss
from yolo_cli.tasks.detect.loss_config import LossConfig

# Most tests look at a grid of 2 x 2 on an image of 64 pixels, 2 boxes, 2 classes, and one object
# of class 0 with its centre at (48, 16) and 16 x 16 pixels: cell (row 0, column 1), x = y = .5,
# w = h = 1/4 of the image, √w = √h = 1/2, corners (.625, .125, .875, .375).
GRID = Grid(2, 2, 2)
OBJECT = target((40, 8, 56, 24), labels=[0])
PLACE = (0, 0, 1)
EXACT = (0.5, 0.5, 0.5, 0.5)
R2 = sqrt(0.5)


def output(
    first: Sequence[float], second: Sequence[float], classes: Sequence[float] = (0, 0)
) -> Tensor:
    """``[1, 2, 2, 12]``, zero but in the object's cell."""
    raw = torch.zeros(1, 2, 2, 12)
    raw[PLACE] = torch.tensor([*first, *second, *classes])
    return raw.requires_grad_()


def loss(
    raw: Tensor,
    targets: Sequence[Target] = (OBJECT,),
    grid: Grid = GRID,
    size: int = 64,
    **options: Any,
) -> dict[str, Tensor]:
    terms: dict[str, Tensor] = YoloLoss(grid, LossConfig(**options))(
        raw, grid.encode(targets, size)
    )
    return terms


def close(value: Tensor, expected: float | Sequence[float]) -> None:
    torch.testing.assert_close(value.detach(), torch.tensor(expected))


def test_the_defaults_are_the_papers() -> None:
    config = LossConfig()
    assert (config.coord, config.noobj) == (5.0, 0.5)
    assert config.box == config.confidence == config.classes == "squared"


def test_every_term_of_a_worked_example() -> None:
    # Box 0 is exact but for its height of 1/2 (√h = .7071): IoU (1/16)/(1/8) = 1/2.
    # Box 1 is 1/16 x 1/4 around the same centre, inside the object: IoU (1/64)/(1/16) = 1/4.
    # So box 0 is responsible. All other cells: confidences .1, .2 | 0, 0 | -.4, 1.
    raw = output((0.5, 0.5, 0.5, R2, 0.8), (0.5, 0.5, 0.25, 0.5, 0.3), (0.7, 0.1)).detach()
    raw[0, 0, 0, [4, 9]] = torch.tensor([0.1, 0.2])
    raw[0, 1, 1, [4, 9]] = torch.tensor([-0.4, 1.0])
    raw[0, 1, 0, [0, 1, 2, 3, 10, 11]] = 9.0  # boxes and classes where no object is do not count
    terms = loss(raw)
    close(terms["box"], 5 * (R2 - 0.5) ** 2)  # 0.2145
    close(terms["object"], 0.09)  # (.8 - 1/2)²
    close(terms["noobject"], 0.65)  # .5 (.3² + .1² + .2² + .4² + 1²): also box 1 beside box 0
    close(terms["class"], 0.10)  # (.7 - 1)² + .1²
    close(terms["loss"], 0.2144661 + 0.09 + 0.65 + 0.10)
    assert set(terms) == {"loss", "box", "object", "noobject", "class"}


def test_the_box_term_adds_the_four_squares() -> None:
    # Δx = .1, Δy = -.2, Δ√w = .3, Δ√h = -.1: .01 + .04 + .09 + .01 = .15, times λcoord.
    raw = output((0.6, 0.3, 0.8, 0.4, 0), (0, 0, 0, 0, 0))
    close(loss(raw)["box"], 0.75)
    close(loss(raw, coord=2.0)["box"], 0.30)


def test_lambda_noobj_weighs_every_box_but_the_responsible() -> None:
    # 8 boxes of confidence 1, one of them responsible (and right: IoU 1): 7 are left.
    raw = output((*EXACT, 1), (0, 0, 0, 0, 1)).detach()
    raw[..., [4, 9]] = 1.0
    terms = loss(raw)
    close(terms["noobject"], 3.5)
    close(terms["object"], 0.0)
    close(loss(raw, noobj=0.2)["noobject"], 1.4)


def test_the_box_of_the_highest_iou_is_responsible_whatever_the_others_say() -> None:
    # Box 0: exact. Box 1: IoU 1/2 with the highest confidence. The gradient tells who learns.
    raw = output((*EXACT, 0.1), (0.5, 0.5, 0.5, R2, 0.9))
    terms = loss(raw)
    close(terms["box"], 0.0)
    close(terms["object"], 0.81)  # (.1 - 1)²
    close(terms["noobject"], 0.405)  # .5 x .9²


def test_a_box_that_overlaps_comes_before_one_that_is_nearer_by_rmse() -> None:
    # Box 0 covers all (centre (.5, .5), size 1): IoU 1/16, differences .25, .25, .75, .75.
    # Box 1 beside the object, as large: IoU 0, difference .25 + .02 in x alone.
    whole, beside = (0, 1, 1, 1, 0.3), (0.5 - 0.54, 0.5, 0.5, 0.5, 0.7)
    close(loss(output(whole, beside))["object"], (0.3 - 1 / 16) ** 2)
    close(loss(output(beside, whole))["object"], (0.3 - 1 / 16) ** 2)


def test_without_any_overlap_the_nearest_by_rmse_is_responsible() -> None:
    # Object: centre (.75, .25), size (.25, .25). Cells are half an image wide.
    # Box A: centre x (1 - .34)/2 = .33, same size: differences .42, 0, 0, 0 -> .1764.
    # Box B: centre x (1 - .10)/2 = .45, w = h = 1/16: .3, 0, .1875, .1875 -> .1603: nearer.
    # By centres relative to the cell A would have .7056 and B .4303; with √w for w A has .1764
    # and B .3² + 2 x .25² = .215: A would win. So this is what tells w from √w.
    a, b = (-0.34, 0.5, 0.5, 0.5, 0.2), (-0.1, 0.5, 0.25, 0.25, 0.6)
    for raw in (output(a, b), output(b, a)):
        terms = loss(raw)
        close(terms["object"], 0.36)  # (.6 - 0)²: an IoU of zero is the target
        close(terms["noobject"], 0.02)  # .5 x .2²
        close(terms["box"], 5 * (0.6**2 + 2 * 0.25**2))  # Δx = .6 of a cell, Δ√w = Δ√h = 1/4


def test_by_rmse_centres_count_relative_to_the_image() -> None:
    # Box A: centre x (1 - .26)/2 = .37, same size: .38² = .1444, nearer.
    # Box B: centre x (1 + .10)/2 = .55, no size: .2² + 2 x .25² = .165.
    # In units of a cell A's .76² = .5776 would lose against B's .4² + .125 = .285.
    a, b = (-0.26, 0.5, 0.5, 0.5, 0.3), (0.1, 0.5, 0, 0, 0.2)
    close(loss(output(a, b))["object"], 0.09)
    close(loss(output(b, a))["object"], 0.09)


def test_of_boxes_as_good_the_first_is_responsible() -> None:
    raw = output((0.5, 0.5, 0, 0, 0.3), (0.5, 0.5, 0, 0, 0.7))
    close(loss(raw)["object"], 0.09)


def test_negative_roots_are_squared_for_the_iou() -> None:
    raw = output((0.5, 0.5, -0.5, -0.5, 0.25), (0, 0, 0, 0, 0))
    terms = loss(raw)
    close(terms["object"], 0.75**2)  # IoU 1
    close(terms["box"], 5 * 2.0)  # the roots themselves are off by 1


def test_gradients_by_hand() -> None:
    # Box 0 is shifted by a quarter cell = 1/8 image: overlap 1/8 x 1/4 = 1/32, union 2/16 - 1/32,
    # IoU 1/3. Box 1: 1/16 x 1/4 around the centre, IoU 1/4. Box 0 is responsible.
    raw = output((0.75, 0.5, 0.5, 0.5, 0.8), (0.5, 0.5, 0.25, 0.5, 0.3), (0.7, 0.1))
    terms = loss(raw)
    close(terms["box"], 0.3125)
    close(terms["object"], (0.8 - 1 / 3) ** 2)
    terms["loss"].backward()
    assert raw.grad is not None
    close(
        raw.grad[PLACE],
        [
            # 5 x 2 x .25 in x. Were the IoU not detached, x would have a part of
            # 2 (.8 - 1/3) dIoU/dx more, and y, √w and √h would not be zero.
            *(2.5, 0, 0, 0, 2 * (0.8 - 1 / 3)),
            *(0, 0, 0, 0, 2 * 0.5 * 0.3),
            *(2 * (0.7 - 1), 2 * 0.1),
        ],
    )
    assert raw.grad.count_nonzero() == 5  # nothing in the other cells


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    # With the IoU as predicted now as a constant, central differences agree with autograd in
    # double precision for every number that is no coordinate; coordinates: see above.
    torch.manual_seed(0)
    raw = torch.rand(2, 2, 2, 12, dtype=torch.float64, requires_grad=True)
    batch = [OBJECT, target((0, 0, 30, 20), (34, 36, 60, 60), labels=[1, 0])]
    loss(raw, batch)["loss"].backward()
    assert raw.grad is not None
    step = 1e-5
    for index in ((0, 0, 1, 4), (0, 0, 1, 9), (1, 0, 0, 10), (1, 1, 1, 4), (0, 1, 0, 9)):
        values = []
        for sign in (1, -1):
            moved = raw.detach().clone()
            moved[index] += sign * step
            values.append(loss(moved, batch)["loss"].item())
        slope = (values[0] - values[1]) / (2 * step)
        assert raw.grad[index].item() == pytest.approx(slope, abs=1e-8)


def test_summed_over_the_image() -> None:
    # Two objects in two cells, both boxes exact and of confidence .5 (IoU 1).
    second = target((40, 8, 56, 24), (8, 40, 24, 56), labels=[0, 1])
    raw = output((*EXACT, 0.5), (0, 0, 0, 0, 0), (1, 0)).detach()
    raw[0, 1, 0] = raw[0, 0, 1]
    terms = loss(raw, [second])
    close(terms["object"], 0.5)
    close(terms["class"], 2.0)  # (0, 1) predicted as (1, 0) in the second cell


def test_averaged_over_the_batch() -> None:
    raw = output((0.6, 0.3, 0.8, 0.4, 0.9), (0.2, 0, 0, 0, 0.4), (0.3, 0.3)).detach()
    one = loss(raw)
    twice = loss(torch.cat([raw, raw]), [OBJECT, OBJECT])
    with_background = loss(torch.cat([raw, torch.zeros_like(raw)]), [OBJECT, target()])
    for name, value in one.items():
        close(twice[name], value.item())
        close(with_background[name], value.item() / 2)


@pytest.mark.parametrize(
    ("output_form", "options"),
    [
        ("linear", {}),
        ("sigmoid", {"box": "ciou", "confidence": "cross_entropy", "classes": "cross_entropy"}),
    ],
)
def test_a_batch_without_objects_has_the_noobject_term_alone(
    output_form: str, options: dict[str, Any]
) -> None:
    grid = Grid(2, 2, 2, output_form)  # type: ignore[arg-type]
    raw = torch.zeros(2, 2, 2, 12)
    raw[0, 0, 0, 4] = 0.6
    raw.requires_grad_()
    terms = loss(raw, [target(), target()], grid, **options)
    assert terms["box"] == terms["object"] == terms["class"] == 0
    assert terms["loss"] == terms["noobject"]
    if output_form == "linear":
        close(terms["noobject"], 0.5 * 0.36 / 2)
    terms["loss"].backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()
    others = [i for i in range(12) if i not in (4, 9)]
    assert not raw.grad[..., others].any()
    assert raw.grad[0, 0, 0, 4] > 0


def test_complete_iou_by_hand() -> None:
    # Around the same centre, twice as wide and high: IoU (1/16)/(1/4), no distance, same shape.
    raw = output((0.5, 0.5, R2, R2, 0), (0, 0, 0, 0, 0))
    close(loss(raw, box="ciou")["box"], 5 * 0.75)
    # Shifted by 1/8 in x: IoU 1/3; the box around both is 3/8 x 1/4, its diagonal squared
    # .203125; centres (1/8)² = .015625 apart; same shape.
    raw = output((0.75, 0.5, 0.5, 0.5, 0), (0, 0, 0, 0, 0))
    close(loss(raw, box="ciou", coord=1.0)["box"], 1 - 1 / 3 + 0.015625 / 0.203125)


def test_complete_iou_is_torchvisions_with_gradients_of_all_coordinates() -> None:
    # Centre ((1 + .6)/2, .3/2) = (.8, .15), size .64 x .16.
    raw = output((0.6, 0.3, 0.8, 0.4, 0), (0, 0, 0, 0, 0))
    predicted = torch.tensor([[0.48, 0.07, 1.12, 0.23]])
    truth = torch.tensor([[0.625, 0.125, 0.875, 0.375]])
    result = loss(raw, box="ciou", coord=1.0)["box"]
    close(result, complete_box_iou_loss(predicted, truth).item())
    result.backward()
    assert raw.grad is not None
    assert raw.grad[PLACE][:4].all()


SIGMOID = Grid(2, 2, 2, "sigmoid")


def sigmoid_output(confidence: float, other: float, classes: Sequence[float]) -> Tensor:
    """Box 0 is exact: logit 0 for x = y = √w = √h = 1/2. All other confidences are ~0."""
    raw = torch.zeros(1, 2, 2, 12)
    raw[..., [4, 9]] = -40.0
    tiny = [-5.0, -5.0, -5.0, -5.0]
    raw[PLACE] = torch.tensor([0, 0, 0, 0, confidence, *tiny, other, *classes])
    return raw


def test_cross_entropy_of_confidence() -> None:
    # Object twice as high: IoU of the exact-centred box 1/2. sigmoid(ln 3) = 3/4:
    # -(1/2 ln 3/4 + 1/2 ln 1/4) for the object; -ln(1 - 3/4) = ln 4, weighed by .5, elsewhere.
    tall = target((40, 0, 56, 32), labels=[0])
    terms = loss(
        sigmoid_output(log(3), log(3), (0, 0)), [tall], SIGMOID, confidence="cross_entropy"
    )
    close(terms["object"], -(log(0.75) + log(0.25)) / 2)
    close(terms["noobject"], 0.5 * log(4))


def test_cross_entropy_of_classes() -> None:
    # Logits ln 1, ln 3: probabilities 1/4, 3/4; the object is of class 0.
    raw = sigmoid_output(0, -40, (log(1), log(3)))
    terms = loss(raw, grid=SIGMOID, classes="cross_entropy")
    close(terms["class"], log(4))
    # Smoothed by .2: nine tenths class 0, one tenth class 1.
    terms = loss(raw, grid=SIGMOID, classes="cross_entropy", smoothing=0.2)
    close(terms["class"], 0.9 * log(4) + 0.1 * log(4 / 3))


def test_squares_are_of_what_decode_sees() -> None:
    # sigmoid(ln 3) = .75 against an IoU of 1, softmax 1/4, 3/4 against 1, 0; the other box .5.
    terms = loss(sigmoid_output(log(3), 0, (log(1), log(3))), grid=SIGMOID)
    close(terms["object"], 0.0625)
    close(terms["class"], 2 * 0.5625)
    close(terms["noobject"], 0.5 * 0.25)
    close(terms["box"], 0.0)


@pytest.mark.parametrize("term", ["confidence", "classes"])
def test_linear_outputs_are_no_logits(term: str) -> None:
    with pytest.raises(UserError, match="linear"):
        YoloLoss(GRID, LossConfig(**{term: "cross_entropy"}))  # type: ignore[arg-type]


# --- the whole loss, once more, as loops -------------------------------------------------------


def slow_loss(raw: Any, targets: Sequence[Target], size: int, boxes: int) -> float:
    """Equation 3 of the paper with Darknet's choice of the responsible box, number by number."""
    total = 0.0
    for cells, objects in zip(raw, targets, strict=True):
        owners: dict[tuple[int, int], tuple[float, ...]] = {}
        for (x1, y1, x2, y2), label in zip(
            objects["boxes"].tolist(), objects["labels"], strict=True
        ):
            x, y, w, h = (x1 + x2) / 128, (y1 + y2) / 128, (x2 - x1) / 64, (y2 - y1) / 64
            column, row = min(int(x * size), size - 1), min(int(y * size), size - 1)
            rival = owners.get((row, column))
            if rival is None or w * h > rival[2] * rival[3]:
                owners[row, column] = (x, y, w, h, int(label))
        for row in range(size):
            for column in range(size):
                cell = cells[row][column]
                owner = owners.get((row, column))
                chosen, iou = (
                    (None, 0.0) if owner is None else choose(cell, row, column, owner, size, boxes)
                )
                for b in range(boxes):
                    px, py, pw, ph, confidence = cell[5 * b : 5 * b + 5]
                    if b != chosen:
                        total += 0.5 * confidence**2
                        continue
                    assert owner is not None
                    x, y, w, h, label = owner
                    total += (confidence - iou) ** 2
                    total += 5 * ((px - (x * size - column)) ** 2 + (py - (y * size - row)) ** 2)
                    total += 5 * ((pw - sqrt(w)) ** 2 + (ph - sqrt(h)) ** 2)
                    for c, p in enumerate(cell[5 * boxes :]):
                        total += (p - (c == label)) ** 2
    return total / len(targets)


def choose(
    cell: Any, row: int, column: int, owner: tuple[float, ...], size: int, boxes: int
) -> tuple[int, float]:
    """The responsible box and its IoU."""
    best, best_iou, best_rmse = 0, 0.0, float("inf")
    x, y, w, h = owner[:4]
    for b in range(boxes):
        px, py = (cell[5 * b] + column) / size, (cell[5 * b + 1] + row) / size
        pw, ph = cell[5 * b + 2] ** 2, cell[5 * b + 3] ** 2
        across = min(x + w / 2, px + pw / 2) - max(x - w / 2, px - pw / 2)
        down = min(y + h / 2, py + ph / 2) - max(y - h / 2, py - ph / 2)
        overlap = max(across, 0) * max(down, 0)
        iou = overlap / (w * h + pw * ph - overlap)
        rmse = sqrt((x - px) ** 2 + (y - py) ** 2 + (w - pw) ** 2 + (h - ph) ** 2)
        if best_iou > 0 or iou > 0:
            if iou > best_iou:
                best, best_iou = b, iou
        elif rmse < best_rmse:
            best, best_rmse = b, rmse
    return best, best_iou


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("boxes", [1, 2, 3])
def test_the_loss_is_that_of_a_literal_implementation(seed: int, boxes: int) -> None:
    rng = np.random.default_rng(seed)
    size, classes = int(rng.integers(2, 8)), 4
    targets = []
    for _ in range(3):
        corners = rng.uniform(0, 64, (int(rng.integers(0, 7)), 2, 2))
        rows = np.concatenate([corners.min(1), corners.max(1) + 0.5], axis=1)
        targets.append(target(*rows.tolist(), labels=rng.integers(0, classes, len(rows)).tolist()))
    # small boxes, so that many overlap nothing
    raw = torch.from_numpy(rng.normal(0.3, 0.3, (3, size, size, 5 * boxes + classes)))
    result = loss(raw, targets, Grid(size, boxes, classes))["loss"].item()
    assert result == pytest.approx(slow_loss(raw.tolist(), targets, size, boxes), rel=1e-5)


# --- balance between classes --------------------------------------------------------------------


def test_class_weights_of_a_worked_example() -> None:
    # 4 objects of one class, 16 of another, none of the third: n^-.5 is 1/2 and 1/4; the mean
    # over the objects (4/2 + 16/4) / 20 = .3. So .5/.3 and .25/.3.
    close(class_weights(torch.tensor([4, 16, 0]), 0.5), [5 / 3, 5 / 6, 1.0])
    close(class_weights(torch.tensor([4, 16, 0]), 0.0), [1.0, 1.0, 1.0])
    # n^-1: every class weighs the same in all: 4 · 2.5 = 16 · .625 = 10 = 20 / 2.
    close(class_weights(torch.tensor([4, 16]), 1.0), [2.5, 0.625])
    close(class_weights(torch.tensor([0, 0]), 0.5), [1.0, 1.0])


def test_balance_weighs_the_terms_of_an_object() -> None:
    raw = output((0.5, 0.5, 0.5, R2, 0.8), (0.5, 0.5, 0.25, 0.5, 0.3), (0.7, 0.1))
    target_of_grid = GRID.encode([OBJECT], 64)
    weights = torch.tensor([5 / 3, 5 / 6])
    plain = YoloLoss(GRID, LossConfig())(raw, target_of_grid)
    balanced = YoloLoss(GRID, LossConfig(), weights)(raw, target_of_grid)
    for term in ("box", "object", "class"):
        close(balanced[term], (5 / 3 * plain[term]).item())
    close(balanced["noobject"], plain["noobject"].item())
