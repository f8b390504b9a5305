from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor

from tests.model.builders import target, tiny
from yolo_cli.data.target import Target
from yolo_cli.tasks.detect.grid import Grid

SIZE = 448  # pixels; with S=7 a cell has 64
GRID = Grid(7, boxes=2, classes=3)


def test_an_object_goes_to_the_cell_that_holds_its_centre() -> None:
    # Centre ((32+160)/2, (96+352)/2) = (96, 224): in cells (1.5, 3.5), so column 1, row 3.
    # Size 128 x 256 = (2/7, 4/7) of the image.
    result = GRID.encode([target((32, 96, 160, 352), labels=[2])], SIZE)
    assert result.image.tolist() == [0]
    assert (result.row.tolist(), result.column.tolist()) == ([3], [1])
    assert result.labels.tolist() == [2]
    torch.testing.assert_close(result.xy, torch.tensor([[0.5, 0.5]]))
    torch.testing.assert_close(result.wh, torch.tensor([[2 / 7, 4 / 7]]))
    assert result.lost == 0


@pytest.mark.parametrize("size", range(2, 15))
@pytest.mark.parametrize("stride", [32, 64])
def test_a_centre_on_a_border_belongs_to_the_cell_on_its_right_and_below(
    size: int, stride: int
) -> None:
    grid = Grid(size, 2, 1)
    for border in range(1, size):
        centre = border * stride
        for half in (1, 3, 10, 15.5, 31):
            box = (centre - half, centre - half, centre + half, centre + half)
            result = grid.encode([target(box)], size * stride)
            assert result.column.tolist() == [border], (border, half)
            assert result.row.tolist() == [border], (border, half)
            assert result.xy.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("box", "row", "column", "xy"),
    [
        ((438, 22, 458, 42), 0, 6, (1, 0.5)),  # centre (448, 32), on the right edge
        ((22, 438, 42, 458), 6, 0, (0.5, 1)),  # (32, 448), on the bottom edge
        ((428, 428, 468, 468), 6, 6, (1, 1)),  # (448, 448), the corner of both
        ((-10, -10, 10, 10), 0, 0, (0, 0)),  # (0, 0)
        ((427, 0, 448, 21), 0, 6, (0.8359375, 0.1640625)),  # (437.5, 10.5) = (6.836, .164) cells
    ],
)
def test_edges_of_the_image(
    box: tuple[float, ...], row: int, column: int, xy: tuple[float, float]
) -> None:
    result = GRID.encode([target(box)], SIZE)
    assert (result.row.tolist(), result.column.tolist()) == ([row], [column])
    assert result.xy.tolist() == [list(xy)]


def test_the_largest_of_a_cell_wins_and_the_others_are_counted() -> None:
    # All three have their centre at (32, 32); areas 400, 1600 and 900.
    result = GRID.encode(
        [target((22, 22, 42, 42), (12, 12, 52, 52), (17, 17, 47, 47), labels=[0, 1, 2])], SIZE
    )
    assert result.labels.tolist() == [1]
    torch.testing.assert_close(result.wh, torch.tensor([[40 / 448, 40 / 448]]))
    assert result.lost == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_as_large_the_first_wins(order: tuple[int, int]) -> None:
    # 4 x 4 and 2 x 8 pixels: 16 each, though not quite as shares of 448 x 448 in float32.
    boxes = [(30, 30, 34, 34), (31, 28, 33, 36)]
    result = GRID.encode([target(*(boxes[i] for i in order), labels=order)], SIZE)
    assert result.labels.tolist() == [order[0]]
    assert result.lost == 1


def test_cells_of_different_images_are_different() -> None:
    batch = [
        target((0, 0, 20, 20), labels=[0]),
        target(),
        target((0, 0, 40, 40), (200, 200, 220, 220), labels=[1, 2]),
    ]
    result = GRID.encode(batch, SIZE)
    assert result.image.tolist() == [0, 2, 2]
    assert result.labels.tolist() == [0, 1, 2]
    assert result.row.tolist() == [0, 0, 3]  # (210, 210) / 64 = 3.28
    assert result.lost == 0


def test_difficult_objects_and_crowds_are_left_out_and_take_no_cell() -> None:
    # A difficult one (60 x 60) and a crowd (50 x 50) around a small object (20 x 20).
    objects = target(
        (2, 2, 62, 62), (7, 7, 57, 57), (22, 22, 42, 42), labels=[0, 1, 2], difficult=[0], crowd=[1]
    )
    result = GRID.encode([objects], SIZE)
    assert result.labels.tolist() == [2]
    assert result.lost == 0
    with_difficult = GRID.encode([objects], SIZE, difficult=True)
    assert with_difficult.labels.tolist() == [0]
    assert with_difficult.lost == 1


@pytest.mark.parametrize("batch", [[target()], [target(), target()]])
def test_images_without_objects(batch: list[Target]) -> None:
    result = GRID.encode(batch, SIZE)
    assert result.image.shape == result.row.shape == result.labels.shape == (0,)
    assert result.xy.shape == result.wh.shape == (0, 2)
    assert result.lost == 0


def test_moving_to_a_device_keeps_everything() -> None:
    before = GRID.encode([target((0, 0, 20, 20), (2, 2, 42, 42))], SIZE)
    after = before.to(torch.device("cpu"))
    assert after.lost == before.lost == 1
    for name in ("image", "row", "column", "xy", "wh", "labels"):
        assert torch.equal(getattr(after, name), getattr(before, name))


def test_the_target_is_what_decode_gives_back() -> None:
    # 300 images with one random object each: the encoded numbers, put where the network would
    # put them, decode to the boxes.
    torch.manual_seed(0)
    for size in (2, 7, 14):
        pixels = size * 32
        grid = Grid(size, 2, 3)
        corners = torch.rand(300, 2, 2) * pixels
        boxes = torch.cat([corners.amin(1), corners.amax(1) + 1], dim=1)
        labels = torch.randint(0, 3, (300,))
        objects = grid.encode(
            [target(b.tolist(), labels=[int(i)]) for b, i in zip(boxes, labels, strict=True)],
            pixels,
        )
        assert objects.image.tolist() == list(range(300))
        raw = torch.zeros(300, size, size, 13)
        place = (objects.image, objects.row, objects.column)
        one = torch.ones(300, 1)
        # the second of the two boxes, negative roots: they are squared
        raw[(*place, slice(5, 10))] = torch.cat([objects.xy, -objects.wh.sqrt(), one], dim=1)
        raw[(*place, 10 + labels)] = 1
        decoded, scores = grid.decode(raw)
        assert scores.sum().item() == 300
        image, box, label = torch.nonzero(scores, as_tuple=True)
        assert torch.equal(image, torch.arange(300))
        assert torch.equal(label, labels)
        torch.testing.assert_close(decoded[image, box] * pixels, boxes, atol=2e-3, rtol=0)


@pytest.mark.parametrize("size", range(2, 8))
def test_decode_of_a_linear_network(size: int) -> None:
    raw = torch.zeros(2, size, size, 13)
    # second image, last row, first column
    raw[1, size - 1, 0] = torch.tensor(
        [
            # x, y, √w, √h, confidence
            *(0.50, 0.25, 0.5, -0.4, 0.8),  # first box
            *(0.00, 1.00, 0.1, 0.90, 0.5),  # second box
            *(0.50, 0.25, 1.0),  # classes
        ]
    )
    boxes, scores = Grid(size, 2, 3).decode(raw)
    assert boxes.shape == (2, size * size * 2, 4)
    assert scores.shape == (2, size * size * 2, 3)
    first = (size - 1) * size * 2  # cells row by row, two boxes each
    # First box: centre ((0 + .5)/S, (S-1 + .25)/S), size .5² x (-.4)² = .25 x .16.
    x, y = 0.5 / size, (size - 0.75) / size
    expected = torch.tensor([x - 0.125, y - 0.08, x + 0.125, y + 0.08])
    torch.testing.assert_close(boxes[1, first], expected)
    # Second: centre (0, 1) in the image, size .01 x .81.
    expected = torch.tensor([-0.005, 1 - 0.405, 0.005, 1 + 0.405])
    torch.testing.assert_close(boxes[1, first + 1], expected)
    # Class x confidence, for both boxes and every class.
    torch.testing.assert_close(scores[1, first], torch.tensor([0.4, 0.2, 0.8]))
    torch.testing.assert_close(scores[1, first + 1], torch.tensor([0.25, 0.125, 0.5]))
    scores[1, first : first + 2] = 0
    assert not scores.any()
    # All others are points in their cell's upper left corner.
    for row in range(size):
        for column in range(size):
            corner = torch.tensor([column / size, row / size] * 2)
            for box in range(2):
                torch.testing.assert_close(boxes[0, (row * size + column) * 2 + box], corner)


@pytest.mark.parametrize("size", range(2, 8))
def test_decode_of_a_sigmoid_network(size: int) -> None:
    raw = torch.full((1, size, size, 8), -50.0)
    # sigmoid(ln a) = a / (1 + a): x 1/2, y 3/4, √w 1/4, √h 4/5, confidence 9/10;
    # softmax of logarithms: 1/8, 2/8, 5/8.
    logits = [0, log(3), log(1 / 3), log(4), log(9), log(1), log(2), log(5)]
    raw[0, 1, size - 1] = torch.tensor(logits)
    boxes, scores = Grid(size, 1, 3, "sigmoid").decode(raw)
    at = size + size - 1
    # Centre ((S-1 + .5)/S, (1 + .75)/S); size 1/16 x 16/25.
    x, y = (size - 0.5) / size, 1.75 / size
    expected = torch.tensor([x - 0.03125, y - 0.32, x + 0.03125, y + 0.32])
    torch.testing.assert_close(boxes[0, at], expected)
    torch.testing.assert_close(scores[0, at], torch.tensor([0.1125, 0.225, 0.5625]))
    scores[0, at] = 0
    assert scores.max() < 1e-20


def test_scores_of_every_box_and_class() -> None:
    # Two boxes, three classes, one cell: all six products.
    confidence, classes = (0.5, 0.25), (0.2, 0.4, 0.8)
    raw = torch.tensor([0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.25, *classes]).view(1, 1, 1, -1)
    scores = Grid(1, 2, 3).decode(raw)[1]
    expected = [[c * p for p in classes] for c in confidence]
    torch.testing.assert_close(scores[0], torch.tensor(expected))


def test_negative_outputs_are_no_score() -> None:
    # -0.9 x -0.8 would be 0.72.
    raw = torch.tensor([0.5, 0.5, 0.5, 0.5, -0.9, -0.8, 0.3]).view(1, 1, 1, -1)
    assert Grid(1, 1, 2).decode(raw)[1].tolist() == [[[0, 0]]]
    raw[..., 4] = 0.5
    torch.testing.assert_close(Grid(1, 1, 2).decode(raw)[1], torch.tensor([[[0, 0.15]]]))


@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_no_raw_output_makes_a_box_without_numbers(output: str) -> None:
    torch.manual_seed(0)
    raw = torch.randn(4, 7, 7, 13) * 100
    grid = Grid(7, 2, 3, output)  # type: ignore[arg-type]
    boxes, scores = grid.decode(raw)
    assert boxes.isfinite().all()
    assert scores.isfinite().all()
    assert (boxes[..., 2:] >= boxes[..., :2]).all()


def test_decode_is_float32_whatever_comes_in() -> None:
    boxes, scores = GRID.decode(torch.ones(1, 7, 7, 13, dtype=torch.bfloat16))
    assert boxes.dtype == scores.dtype == torch.float32


def test_unpack_names_the_numbers_of_a_cell() -> None:
    # The paper's layout: for each box x, y, √w, √h, confidence; then the classes.
    raw = torch.arange(13.0)
    cells = GRID.unpack(raw)
    assert cells.xy.tolist() == [[0, 1], [5, 6]]
    assert cells.root_wh.tolist() == [[2, 3], [7, 8]]
    assert cells.confidence.tolist() == [4, 9]
    assert cells.classes.tolist() == [10, 11, 12]


def test_unpack_of_a_sigmoid_network_keeps_the_logits() -> None:
    grid = Grid(7, 1, 2, "sigmoid")
    cells = grid.unpack(torch.tensor([0, log(3), -log(3), log(4), log(9), log(3), 0.0]))

    def close(value: Tensor, expected: list[float]) -> None:
        torch.testing.assert_close(value.flatten(), torch.tensor(expected))

    close(cells.xy, [1 / 2, 3 / 4])
    close(cells.root_wh, [1 / 4, 4 / 5])
    close(cells.confidence, [0.9])
    close(cells.raw_confidence, [log(9)])
    close(cells.classes, [3 / 4, 1 / 4])
    close(cells.raw_classes, [log(3), 0])


def test_the_grid_of_a_configuration() -> None:
    grid = Grid.of(tiny(boxes=3, output="linear"))
    assert (grid.size, grid.boxes, grid.classes, grid.output) == (2, 3, 2, "linear")
