"""One Pascal VOC annotation file.

Source: "The PASCAL Visual Object Classes Challenge 2007 Development Kit", annotation format.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats.common import check_counts, number
from yolo_cli.data.formats.judging import written
from yolo_cli.data.formats.scan import Fault, LabelledObject, Spot
from yolo_cli.data.formats.xml_read import XmlBuilder, read_xml
from yolo_cli.errors import UserError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Annotation:
    """What a reader needs of an annotation file.

    Attributes:
        filename: last part of ``<filename>``; empty if there is none.
        objects: those that could be read; boxes are written as (xmin, ymin, xmax, ymax), pixels
            counted from 1, both inclusive.
        faults: one for each object that could not.
        size: (width, height) in ``<size>``; None if that is missing or no number.
        size_line: line of the ``<size>`` tag.
    """

    filename: str
    objects: tuple[LabelledObject, ...]
    faults: tuple[Fault, ...]
    size: tuple[float, float] | None = None
    size_line: int = 0


def read_annotation(path: Path) -> Annotation:
    """Read an annotation file; parts of an object (``<part>``: head, hand, foot) are ignored.

    Raises:
        UserError: the file cannot be read, is not XML, declares entities, or is not a VOC
            annotation.
    """
    builder = _Builder(path)
    read_xml(path, builder)
    if builder.root != "annotation":
        raise UserError(f"not a VOC annotation (its root element is <{builder.root}>)", path=path)
    return _annotation(path, builder)


class _Builder(XmlBuilder):
    """Keeps ``<size>`` and ``<object>`` with its ``<bndbox>``."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.filename = ""
        self.size: dict[str, str] = {}
        self.size_line = 0
        self.objects: list[tuple[int, dict[str, str]]] = []

    def begin(self, attributes: dict[str, str]) -> None:
        if len(self.path) == 2:
            if self.path[1] == "object":
                self.objects.append((self.line, {}))
                check_counts(self.file, len(self.objects), 0)
            elif self.path[1] == "size":
                self.size_line = self.line

    def finish(self) -> None:
        depth = len(self.path)
        if depth > 4:  # annotation/object/bndbox/xmin
            return
        if self.path[1:] == ["filename"]:
            self.filename = self.text
        elif self.path[1:2] == ["size"] and depth == 3:
            self.size.setdefault(self.path[2], self.text)
        elif depth == 3 and self.path[1] == "object":
            self.objects[-1][1].setdefault(self.path[2], self.text)
        elif depth == 4 and self.path[1:3] == ["object", "bndbox"]:
            self.objects[-1][1].setdefault(f"bndbox/{self.path[3]}", self.text)


def _annotation(path: Path, builder: _Builder) -> Annotation:
    objects: list[LabelledObject] = []
    faults: list[Fault] = []
    for line, fields in builder.objects:
        item = _object(path, line, fields)
        if isinstance(item, LabelledObject):
            objects.append(item)
        else:
            faults.append(item)
            check_counts(path, 0, len(faults))
    # Windows programs write whole Windows paths.
    filename = builder.filename.replace("\\", "/").rsplit("/", maxsplit=1)[-1]
    return Annotation(filename, tuple(objects), tuple(faults), _size(builder), builder.size_line)


def _size(builder: _Builder) -> tuple[float, float] | None:
    width, height = (number(builder.size.get(side, "")) for side in ("width", "height"))
    return None if width is None or height is None else (width, height)


def _object(path: Path, line: int, fields: dict[str, str]) -> LabelledObject | Fault:
    """The object, or what is wrong with it."""
    spot = Spot(path, line)
    name = " ".join(fields.get("name", "").split())
    if not name:
        return Fault("label-syntax", spot, "object without a class name")
    if "bndbox" not in fields:
        return Fault("label-syntax", spot, f"object {name!r} has no <bndbox>")
    values: list[float] = []
    for corner in _CORNERS:
        text = fields.get(f"bndbox/{corner}", "")
        value = number(text)
        if value is None:
            what = f"<{corner}> of {name!r} is {text[:40]!r}, not a number"
            if not text:
                what = f"box of {name!r} has no <{corner}>"
            return Fault("label-syntax", spot, what)
        values.append(value)
    xmin, ymin, xmax, ymax = corners = values
    # Inclusive: xmin == xmax is one pixel wide, and only less than that is wrong.
    if xmax < xmin or ymax < ymin:
        what = f"{written(corners)} of {name!r} has swapped corners"
        return Fault("box-swapped", spot, what, numbers=tuple(corners))
    difficult = fields.get("difficult", "0").lower() in {"1", "true", "yes"}
    box = (xmin - 1, ymin - 1, xmax, ymax)  # [0, width] is the whole image
    return LabelledObject(spot, name, box, (xmin, ymin, xmax, ymax), difficult)
