"""Pictures of detections: boxes with legible labels, at any size of image."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from yolo_cli.data.sample import FloatArray
from yolo_cli.pictures.font import label_font
from yolo_cli.text import encodable

Color = tuple[int, int, int]

# Chosen such that the first 20 colours are as far apart in CIELAB as this scheme allows (22 units
# at least; matplotlib's tab20: 16) while none is too dark to be seen on a shadow (L* of 39).
_FIRST_HUE = 0.32
_LIGHTNESS = (0.53, 0.8, 0.42)
_SATURATION = 0.95
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2

_SMALLEST_FONT = 10
_SHEET_BACKGROUND = (32, 32, 32)


@dataclass(frozen=True)
class _Plate:
    """A label and the rectangle it stands on, in whole pixels."""

    text: str
    font: ImageFont.FreeTypeFont
    color: Color
    left: int
    top: int
    right: int
    bottom: int


def class_color(index: int) -> Color:
    """Return a class's colour, always the same: hues a golden ratio apart, three lightnesses."""
    hue = (_FIRST_HUE + index * _GOLDEN_RATIO) % 1
    rgb = colorsys.hls_to_rgb(hue, _LIGHTNESS[index % len(_LIGHTNESS)], _SATURATION)
    red, green, blue = (round(255 * value) for value in rgb)
    return red, green, blue


def text_color(background: Color) -> Color:
    """Black or white, whichever has the higher contrast (WCAG 2.1, relative luminance)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in background)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Contrast with black is (L + .05) / .05, with white 1.05 / (L + .05).
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)


def draw_detections(
    image: Image.Image,
    boxes: npt.ArrayLike,
    scores: npt.ArrayLike | None,
    labels: npt.ArrayLike,
    names: Sequence[str],
    *,
    line_width: int | None = None,
    colors: Sequence[Color] | None = None,
    show_labels: bool = True,
    show_scores: bool = True,
    in_place: bool = False,
) -> Image.Image:
    """Draw boxes with class and score onto a copy of an image.

    The highest scores end on top, and no box crosses a label.

    Args:
        image: an upright image.
        boxes: ``[N, 4]`` xyxy in its pixels.
        scores: ``[N]`` in [0, 1]; None for annotated objects, which have none.
        labels: ``[N]`` indices into ``names``.
        names: class names.
        line_width: of the boxes, in pixels; None scales it to the image.
        colors: of the classes; None for those of :func:`class_color`.
        show_labels: write class and score.
        show_scores: write the score behind the class.
        in_place: draw on the image itself, which is in mode ``RGB``: nobody else needs it.

    Returns:
        An image of the same size in mode ``RGB``.
    """
    drawn = image if in_place else image.copy() if image.mode == "RGB" else image.convert("RGB")
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    classes = np.asarray(labels, dtype=np.int64)
    confidence = None if scores is None else np.asarray(scores, dtype=np.float64)
    order = np.arange(len(corners)) if confidence is None else confidence.argsort(kind="stable")
    # A picture's scale: the side of the square with its area.
    scale = math.sqrt(drawn.width * drawn.height)
    width = line_width or max(1, round(scale / 190))
    pen = ImageDraw.Draw(drawn, "RGBA")
    outlines = [_pixels(box, drawn.size) for box in corners]
    paints = [class_color(c) if colors is None else colors[c] for c in classes.tolist()]
    for i in order:
        _draw_outline(pen, outlines[i], paints[i], width)
    if not show_labels:
        return drawn

    size = max(_SMALLEST_FONT, round(scale / 34))
    plates: list[_Plate] = []
    for i in order[::-1]:  # the highest score has the choice of place
        name = names[int(classes[i])]
        score = f"{confidence[i]:.0%}" if confidence is not None and show_scores else ""
        font = label_font(size, name)
        text = _fit(name, score, font, drawn.width)
        plates.append(_place(text, paints[i], font, outlines[i], size=drawn.size, others=plates))
    for plate in reversed(plates):
        _draw_plate(pen, plate)
    return drawn


def contact_sheet(images: Sequence[Image.Image], *, columns: int, tile: int) -> Image.Image:
    """Put images side by side, each scaled to fit a square tile.

    Args:
        images: at least one.
        columns: most tiles in a row.
        tile: side of a tile in pixels.

    Returns:
        An image in mode ``RGB``; unused space is dark grey.

    Raises:
        ValueError: there is no image.
    """
    if not images:
        raise ValueError("a contact sheet needs at least one image")
    gap = max(2, tile // 50)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    size = (columns * (tile + gap) + gap, rows * (tile + gap) + gap)
    sheet = Image.new("RGB", size, _SHEET_BACKGROUND)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        fitted = ImageOps.pad(
            image.convert("RGB"),
            (tile, tile),
            method=Image.Resampling.LANCZOS,
            color=_SHEET_BACKGROUND,
        )
        sheet.paste(fitted, (gap + column * (tile + gap), gap + row * (tile + gap)))
    return sheet


def _pixels(box: FloatArray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """First and last column and row of a box, inside the image, however the box lies."""
    last = np.array([*size, *size]) - 1
    low, high = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    corners = np.concatenate([np.rint(low), np.rint(high) - 1])
    left, top, right, bottom = (int(value) for value in corners.clip(0, last))
    return left, top, max(left, right), max(top, bottom)


def _draw_outline(
    pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], color: Color, width: int
) -> None:
    # A dark, half transparent rim on both sides sets the line off from a ground of its colour.
    left, top, right, bottom = box
    rim = max(1, round(width / 4))
    outer = (left - rim, top - rim, right + rim, bottom + rim)
    pen.rectangle(outer, outline=(0, 0, 0, 90), width=width + 2 * rim)
    pen.rectangle(box, outline=color, width=width)


def _fit(name: str, score: str, font: ImageFont.FreeTypeFont, room: int) -> str:
    """Return the label, its name cut where it is wider than the image."""
    name = " ".join(encodable(name).split())  # a name with a line break stays on one line
    text = f"{name} {score}".strip()
    padding = 2 * _padding(font)
    while len(name) > 1 and font.getlength(text) + padding > room:
        name = name.rstrip("…")[:-1].rstrip() + "…"
        text = f"{name} {score}".strip()
    return text


def _padding(font: ImageFont.FreeTypeFont) -> int:
    return max(2, round(font.size / 4))


def _place(
    text: str,
    color: Color,
    font: ImageFont.FreeTypeFont,
    box: tuple[int, int, int, int],
    *,
    size: tuple[int, int],
    others: Sequence[_Plate],
) -> _Plate:
    """Find the place of a label: the first of the usual ones that covers other labels least."""
    ascent, descent = font.getmetrics()
    width = min(size[0], math.ceil(font.getlength(text)) + 2 * _padding(font))
    height = min(size[1], ascent + descent + _padding(font) // 2)
    left, top, right, bottom = box
    above, inside, below = top - height, top, bottom + 1
    at_right = right + 1 - width
    usual = [(left, above), (left, inside), (left, below), (at_right, above), (at_right, below)]
    if bottom - top < 2 * height:
        usual.sort(key=lambda place: place[1] == inside)  # last: it would hide a small object
    places = [(x, y) for x, y in usual if 0 <= y <= size[1] - height] or [(left, 0)]
    taken = np.array([(p.left, p.top, p.right, p.bottom) for p in others]).reshape(-1, 4)

    def covered(place: tuple[int, int]) -> float:
        sides = np.minimum(taken[:, 2:], np.add(place, (width, height))) - np.maximum(
            taken[:, :2], place
        )
        return float(sides.clip(min=0).prod(axis=1).sum())

    inside_image = [(min(max(x, 0), size[0] - width), y) for x, y in places]
    x, y = min(inside_image, key=covered)
    return _Plate(text, font, color, x, y, x + width, y + height)


def _draw_plate(pen: ImageDraw.ImageDraw, plate: _Plate) -> None:
    font = plate.font
    pen.rectangle((plate.left, plate.top, plate.right - 1, plate.bottom - 1), fill=plate.color)
    ascent, descent = font.getmetrics()
    baseline = plate.top + (plate.bottom - plate.top - ascent - descent) / 2 + ascent
    position = (plate.left + _padding(font), baseline)
    pen.text(position, plate.text, fill=text_color(plate.color), font=font, anchor="ls")
