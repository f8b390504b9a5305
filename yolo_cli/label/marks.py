"""What the page sends: boxes with their classes, checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from yolo_cli.data.convert.voc import fits_xml
from yolo_cli.data.formats.common import MAX_OBJECTS, Box
from yolo_cli.data.formats.judging import Size
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError
from yolo_cli.text import printable

LONGEST_NAME = 100  # characters of a class


@dataclass(frozen=True)
class Mark:
    """An object as it is labelled.

    Attributes:
        name: of its class.
        box: xyxy in pixels of the upright image.
        difficult: VOC's flag.
    """

    name: str
    box: Box
    difficult: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the page."""
        return {"name": self.name, "box": self.box, "difficult": self.difficult}


def class_name(text: object) -> str:
    """Return the name of a class as it is written to files.

    Raises:
        UserError: it is none.
    """
    name = " ".join(text.split()) if isinstance(text, str) else ""
    if not name:
        raise UserError("a class needs a name")
    if len(name) > LONGEST_NAME:
        raise UserError(f"the name of a class has at most {LONGEST_NAME} characters")
    if printable(name) != name or not fits_xml(name):
        raise UserError(f"class {printable(name)}: a character in it cannot be written")
    return name


def read_marks(values: object, size: Size) -> list[Mark]:
    """Read what the page has sent of an image.

    Args:
        values: a list of ``{"name": …, "box": [x1, y1, x2, y2], "difficult": …}``.
        size: of the upright image; boxes are cut off at its edges.

    Raises:
        UserError: it is something else, or a box has no pixel in the image.
    """
    if not isinstance(values, list) or len(values) > MAX_OBJECTS:
        raise UserError("no list of boxes")
    return [_mark(value, size) for value in values]


def _mark(value: object, size: Size) -> Mark:
    if not isinstance(value, Mapping):
        raise UserError("a box that is none")
    corners = value.get("box")
    if not isinstance(corners, list) or len(corners) != 4 or not all(map(_is_number, corners)):
        raise UserError("a box has four numbers")
    x1, y1, x2, y2 = map(float, corners)
    width, height = size
    x1, x2 = sorted((min(max(x1, 0.0), width), min(max(x2, 0.0), width)))
    y1, y2 = sorted((min(max(y1, 0.0), height), min(max(y2, 0.0), height)))
    if x2 <= x1 or y2 <= y1:
        raise UserError("a box lies outside the image, or has no size")
    return Mark(class_name(value.get("name")), (x1, y1, x2, y2), value.get("difficult") is True)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def sample_of(image: Path, size: Size, marks: Sequence[Mark], classes: Sequence[str]) -> Sample:
    """Return the sample that the writers of the formats take.

    Args:
        image: the file.
        size: of the upright image.
        marks: on it.
        classes: all of theirs are among them.
    """
    boxes = np.array([mark.box for mark in marks], dtype=np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    numbers = {name: index for index, name in enumerate(classes)}
    return Sample(
        id=image.stem,
        image=image,
        width=size[0],
        height=size[1],
        boxes=boxes,
        labels=np.array([numbers[mark.name] for mark in marks], dtype=np.int64),
        difficult=np.array([mark.difficult for mark in marks], dtype=np.bool_),
        crowd=np.zeros(len(marks), dtype=np.bool_),
        area=sides[:, 0] * sides[:, 1],
    )
