"""The VGG Image Annotator (VIA), versions 1 and 2: annotations and projects as JSON, and CSV.

Recognised are files of any name in the dataset's folder, its folders of labels and images, and
those of its splits (``train/via_region_data.json``). A region is a rectangle, or a circle, an
ellipse or a polygon, of which the upright hull is taken; points have no box. Boxes are in pixels,
with the upper left corner at 0, 0. The class is the value of an attribute, see
:mod:`~yolo_cli.data.formats.via_attribute`. An image without regions has no objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import cos, hypot, inf, isfinite, nan, sin
from pathlib import Path

from yolo_cli.data.formats.coco_json import MAX_FAULTS_OF_ALL
from yolo_cli.data.formats.common import Box, brief, check_counts, is_text, like_more, number
from yolo_cli.data.formats.csv_rows import head_rows, read_head
from yolo_cli.data.formats.documents import (
    ONLY_CLASS,
    Document,
    DocumentReader,
    Entry,
    numbers_as_texts,
    unnamed_class,
)
from yolo_cli.data.formats.files import read_once
from yolo_cli.data.formats.json_head import json_head
from yolo_cli.data.formats.json_read import is_number
from yolo_cli.data.formats.label_files import find_label_files
from yolo_cli.data.formats.scan import Fault, Format, LabelledObject, Reading, Spot
from yolo_cli.data.formats.via_attribute import Attribute, choose, class_names
from yolo_cli.data.formats.via_file import CSV_COLUMNS, PROJECT, Region, ViaFile, read_via
from yolo_cli.errors import UserError

_ENTRY = frozenset({"filename", "regions"})


def open_reader(root: Path, reading: Reading) -> DocumentReader | None:
    """Return the reader of a folder with such files; None if there are none."""
    files = find_label_files(root, _is_via)
    if not files:
        return None
    parse = read_once(read_via)

    @cache
    def chosen() -> Attribute | UserError:
        """The attribute that names the class, the same for all files."""
        read = [one for file in files if isinstance(one := parse(file.path), ViaFile)]
        try:
            return choose(read, reading.class_attribute, root)
        except UserError as error:
            return error

    def read(path: Path) -> Document:
        file, attribute = parse(path), chosen()
        if isinstance(file, UserError):
            raise file
        if isinstance(attribute, UserError):
            raise attribute
        return _document(path, file, attribute)

    return DocumentReader(root, files, read, reading, form="corner and size")


def _is_via(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix == ".json":
        head = json_head(path)
        return PROJECT in head.keys or (head.opens == "{" and head.inner >= _ENTRY)
    if suffix == ".csv":
        rows = head_rows(read_head(path), ",")
        return bool(rows) and set(CSV_COLUMNS) <= {*rows[0]}
    return False


def _document(path: Path, file: ViaFile, attribute: Attribute) -> Document:
    """The regions of a file as objects."""
    regions = _Regions(attribute)
    stray = [*file.stray]
    entries: list[Entry] = []
    broken = len(stray)
    for image in file.images:
        objects: list[LabelledObject] = []
        faults = [*image.faults]
        for region in image.regions:
            found = regions.object(region)
            if isinstance(found, Fault):
                faults.append(found)
            elif found is not None:
                objects.append(found)
        check_counts(path, len(objects), 0)
        broken += len(faults)
        check_counts(path, 0, broken, MAX_FAULTS_OF_ALL)
        faults.sort(key=lambda one: one.spot.number)
        entries.append(Entry(image.name, image.spot, objects, faults))
    stray += numbers_as_texts(regions.texts)
    if regions.points:
        what = f"a point has no box and is left out{like_more(len(regions.points))}"
        stray.append(Fault("label-syntax", regions.points[0], what, "warning"))
    if attribute.name is None and any(entry.objects for entry in entries):
        stray.append(unnamed_class(Spot(path), "no attribute of its regions names a class"))
    return Document(entries, stray, attribute.declared)


class _Regions:
    """Makes objects of regions.

    Attributes:
        texts: places of numbers that are written as text, one a region.
        points: places of regions that have no extent.
    """

    def __init__(self, attribute: Attribute) -> None:
        self.texts: list[Spot] = []
        self.points: list[Spot] = []
        self._attribute = attribute

    def object(self, region: Region) -> LabelledObject | Fault | None:
        """Return the object, or what is wrong with it; None for a point."""
        shape = region.shape
        box = _hull(shape)
        if box is None:
            if "cx" in shape and "cy" in shape:
                self.points.append(region.spot)
                return None
            what = f"its shape_attributes {brief(dict(shape))} are none of a known shape"
            return Fault("label-syntax", region.spot, what)
        if isinstance(box, str):
            return Fault("label-syntax", region.spot, box)
        if any(isinstance(_flat(value), str) for key, value in shape.items() if key != "name"):
            self.texts.append(region.spot)
        name = self._name(region)
        if isinstance(name, Fault):
            return name
        x1, y1, x2, y2 = box
        return LabelledObject(region.spot, name, box, (x1, y1, x2 - x1, y2 - y1))

    def _name(self, region: Region) -> str | Fault:
        attribute = self._attribute.name
        if attribute is None:
            return ONLY_CLASS
        names = class_names(region.attributes.get(attribute))
        if len(names) == 1 and is_text(names[0]):
            return names[0]
        said = f"its attribute {attribute[:40]!r}"
        if not names:
            return Fault("class-unknown", region.spot, f"{said} names no class")
        if len(names) == 1:
            return Fault("class-unknown", region.spot, f"{said} is no valid Unicode")
        several = ", ".join(map(repr, (name[:30] for name in names[:3])))
        return Fault("class-unknown", region.spot, f"{said} names several classes: {several}")


def _hull(shape: Mapping[str, object]) -> Box | str | None:
    """Return the box around a shape; what is wrong with it; None for what has no extent."""
    for keys, box_of in _SHAPES.items():
        if all(key in shape for key in keys):
            values = [_numbers(shape[key]) for key in keys]
            for key, value in zip(keys, values, strict=True):
                if value is None:
                    return f"its {key} {brief(shape[key])} is no number"
            theta = _numbers(shape.get("theta", 0)) or [0.0]
            return box_of([one for one in values if one is not None], theta[0])
    return None


def _numbers(value: object) -> list[float] | None:
    """One number or several, also written as text; None if one is none."""
    found: list[float] = []
    for one in value if isinstance(value, list) else [value]:
        if is_number(one):
            try:
                found.append(float(one))
            except OverflowError:
                found.append(inf)
            continue
        read = number(one) if isinstance(one, str) else None
        if read is None:
            return None
        found.append(read)
    return found or None


def _flat(value: object) -> object:
    return value[0] if isinstance(value, list) and value else value


def _polygon(values: Sequence[list[float]], _theta: float) -> Box | str:
    xs, ys = values
    if len(xs) != len(ys):
        return f"has {len(xs)} numbers in all_points_x, but {len(ys)} in all_points_y"
    if not all(map(isfinite, (*xs, *ys))):
        return nan, nan, nan, nan
    return min(xs), min(ys), max(xs), max(ys)


def _rectangle(values: Sequence[list[float]], _theta: float) -> Box:
    x, y, width, height = (value[0] for value in values)
    return x, y, x + width, y + height


def _ellipse(values: Sequence[list[float]], theta: float) -> Box:
    x, y, rx, ry = (value[0] for value in values)
    if theta and all(map(isfinite, (rx, ry, theta))):  # radians
        c, s = cos(theta), sin(theta)
        rx, ry = hypot(rx * c, ry * s), hypot(rx * s, ry * c)
    return x - rx, y - ry, x + rx, y + ry


def _circle(values: Sequence[list[float]], _theta: float) -> Box:
    x, y, r = (value[0] for value in values)
    return x - r, y - r, x + r, y + r


_SHAPES: dict[tuple[str, ...], Callable[[Sequence[list[float]], float], Box | str]] = {
    ("all_points_x", "all_points_y"): _polygon,
    ("x", "y", "width", "height"): _rectangle,
    ("cx", "cy", "rx", "ry"): _ellipse,
    ("cx", "cy", "r"): _circle,
}

FORMAT = Format(
    name="via",
    open=open_reader,
    looked_for="via_region_data.json, a VIA project or VIA's CSV (via)",
)
