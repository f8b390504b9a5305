from __future__ import annotations

import colorsys
import itertools

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from yolo_cli.pictures.drawing import class_color, contact_sheet, draw_detections, text_color

GREY = (120, 120, 120)


def grey(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), GREY)


def pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image)


def where(image: Image.Image, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """First and last column and row that hold pixels of exactly this colour: x1, y1, x2, y2."""
    rows, columns = np.nonzero((pixels(image) == color).all(axis=2))
    assert len(rows), f"no pixel is {color}"
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_colors_are_distinct_and_none_is_dark() -> None:
    colors = [class_color(i) for i in range(80)]
    assert len(set(colors)) == 80
    for a, b in itertools.combinations(colors[:20], 2):
        assert np.abs(np.subtract(a, b)).max() >= 30, (a, b)
    # By its definition: hue .32 and 2 * .618 more modulo 1, lightness .53 and .42.
    assert class_color(0) == tuple(round(255 * v) for v in colorsys.hls_to_rgb(0.32, 0.53, 0.95))
    hue = (0.32 + 2 * 0.6180339887498949) % 1
    assert class_color(2) == tuple(round(255 * v) for v in colorsys.hls_to_rgb(hue, 0.42, 0.95))


@pytest.mark.parametrize(
    ("background", "expected"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((0, 0, 0), (255, 255, 255)),
        ((255, 255, 0), (0, 0, 0)),
        ((0, 0, 255), (255, 255, 255)),
        # Grey 117 has luminance .178, 118 has .181; black and white are equal at .179.
        ((117, 117, 117), (255, 255, 255)),
        ((118, 118, 118), (0, 0, 0)),
    ],
)
def test_text_has_the_better_contrast(
    background: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    assert text_color(background) == expected


def test_the_outline_covers_the_pixels_of_the_box() -> None:
    image = grey(500, 400)
    drawn = draw_detections(image, [[100, 200, 300, 350]], [0.9], [1], ["a", "b"], line_width=3)
    values = pixels(drawn)
    color = class_color(1)
    # Columns 100..299 and rows 200..349 belong to the box; the line runs along its inside.
    for x, y in ((100, 250), (102, 250), (299, 250), (297, 250), (200, 349), (200, 347)):
        assert tuple(values[y, x]) == color, (x, y)
    assert tuple(values[250, 200]) == GREY
    assert tuple(values[250, 90]) == GREY
    assert where(drawn, color)[2:] == (299, 349)
    assert (pixels(image) == GREY).all()  # the original is untouched


@pytest.mark.parametrize(("width", "height"), [(100, 100), (500, 375), (6000, 4000)])
def test_line_and_label_grow_with_the_image(width: int, height: int) -> None:
    box = [0.2 * width, 0.5 * height, 0.9 * width, 0.9 * height]
    drawn = draw_detections(grey(width, height), [box], [0.87], [0], ["dog"])
    color = class_color(0)
    values = pixels(drawn)
    row = int(0.8 * height)
    line = int((values[row, : width // 2] == color).all(axis=1).sum())
    assert line == max(1, round((width * height) ** 0.5 / 190))
    plate_height = int(0.5 * height) - where(drawn, color)[1]
    # At least 10 pixels high letters, at most a tenth of the picture on large ones.
    assert 12 <= plate_height <= max(15, 0.06 * height)


def test_the_label_stands_above_the_box_at_its_left() -> None:
    drawn = draw_detections(grey(500, 400), [[100, 200, 300, 350]], [0.9], [0], ["a"])
    left, top, _, _ = where(drawn, class_color(0))
    assert left == 100
    assert 180 <= top <= 187


def test_the_label_goes_inside_where_there_is_no_room_above() -> None:
    drawn = draw_detections(grey(500, 400), [[100, 5, 300, 350]], [0.9], [0], ["a"])
    assert where(drawn, class_color(0)) == (100, 5, 299, 349)
    assert (pixels(drawn)[7, 100:115] == class_color(0)).all()  # the plate's top left corner


def test_the_label_of_a_small_object_at_the_top_goes_below() -> None:
    drawn = draw_detections(grey(500, 400), [[100, 5, 130, 25]], [0.9], [0], ["a"])
    left, top, _, bottom = where(drawn, class_color(0))
    assert (left, top) == (100, 5)
    assert 37 <= bottom <= 45
    assert tuple(pixels(drawn)[15, 115]) == GREY  # the object is to be seen


def test_the_label_stays_inside_at_the_right_edge() -> None:
    name = "a rather long name"
    drawn = draw_detections(grey(500, 400), [[480, 200, 500, 300]], [0.9], [0], [name])
    left, _, right, _ = where(drawn, class_color(0))
    assert left < 400
    assert right == 499
    # The plate's right padding is all plate: the text was not cut.
    assert (pixels(drawn)[190:195, 497:500] == class_color(0)).all()


def test_a_name_too_long_for_the_image_is_cut_but_the_score_is_not() -> None:
    long = draw_detections(grey(200, 100), [[0, 50, 50, 90]], [0.87], [0], ["n" * 500])
    short = draw_detections(grey(200, 100), [[0, 50, 50, 90]], [0.87], [0], ["n" * 12])
    assert not np.array_equal(pixels(long), pixels(short))
    assert where(long, class_color(0))[2] < 200
    assert tuple(pixels(long)[20, 100]) == GREY


def test_high_scores_end_on_top() -> None:
    # Two boxes that are the same: the line has the colour of the higher score.
    box = [20, 100, 480, 380]
    for scores, winner in (([0.3, 0.8], 1), ([0.8, 0.3], 0)):
        drawn = draw_detections(grey(500, 400), [box, box], scores, [0, 1], ["a", "b"])
        assert tuple(pixels(drawn)[200, 20]) == class_color(winner)
        left, top, _, _ = where(drawn, class_color(winner))
        assert top < 100  # it has the better place for its label as well
        assert left == 20


def test_labels_keep_out_of_each_others_way() -> None:
    # Boxes that begin at the same corner: both plates are whole, one above, one inside.
    boxes = [[20, 100, 480, 380], [20, 100, 300, 300]]
    drawn = pixels(draw_detections(grey(500, 400), boxes, [0.9, 0.8], [0, 1], ["a", "a"]))
    assert tuple(drawn[90, 22]) == class_color(0)
    assert tuple(drawn[108, 22]) == class_color(1)


@pytest.mark.parametrize(
    "box",
    [
        [-50, -50, 600, 500],  # beyond the image
        [600, 500, 700, 600],  # all outside
        [300, 300, 100, 100],  # swapped
        [50, 50, 50, 50],  # without area
        [499.6, 399.6, 500, 400],
    ],
)
def test_odd_boxes_are_drawn_somehow(box: list[float]) -> None:
    drawn = draw_detections(grey(500, 400), [box], [0.5], [0], ["a"])
    where(drawn, class_color(0))


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (16, 16)])
def test_tiny_images(size: tuple[int, int]) -> None:
    drawn = draw_detections(grey(*size), [[0, 0, *size]], [0.5], [0], ["person"])
    assert drawn.size == size


@pytest.mark.parametrize("name", ["собака", "犬", "كلب", "two\nlines", "", "🐕"])
def test_any_name(name: str) -> None:
    drawn = draw_detections(grey(200, 100), [[50, 50, 90, 90]], [0.5], [0], [name])
    where(drawn, class_color(0))


def test_the_score_is_a_percentage_and_annotations_have_none() -> None:
    box = [[50, 50, 190, 90]]
    scored = draw_detections(grey(200, 100), box, [0.874], [0], ["dog"])
    same = draw_detections(grey(200, 100), box, None, [0], ["dog 87%"])
    plain = draw_detections(grey(200, 100), box, None, [0], ["dog"])
    assert np.array_equal(pixels(scored), pixels(same))
    assert not np.array_equal(pixels(scored), pixels(plain))


def test_nothing_found_gives_a_copy_and_other_modes_become_rgb() -> None:
    image = grey(20, 10)
    drawn = draw_detections(image, np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=int), [])
    assert drawn is not image
    assert np.array_equal(pixels(drawn), pixels(image))
    assert draw_detections(Image.new("L", (20, 10)), [], [], [], []).mode == "RGB"


def test_a_contact_sheet_keeps_shapes_and_order() -> None:
    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    images = [
        Image.new("RGB", (50, 50), red),
        Image.new("RGB", (400, 200), green),
        Image.new("RGB", (100, 200), blue),
    ]
    sheet = contact_sheet(images, columns=2, tile=100)
    # Two tiles of 100 and gaps of 2 before, between and after, both ways.
    assert sheet.size == (206, 206)
    assert where(sheet, red) == (2, 2, 101, 101)
    assert where(sheet, green) == (104, 27, 203, 76)  # 100 x 50, in the middle of its tile
    assert where(sheet, blue) == (27, 104, 76, 203)


def test_a_contact_sheet_is_no_wider_than_needed() -> None:
    assert contact_sheet([grey(10, 10)], columns=4, tile=100).size == (104, 104)
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], columns=4, tile=100)
