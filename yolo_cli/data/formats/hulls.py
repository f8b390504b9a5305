"""Upright boxes around shapes that are none: polygons, circles, ellipses, rotated boxes."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, hypot, isfinite, nan, radians, sin

from yolo_cli.data.formats.common import Box

Point = tuple[float, float]


def hull(points: Sequence[Point]) -> Box:
    """Return the box around one point or more; NaN if a coordinate is not finite."""
    if not all(isfinite(x) and isfinite(y) for x, y in points):
        return nan, nan, nan, nan
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def circle_hull(centre: Point, on_it: Point) -> Box:
    """Return the box around a circle, given its centre and any point on it."""
    radius = hypot(on_it[0] - centre[0], on_it[1] - centre[1])
    return centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius


def ellipse_hull(centre: Point, radii: Point, degrees: float) -> Box:
    """Return the box around an ellipse that is rotated about its centre."""
    if not isfinite(degrees):
        return nan, nan, nan, nan
    c, s = cos(radians(degrees)), sin(radians(degrees))
    x, y = hypot(radii[0] * c, radii[1] * s), hypot(radii[0] * s, radii[1] * c)
    return centre[0] - x, centre[1] - y, centre[0] + x, centre[1] + y


def rotated_hull(box: Box, degrees: float, pivot: Point) -> Box:
    """Return the box around one that is rotated clockwise, as seen, about a point.

    Args:
        box: xyxy, y pointing down.
        degrees: of the rotation.
        pivot: the point that stays where it is.
    """
    if not isfinite(degrees):
        return nan, nan, nan, nan
    c, s = cos(radians(degrees)), sin(radians(degrees))
    px, py = pivot
    x1, y1, x2, y2 = box
    corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    return hull(
        [(px + (x - px) * c - (y - py) * s, py + (x - px) * s + (y - py) * c) for x, y in corners]
    )


def clipped(box: Box, size: Point | None) -> Box:
    """Clip the hull of a round or a rotated shape, which may leave the image although it is sound.

    Args:
        box: the hull.
        size: width and height of the image by its label; None where that is unknown, so that
            only the left and the upper edge are.

    Returns:
        The part inside the image; `box` itself if there is none.
    """
    width, height = size if size is not None and min(size) >= 1 else (float("inf"), float("inf"))
    x1, y1, x2, y2 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else box
