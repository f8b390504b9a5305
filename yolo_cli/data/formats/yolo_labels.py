"""One YOLO label file: a line for each object, ``class x_centre y_centre width height``.

Coordinates are fractions of the image's sides (Darknet's convention). Lines of a class and at
least three points are outlines or rotated boxes; their upright bounding box is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from yolo_cli.data.formats.common import Box, check_counts, number
from yolo_cli.data.formats.files import read_lines
from yolo_cli.data.formats.scan import Fault, LabelledObject, Spot
from yolo_cli.text import counted

MAX_CLASSES = 100_000
"""Class numbers are below this: each gets a name, also where the dataset has none."""

_BOX_COLUMNS = 5
_DOTA_COLUMNS = 10
_FARTHEST = 2.0
"""Coordinates beyond this are pixels, not fractions: what is a little over 1 is judged later."""


@dataclass(frozen=True)
class Labels:
    """A label file: its objects, and a fault for each line that is not one."""

    objects: tuple[LabelledObject, ...]
    faults: tuple[Fault, ...]


def read_labels(
    path: Path,
    names: Sequence[str] | None = None,
    *,
    keypoints: bool = False,
    outlines: bool = False,
) -> Labels:
    """Read a label file.

    Args:
        path: the file.
        names: of the classes; None to name them by their numbers.
        keypoints: whether columns after the fifth are keypoints, to be ignored.
        outlines: whether those of the objects are wanted, too.

    Returns:
        What is in it; an empty file has no objects. Boxes are in fractions of the image's width
        and height, written as centre and size, also those around outlines.

    Raises:
        UserError: the file cannot be read or is not text.
    """
    objects: list[LabelledObject] = []
    faults: list[Fault] = []
    for line, text in enumerate(read_lines(path), start=1):
        if not text:
            continue
        columns = text.split()
        spot = Spot(path, line)
        item = _object(spot, columns[:_BOX_COLUMNS] if keypoints else columns, names)
        if isinstance(item, LabelledObject):
            if outlines and len(columns) > _BOX_COLUMNS and not keypoints:
                item.outlines = (np.array(columns[1:], dtype=np.float64).reshape(-1, 2),)
            objects.append(item)
        else:
            faults.append(item)
        check_counts(path, len(objects), len(faults))
    return Labels(tuple(objects), tuple(faults))


def _object(spot: Spot, columns: list[str], names: Sequence[str] | None) -> LabelledObject | Fault:
    """The object in a line, or what is wrong with it."""
    values = _values(columns)
    if isinstance(values, str):
        return Fault("label-syntax", spot, values)
    label, *coordinates = numbers = tuple(values)
    if not label.is_integer() or not 0 <= label < MAX_CLASSES:
        what = f"class {columns[0][:40]} is not a number counted from 0"
        return Fault("class-unknown", spot, what, numbers=numbers)
    if max(map(abs, coordinates)) > _FARTHEST:
        what = "coordinates are not fractions of the image's sides, from 0 to 1"
        return Fault("box-not-normalised", spot, what, numbers=numbers)
    box = _bounds(coordinates) if len(values) > _BOX_COLUMNS else _centred(coordinates)
    if isinstance(box, str):
        return Fault("box-swapped", spot, box, numbers=numbers)
    if names is not None and label >= len(names):
        what = f"class {int(label)}, but there are only {len(names)} (from 0)"
        return Fault("class-unknown", spot, what, numbers=numbers)
    x1, y1, x2, y2 = box
    written = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
    name = str(int(label)) if names is None else names[int(label)]
    return LabelledObject(spot, name, box, written)


def _values(columns: list[str]) -> list[float] | str:
    """The columns as finite numbers, or what is wrong with them."""
    if len(columns) == _BOX_COLUMNS + 1:
        return "six columns: neither a detection's confidence nor an angle belongs in a label"
    if len(columns) in {_DOTA_COLUMNS, _DOTA_COLUMNS - 1} and _is_dota(columns):
        return "four corners and then the class, as DOTA has them: YOLO has the class first"
    if len(columns) < _BOX_COLUMNS or len(columns) % 2 == 0:
        found = counted(len(columns), "column")
        return f"{found}, not 'class x y width height' or a class and points"
    values: list[float] = []
    for text in columns:
        value = number(text)
        if value is None:
            return f"{text[:40]!r} is not a number"
        if not isfinite(value):
            return f"{text[:40]!r} is not finite"
        values.append(value)
    return values


def _is_dota(columns: list[str]) -> bool:
    corners, name = columns[:8], columns[8]
    return number(name) is None and all(number(text) is not None for text in corners)


def _centred(coordinates: list[float]) -> Box | str:
    x, y, width, height = coordinates
    if width < 0 or height < 0:
        return f"box with a negative size ({width:g} x {height:g})"
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _bounds(coordinates: list[float]) -> Box:
    xs, ys = coordinates[::2], coordinates[1::2]
    return min(xs), min(ys), max(xs), max(ys)
