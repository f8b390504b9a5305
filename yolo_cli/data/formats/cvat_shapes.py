"""Shapes in CVAT's XML, as boxes."""

from __future__ import annotations

from collections.abc import Mapping

from yolo_cli.data.formats.common import Box, brief, number
from yolo_cli.data.formats.hulls import Point, clipped, ellipse_hull, hull, rotated_hull
from yolo_cli.data.formats.json_fields import class_name
from yolo_cli.data.formats.scan import Fault, LabelledObject, Spot

SHAPES: Mapping[str, tuple[str, ...]] = {
    "box": ("xtl", "ytl", "xbr", "ybr"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "mask": ("left", "top", "width", "height"),
    "polygon": (),
}
"""Elements that have a box, and the attributes that say it."""

SKIPPED = frozenset({"polyline", "points", "cuboid", "skeleton"})
"""Elements that have none."""


def read_shape(
    spot: Spot, tag: str, attributes: Mapping[str, str], size: Point | None
) -> LabelledObject | Fault:
    """Read an element.

    Args:
        spot: where it stands.
        tag: its name, one of `SHAPES`.
        attributes: of it.
        size: width and height of the image by the file; None where it does not say them.

    Returns:
        The object, or what is wrong with it.
    """
    name = class_name(attributes.get("label"))
    if name is None:
        return Fault("label-syntax", spot, f"<{tag}> without a label")
    if tag == "polygon":
        points = _points(attributes.get("points", ""))
        if isinstance(points, str):
            return Fault("label-syntax", spot, f"<polygon> of {name!r} {points}")
        box = hull(points)
        return LabelledObject(spot, name, box, box)
    values: list[float] = []
    for key in (*SHAPES[tag], "rotation"):
        text = attributes.get(key, "0" if key == "rotation" else "")
        value = number(text)
        if value is None:
            what = f"has no {key}" if not text else f"has {brief(text)} for {key}, not a number"
            return Fault("label-syntax", spot, f"<{tag}> of {name!r} {what}")
        values.append(value)
    a, b, c, d, rotation = values
    written = _upright(tag, (a, b, c, d))
    box = _rotated(tag, (a, b, c, d), rotation) if rotation else written
    return LabelledObject(
        spot, name, clipped(box, size) if rotation or tag == "ellipse" else box, written
    )


def _upright(tag: str, values: Box) -> Box:
    a, b, c, d = values
    if tag == "mask":
        return a, b, a + c, b + d
    return (a - c, b - d, a + c, b + d) if tag == "ellipse" else values


def _rotated(tag: str, values: Box, degrees: float) -> Box:
    """The box around a shape that is rotated about its centre; one that is none as it is."""
    a, b, c, d = values
    if tag == "ellipse":
        return ellipse_hull((a, b), (c, d), degrees) if min(c, d) >= 0 else _upright(tag, values)
    x1, y1, x2, y2 = _upright(tag, values)
    if x2 <= x1 or y2 <= y1:
        return x1, y1, x2, y2
    return rotated_hull((x1, y1, x2, y2), degrees, ((x1 + x2) / 2, (y1 + y2) / 2))


def _points(text: str) -> list[Point] | str:
    """The points of ``x,y;x,y``, or what is wrong with them."""
    found: list[Point] = []
    for pair in filter(None, (one.strip() for one in text.split(";"))):
        values = [number(one) for one in pair.split(",")]
        x, y = values if len(values) == 2 else (None, None)
        if x is None or y is None:
            return f"has {brief(pair)} for a point, not x,y"
        found.append((x, y))
    return found if len(found) > 1 else f"has {len(found)} points"
