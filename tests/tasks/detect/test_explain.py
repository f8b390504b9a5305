"""What ``--explain`` draws, on a black picture, for a network of 2 × 2 cells with a box each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo_cli.data.reduced import Reduced
from yolo_cli.model.config import ModelConfig
from yolo_cli.pictures.drawing import class_color
from yolo_cli.tasks.detect.explain import (
    CELL,
    SIDE,
    TASK,
    ExplainedResult,
    Explaining,
    Explanation,
)
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.postprocess import select
from yolo_cli.tasks.detect.thresholds import Thresholds
from yolo_cli.tasks.result import Origin, Style

CONFIG = ModelConfig(("cat", "dog"), grid=2, boxes=1, image_size=64, output="linear")
SURE = Thresholds(conf=0.5)
HALF = SIDE // 2


def raw() -> torch.Tensor:
    """In the upper right cell a dog, half the picture wide and high; the others are unsure cats."""
    result = torch.zeros(1, 2, 2, 7)
    result[..., 5] = 0.5  # half a cat
    # x, y, √w, √h, confidence, classes
    result[0, 0, 1] = torch.tensor([0.5, 0.5, 0.5**0.5, 0.5**0.5, 1, 0, 1])
    return result


def explanation(thresholds: Thresholds = SURE) -> Explanation:
    task = Explaining()
    (output,) = task.decode(raw(), CONFIG, [(200, 100)], thresholds)
    result = task.result(output, CONFIG, (200, 100), Origin("a.jpg"), None)
    assert isinstance(result, ExplainedResult)
    return Explanation(result, Image.new("RGB", (SIDE, SIDE)))


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    return tuple(np.array(image)[y, x].tolist())


def is_faded(seen: tuple[int, ...], color: tuple[int, ...], opacity: float) -> bool:
    """Whether a colour lies on black with this opacity."""
    return seen == pytest.approx([value * opacity for value in color], abs=1.5)


def test_an_object_knows_the_box_that_stands_for_it() -> None:
    grid = Grid(2, 2, 2)
    boxes = torch.tensor([[0.0, 0.0, 0.5, 0.5]] * 8)
    boxes[5] = torch.tensor([0.5, 0.5, 1.0, 1.0])  # the second one of the third cell
    scores = torch.zeros(8, 2)
    scores[5, 1], scores[2, 0] = 0.9, 0.8
    found, index = select(boxes, scores, (10, 10), SURE)
    assert found["labels"].tolist() == [1, 0]
    assert index.tolist() == [5, 2]
    row, column = grid.cell_of(index)
    assert list(zip(row.tolist(), column.tolist(), strict=True)) == [(1, 0), (0, 1)]


def test_the_cell_of_an_object_is_coloured() -> None:
    drawn = explanation().cells()
    assert is_faded(pixel(drawn, HALF + 40, 40), class_color(1), CELL / 255)
    for x, y in ((40, 40), (40, HALF + 40), (HALF + 40, HALF + 40)):
        assert pixel(drawn, x, y) == (0, 0, 0)
    assert pixel(drawn, HALF + HALF // 2, HALF // 2) == class_color(1)  # the centre of its box
    assert pixel(drawn, HALF, 10) != (0, 0, 0)  # the grid


def test_all_boxes_are_there_the_sure_one_wide() -> None:
    drawn = np.array(explanation().all_boxes())
    # The dog's box is the upper right quarter; 11 pixels wide for a confidence of 1.
    row = drawn[HALF // 2, HALF : HALF + 20]
    assert (row[:11] == class_color(1)).all()
    assert (row[13:] == 0).all()


def test_each_cell_has_the_colour_of_its_class() -> None:
    drawn = explanation().class_map()
    assert is_faded(pixel(drawn, HALF + 40, 40), class_color(1), 200 / 255)
    assert is_faded(pixel(drawn, 40, HALF + 40), class_color(0), 120 / 255)


def test_what_is_left_is_as_detect_draws_it() -> None:
    drawn = explanation().kept(Style(line_width=3, show_labels=False))
    assert pixel(drawn, HALF + 1, HALF // 2) == class_color(1)
    assert pixel(drawn, HALF // 2, HALF // 2) == (0, 0, 0)


def test_nothing_found_has_four_pictures_as_well() -> None:
    sheet = explanation(Thresholds(conf=1, classes=(0,))).draw(Style())
    assert min(sheet.size) > 2 * SIDE


def test_results_are_those_of_detection(tmp_path: Path) -> None:
    (output,) = TASK.decode(raw(), CONFIG, [(200, 100)], SURE)
    result = TASK.result(output, CONFIG, (200, 100), Origin("a.jpg"), None)
    assert result.record()["detections"] == [
        {"label": "dog", "score": 1.0, "box": [100.0, 0.0, 200.0, 50.0]}
    ]
    picture = Reduced(Image.new("RGB", (200, 100)), (200, 100), (0, 0, 200, 100))
    assert min(result.draw_on(picture, Style()).size) > 2 * SIDE
