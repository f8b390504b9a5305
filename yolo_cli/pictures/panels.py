"""Pictures side by side, each with a line of text above it: what a lecture shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from yolo_cli.pictures.font import label_font
from yolo_cli.text import printable

GROUND = (255, 255, 255)
INK = (28, 28, 32)


class Panel(NamedTuple):
    """A picture of a sheet.

    Attributes:
        title: one line.
        image: in mode ``RGB``; all of a sheet are of the same size.
    """

    title: str
    image: Image.Image


def sheet_of(panels: Sequence[Panel], *, columns: int, note: str = "") -> Image.Image:
    """Put pictures of one size into rows, their titles above them, on white.

    Args:
        panels: at least one.
        columns: pictures in a row.
        note: a line below them all.

    Returns:
        An image in mode ``RGB``.
    """
    width, height = panels[0].image.size
    titles = "".join(title for title, _ in panels)
    font = label_font(max(12, round(width / 24)), titles + note)
    gap, line = round(font.size), round(font.size * 1.7)
    rows = math.ceil(len(panels) / columns)
    foot = line + gap // 2 if note else 0
    size = (columns * (width + gap) + gap, rows * (height + line + gap // 2) + foot + gap // 2)
    sheet = Image.new("RGB", size, GROUND)
    pen = ImageDraw.Draw(sheet)
    for i, (title, image) in enumerate(panels):
        row, column = divmod(i, columns)
        left, top = gap + column * (width + gap), row * (height + line + gap // 2) + gap // 2
        write(pen, (left, top + line // 2), title, font, room=width)
        sheet.paste(image, (left, top + line))
    if note:
        write(pen, (gap, size[1] - gap // 2 - line // 2), note, font, room=size[0] - 2 * gap)
    return sheet


def write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    font: ImageFont.FreeTypeFont,
    *,
    room: int,
) -> None:
    """Write a line, cut where it is too long.

    Args:
        pen: draws.
        place: left end and middle of the line in pixels.
        text: the line.
        font: its letters.
        room: most pixels.
    """
    text = printable(text)
    while len(text) > 1 and font.getlength(text) > room:
        text = text.rstrip("…")[:-1].rstrip() + "…"
    pen.text(place, text, fill=INK, font=font, anchor="lm")
