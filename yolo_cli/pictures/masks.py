"""Pictures of masks: laid over the photograph, or as a file of indices with colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from yolo_cli.data.mask import IGNORED, MaskArray
from yolo_cli.data.sample import BoolArray
from yolo_cli.files import atomic_write
from yolo_cli.pictures.drawing import class_color, text_color
from yolo_cli.pictures.font import label_font
from yolo_cli.text import printable

OPACITY = 0.55
NOTHING = "background"  # a class of this name leaves the photograph as it is

_VOID = (224, 224, 192)  # the colour that VOC draws pixels without a label in
_LEAST = 0.004  # share of the picture from which on a region has its name written on it
_GRID = 48  # cells of the longer side, on which the middle of a region is looked for
_SMALLEST_FONT = 10


def colours() -> npt.NDArray[np.uint8]:
    """Return ``[256, 3]``: the colour of each index."""
    table = [class_color(index) for index in range(IGNORED)]
    return np.array([*table, _VOID], dtype=np.uint8)


def draw_mask(
    image: Image.Image,
    mask: MaskArray,
    names: Sequence[str],
    *,
    show_labels: bool = True,
    shares: bool = False,
) -> Image.Image:
    """Lay the colours of classes over a picture, with lines between them and their names.

    Args:
        image: in mode ``RGB``; not changed.
        mask: ``[H, W]`` indices, in any size.
        names: of the classes.
        show_labels: write the names.
        shares: write each class's share of the picture behind its name.

    Returns:
        A new image of the same size in mode ``RGB``.
    """
    if mask.shape != (image.height, image.width):
        fitted = Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST)
        mask = np.asarray(fitted, dtype=np.uint8)
    painted = colours()[mask].astype(np.float32)
    picture = np.asarray(image.convert("RGB"), dtype=np.float32)
    opacity = np.full(mask.shape, OPACITY, dtype=np.float32)
    opacity[mask == IGNORED] = 0
    if NOTHING in names:
        opacity[mask == list(names).index(NOTHING)] = 0
    mixed = picture + (painted - picture) * opacity[..., None]
    edges = _edges(mask)
    mixed[edges] = 0.35 * mixed[edges] + 0.65 * 255
    drawn = Image.fromarray(np.rint(mixed).astype(np.uint8))
    if show_labels:
        _write_names(drawn, mask, names, shares=shares)
    return drawn


def _edges(mask: MaskArray) -> BoolArray:
    """Return the pixels whose right or lower neighbour is of another class."""
    edges: BoolArray = np.zeros(mask.shape, dtype=np.bool_)
    edges[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edges[:-1] |= mask[:-1] != mask[1:]
    return edges


def _write_names(
    drawn: Image.Image, mask: MaskArray, names: Sequence[str], *, shares: bool
) -> None:
    scale = math.sqrt(drawn.width * drawn.height)
    size = max(_SMALLEST_FONT, round(scale / 36))
    pen = ImageDraw.Draw(drawn)
    counts = np.bincount(mask.ravel(), minlength=IGNORED + 1)
    for index in np.argsort(-counts[: len(names)], kind="stable").tolist():
        share = counts[index] / mask.size
        if share < _LEAST or names[index] == NOTHING:
            continue
        x, y = _middle(mask == index)
        text = printable(names[index]) + (f" {share:.0%}" if shares else "")
        font = label_font(size, text)
        left, top, right, bottom = pen.textbbox((x, y), text, font=font, anchor="mm")
        # Inside the picture, whatever it says.
        move_x = max(0, 2 - left) - max(0, right + 2 - drawn.width)
        move_y = max(0, 2 - top) - max(0, bottom + 2 - drawn.height)
        colour = class_color(index)
        plate = (left + move_x - 2, top + move_y - 2, right + move_x + 2, bottom + move_y + 2)
        pen.rectangle(plate, fill=colour)
        place = (x + move_x, y + move_y)
        pen.text(place, text, fill=text_color(colour), font=font, anchor="mm")


def _middle(region: BoolArray) -> tuple[float, float]:
    """Return x, y deep inside the widest part of a region, found by wearing it away."""
    height, width = region.shape
    step = max(1, math.ceil(max(height, width) / _GRID))
    rows, columns = -(-height // step), -(-width // step)
    padded = np.zeros((rows * step, columns * step), dtype=np.float32)
    padded[:height, :width] = region
    left = padded.reshape(rows, step, columns, step).mean(axis=(1, 3))
    cells = left >= min(0.5, float(left.max()))
    while True:
        inner = np.pad(cells, 1)
        worn = cells & inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
        if not worn.any():
            break
        cells = worn
    found = np.argwhere(cells)
    row, column = found[len(found) // 2].tolist()
    return min((column + 0.5) * step, width - 1), min((row + 0.5) * step, height - 1)


def save_mask(mask: MaskArray, path: Path, inside: Path | None = None) -> None:
    """Write a mask as a PNG file of indices with a palette, as VOC's are.

    Args:
        mask: ``[H, W]``.
        path: where to.
        inside: a folder that has to be there, see :func:`yolo_cli.files.atomic_write`.

    Raises:
        UserError: the file cannot be written.
    """
    image = Image.fromarray(mask)
    image.putpalette(colours().ravel().tolist())
    with atomic_write(path, inside) as file:
        image.save(file, format="PNG")
