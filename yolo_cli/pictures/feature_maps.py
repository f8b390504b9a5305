"""What a layer makes of a photograph: its feature maps, in false colours, beside it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from yolo_cli.data.sample import FloatArray
from yolo_cli.pictures.font import label_font
from yolo_cli.pictures.panels import GROUND, write

MOST = 32  # maps of a sheet
COLUMNS = 8
TILE = 144  # pixels
GAP = 8
TITLE, NUMBER = 26, 13  # heights of letters in pixels
BRIGHTEST = (
    99.5  # percentile of a map's values that has the last colour: a single peak dims the rest
)
COLOURS = "magma"  # matplotlib's: black for the smallest value, and it reads as well in grey


def chosen(maps: FloatArray) -> npt.NDArray[np.int64]:
    """Return the numbers of those channels that vary most, at most :data:`MOST`, in order.

    Args:
        maps: ``[C, H, W]``.
    """
    spread = maps.std(axis=(1, 2))
    return np.sort(np.argsort(-spread, kind="stable")[:MOST])


def draw_maps(maps: FloatArray, photograph: Image.Image, title: str) -> Image.Image:
    """Draw the feature maps that vary most, each in the colours of its own range.

    Args:
        maps: ``[C, H, W]``.
        photograph: what the network saw; a square.
        title: above them.

    Returns:
        An image in mode ``RGB``: the photograph, and to its right tiles with a channel's number,
        counted from 1, below each.
    """
    channels = chosen(maps)
    rows = math.ceil(len(channels) / COLUMNS)
    columns = math.ceil(len(channels) / rows)
    line = round(1.6 * NUMBER)
    pitch = TILE + line
    head = round(2 * TITLE)
    side = max(2, rows) * pitch - line
    left = GAP + side + 3 * GAP
    size = (left + columns * (TILE + GAP), head + max(2, rows) * pitch + GAP)
    sheet = Image.new("RGB", size, GROUND)
    pen = ImageDraw.Draw(sheet)
    write(pen, (GAP, head // 2), title, label_font(TITLE, title), room=size[0] - 2 * GAP)
    sheet.paste(photograph.resize((side, side), Image.Resampling.LANCZOS), (GAP, head))
    for i, channel in enumerate(channels.tolist()):
        row, column = divmod(i, columns)
        x, y = left + column * (TILE + GAP), head + row * pitch
        sheet.paste(_tile(_coloured(maps[channel])), (x, y))
        place = (x, y + TILE + line // 2)
        write(pen, place, str(channel + 1), label_font(NUMBER), room=TILE)
    return sheet


def _coloured(values: FloatArray) -> Image.Image:
    from matplotlib import colormaps  # slow to import

    low, high = float(values.min()), float(np.percentile(values, BRIGHTEST))
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return Image.fromarray(colormaps[COLOURS](scaled, bytes=True)[..., :3].copy())


def _tile(image: Image.Image) -> Image.Image:
    """Scale a map; the values of a small one stay squares."""
    way = Image.Resampling.NEAREST if image.width < TILE else Image.Resampling.BOX
    return image.resize((TILE, TILE), way)
