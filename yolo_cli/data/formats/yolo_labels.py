"""One YOLO label file: a line for each object, ``class x_centre y_centre width height``.

Coordinates are fractions of the image's sides (Darknet's convention). Lines of a class and at
least three points are outlines or rotated boxes; their upright bounding box is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from yolo_cli.data.formats.common import Box, Fault, check_counts, number
from yolo_cli.data.formats.files import read_lines

MAX_CLASSES = 100_000
"""Class numbers are below this: each gets a name, also where the dataset has none."""

_BOX_COLUMNS = 5
_FARTHEST = 2.0
"""Coordinates beyond this are pixels, not fractions: what is a little over 1 is judged later."""


@dataclass(frozen=True)
class YoloObject:
    """One line.

    Attributes:
        label: number of the class.
        box: xyxy in fractions of the image's width and height, from 0.
        line: number in the file, from 1.
    """

    label: int
    box: Box
    line: int


@dataclass(frozen=True)
class Labels:
    """A label file: its objects, and a fault for each line that is not one."""

    objects: tuple[YoloObject, ...]
    faults: tuple[Fault, ...]


def read_labels(path: Path, *, keypoints: bool = False) -> Labels:
    """Reads a label file.

    Args:
        path: the file.
        keypoints: whether columns after the fifth are keypoints, to be ignored.

    Returns:
        What is in it; an empty file has no objects.

    Raises:
        UserError: the file cannot be read or is not text.
    """
    objects: list[YoloObject] = []
    faults: list[Fault] = []
    for line, text in enumerate(read_lines(path), start=1):
        if not text:
            continue
        columns = text.split()
        item = _object(path, columns[:_BOX_COLUMNS] if keypoints else columns, line)
        if isinstance(item, YoloObject):
            objects.append(item)
        else:
            faults.append(item)
        check_counts(path, len(objects), len(faults))
    return Labels(tuple(objects), tuple(faults))


def _object(path: Path, columns: list[str], line: int) -> YoloObject | Fault:
    """The object in a line, or what is wrong with it."""
    values = _values(columns)
    if isinstance(values, str):
        return Fault("syntax", path, line, values)
    label, *coordinates = values
    numbers = tuple(values)
    if not label.is_integer() or not 0 <= label < MAX_CLASSES:
        what = f"class {columns[0][:40]} is not a number counted from 0"
        return Fault("class", path, line, what, numbers=numbers)
    if max(map(abs, coordinates)) > _FARTHEST:
        what = "coordinates are not fractions of the image's sides, from 0 to 1"
        return Fault("columns", path, line, what, numbers=numbers)
    box = _bounds(coordinates) if len(values) > _BOX_COLUMNS else _centred(coordinates)
    if isinstance(box, str):
        return Fault("swapped", path, line, box, numbers=numbers)
    return YoloObject(int(label), box, line)


def _values(columns: list[str]) -> list[float] | str:
    """The columns as finite numbers, or what is wrong with them."""
    if len(columns) == _BOX_COLUMNS + 1:
        return "six columns: the confidence of a detection does not belong into a label"
    if len(columns) < _BOX_COLUMNS or len(columns) % 2 == 0:
        return f"{len(columns)} columns, not 'class x y width height' or a class and points"
    values: list[float] = []
    for text in columns:
        value = number(text)
        if value is None:
            return f"{text[:40]!r} is not a number"
        if not isfinite(value):
            return f"{text[:40]!r} is not finite"
        values.append(value)
    return values


def _centred(coordinates: list[float]) -> Box | str:
    x, y, width, height = coordinates
    if width < 0 or height < 0:
        return f"box with a negative size ({width:g} x {height:g})"
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _bounds(coordinates: list[float]) -> Box:
    xs, ys = coordinates[::2], coordinates[1::2]
    return min(xs), min(ys), max(xs), max(ys)
