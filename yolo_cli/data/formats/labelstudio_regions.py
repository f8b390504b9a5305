"""Regions of Label Studio, as boxes: fractions are in percent of the image that was labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yolo_cli.data.formats.common import Box, brief
from yolo_cli.data.formats.hulls import Point, clipped, ellipse_hull, hull, rotated_hull
from yolo_cli.data.formats.json_fields import JsonFields, class_name
from yolo_cli.data.formats.json_read import JsonSpot
from yolo_cli.data.formats.scan import Fault, LabelledObject

LABELS = ("rectanglelabels", "polygonlabels", "ellipselabels", "labels")
"""Types of regions that have a box, which are also the keys of their class."""

SKIPPED = frozenset({"brushlabels", "keypointlabels", "vectorlabels", "bitmasklabels"})
"""Types of regions that have none."""

BARE = frozenset({"rectangle", "polygon", "ellipse"})
"""Types of regions without a class, unless another item of the same id has it."""

_MOST_PERCENT = 101  # what rounding makes of 100


@dataclass(frozen=True)
class Region:
    """What the file has of a region.

    Attributes:
        place: in the file.
        value: its numbers.
        record: what has the size of the image that they are percents of.
        key: of the class in `value`.
    """

    place: str
    value: Mapping[str, object]
    record: Mapping[str, object]
    key: str


def label_key(value: Mapping[str, object]) -> str | None:
    """Return the key of the class in a region's value; None if it has none."""
    return next((key for key in LABELS if key in value), None)


def read_region(fields: JsonFields, region: Region) -> LabelledObject | Fault:
    """Read a region; boxes are in pixels of the image that was labelled."""
    spot = fields.spot(region.place)
    names = region.value.get(region.key)
    listed = names if isinstance(names, list) else [names]
    name = class_name(listed[0]) if listed else None
    if name is None:
        return Fault("label-syntax", spot, f"its {region.key} {brief(names)} name no class")
    if len(listed) > 1:
        what = f"has {len(listed)} labels, of which {name!r} is used"
        fields.notes.add("label-ambiguous", spot, what, "labels")
    size = fields.size(region.record, "original_width", "original_height")
    if size is None:
        return Fault("label-syntax", spot, "has no original_width and original_height")
    degrees = fields.number(region.value.get("rotation") or 0, spot)
    if degrees is None:
        what = f"its rotation {brief(region.value.get('rotation'))} is not a number"
        return Fault("label-syntax", spot, what)
    boxes = _boxes(fields, region, spot, size, degrees)
    if isinstance(boxes, Fault):
        return boxes
    if degrees and "points" not in region.value:
        fields.notes.add("box-rotated", spot, "a rotated region is read as its upright hull")
    written, box = boxes
    return LabelledObject(spot, name, box, written)


def _boxes(
    fields: JsonFields, region: Region, spot: JsonSpot, size: Point, degrees: float
) -> tuple[Box, Box] | Fault:
    """The box as it is written, in pixels, and that of the region as it is turned."""
    value = dict(region.value)
    by_x, by_y = size[0] / 100, size[1] / 100
    if "points" in value:
        inner = fields.spot(f"{region.place}.value.points")
        points = fields.points(value["points"], inner, 2)
        if isinstance(points, str):
            return Fault("label-syntax", inner, points)
        if (most := max(max(point) for point in points)) > _MOST_PERCENT:
            return Fault("box-outside", inner, f"{most:g} is more than 100 percent of the image")
        box = hull([(x * by_x, y * by_y) for x, y in points])
        return box, box
    is_ellipse = "radiusX" in value or "radiusY" in value
    keys = ("x", "y", "radiusX", "radiusY") if is_ellipse else ("x", "y", "width", "height")
    numbers = fields.numbers(value, keys, spot)
    if isinstance(numbers, str):
        return Fault("label-syntax", spot, numbers)
    for key, number in zip(keys, numbers, strict=True):
        if number > _MOST_PERCENT:
            what = f"its {key} of {number:g} is more than 100 percent of the image"
            return Fault("box-outside", spot, what)
    x, y, dx, dy = numbers[0] * by_x, numbers[1] * by_y, numbers[2] * by_x, numbers[3] * by_y
    if is_ellipse:
        box = (x - dx, y - dy, x + dx, y + dy)
        turned = ellipse_hull((x, y), (dx, dy), degrees) if min(dx, dy) >= 0 else box
        return box, clipped(turned, size)
    box = (x, y, x + dx, y + dy)
    if not degrees or not (dx > 0 and dy > 0):
        return box, box
    return box, clipped(rotated_hull(box, degrees, (x, y)), size)
