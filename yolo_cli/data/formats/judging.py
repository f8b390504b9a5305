"""Which labels can be used, given the image that they are about: the rule of loading and checking.

What is an error here stops the loading of a dataset, and is an error of ``yolo check``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite

from yolo_cli.data.formats.common import FARTHEST_PIXEL, Box
from yolo_cli.data.formats.scan import Fault, LabelledImage, LabelledObject

LONGEST_SIDE = 1_000_000
"""Pixels of a side that a label can state."""

ROUNDING_PIXELS = 1.0
ROUNDING_FRACTION = 0.01
"""A box may stick out of the image by the larger of the two, and is then clipped."""

Size = tuple[int, int]
"""Width and height in pixels; ``UNKNOWN_SIZE`` where nothing says them."""

UNKNOWN_SIZE: Size = (0, 0)

_SAME_SHAPE = 0.02  # by which width / height may differ after resizing
_EDGES = ("left", "upper", "right", "lower")


@dataclass(slots=True, eq=False)
class Judged:
    """What can be used of an image's labels.

    Attributes:
        usable: whether the image can be; not where nobody knows what is on it, or where its
            boxes are about another picture.
        kept: its objects, each with its box: xyxy pixels of the upright image, inside of it.
        faults: what is wrong, in the order of the file.
    """

    usable: bool
    kept: list[tuple[LabelledObject, Box]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def judge(
    image: LabelledImage, upright: Size, stored: Size | None = None, *, relative: bool
) -> Judged:
    """Judge the labels of an image.

    Args:
        image: with its labels.
        upright: size of the image, EXIF orientation applied; ``UNKNOWN_SIZE`` where nothing tells.
        stored: likewise, EXIF orientation not applied; None where only the labels are read.
        relative: whether boxes are in fractions of the image's sides.
    """
    if not image.usable:
        return Judged(False, faults=[*image.faults])
    found = Judged(True, faults=[*image.faults])
    if stored is not None and not relative:
        other = _judge_size(image, upright, stored)
        if other is not None:
            found.faults.append(other)
            if other.severity == "error":
                return Judged(False, faults=found.faults)
    width, height = upright
    for item in image.objects:
        x1, y1, x2, y2 = box = in_pixels(item, upright, relative=True) if relative else item.box
        if 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height:  # nearly all are; false for NaN
            found.kept.append((item, box))
            continue
        wrong = _judge_box(item, box, upright)
        if wrong is None:
            found.kept.append((item, _clipped(box, upright)))
        else:
            found.faults.append(wrong)
    if len(found.faults) > 1:
        found.faults.sort(key=lambda one: one.spot.number)
    return found


def in_pixels(item: LabelledObject, size: tuple[float, float], *, relative: bool) -> Box:
    """Return the box in pixels of an image of that size, unchecked."""
    if not relative:
        return item.box
    (width, height), (x1, y1, x2, y2) = size, item.box
    return x1 * width, y1 * height, x2 * width, y2 * height


def beyond(box: Box, size: tuple[float, float]) -> Box:
    """Return by how many pixels a box leaves the image on the left, top, right and bottom."""
    return -box[0], -box[1], box[2] - size[0], box[3] - size[1]


def edge(box: Box, size: tuple[float, float]) -> str:
    """Return the edge that a box leaves the image farthest over: ``"left"``, for instance."""
    over = beyond(box, size)
    return _EDGES[over.index(max(over))]


def _judge_box(item: LabelledObject, box: Box, size: Size) -> Fault | None:
    """What keeps a box from being used."""
    x1, y1, x2, y2 = box
    width, height = size
    if not all(map(isfinite, box)):
        return _fault("box-not-finite", item, "is not finite")
    if max(map(abs, box)) > FARTHEST_PIXEL:
        return _fault("box-outside", item, "is outside of any image")
    if x2 < x1 or y2 < y1:
        return _fault("box-swapped", item, "has swapped corners or a negative size")
    if x2 == x1 or y2 == y1:
        return _fault("box-empty", item, "has no size")
    if size == UNKNOWN_SIZE:
        return None
    if outside(box, size):
        over = f"{max(beyond(box, size)):g} px over the {edge(box, size)} edge"
        return _fault("box-outside", item, f"leaves the image of {width} x {height} pixels: {over}")
    x1, y1, x2, y2 = _clipped(box, size)
    if x2 <= x1 or y2 <= y1:
        return _fault("box-outside", item, f"lies outside the image of {width} x {height} pixels")
    return None


def _fault(code: str, item: LabelledObject, what: str) -> Fault:
    return Fault(code, item.spot, f"{written(item.written)} of {item.name!r} {what}")


def written(numbers: Iterable[float]) -> str:
    """Return a box for a message: ``box [1, 2, 30.5, 40]``."""
    return f"box [{', '.join(f'{value:g}' for value in numbers)}]"


def outside(box: Box, size: tuple[float, float]) -> bool:
    """Whether a box leaves the image by more than ``max(1 px, 1 % of that side)``."""
    return any(
        over > max(ROUNDING_PIXELS, ROUNDING_FRACTION * side) + 1e-6
        for over, side in zip(beyond(box, size), (*size, *size), strict=True)
    )


def _clipped(box: Box, size: Size) -> Box:
    """The box inside the image; where its size is unknown, as it is."""
    if size == UNKNOWN_SIZE:
        return box
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], size[0]), min(box[3], size[1])


def _fits(box: Box, size: tuple[float, float]) -> bool:
    return (
        all(map(isfinite, box)) and box[0] < box[2] and box[1] < box[3] and not outside(box, size)
    )


def _judge_size(image: LabelledImage, upright: Size, stored: Size) -> Fault | None:
    """Judge the size that a label states, and the rotation that the image's metadata asks for.

    Args:
        image: with boxes in pixels.
        upright: size of the image, EXIF orientation applied.
        stored: likewise, EXIF orientation not applied.

    Returns:
        At most one fault. An error says that the boxes are about another picture than the file
        has, so that nothing else is to be said of them.
    """
    stated = image.stated
    if upright == stored and (stated is None or stated == upright):
        return None
    spot = image.stated_at or image.spot
    boxes = [one.box for one in image.objects]
    fit_upright = all(_fits(box, upright) for box in boxes)
    if upright != stored and (
        stated == stored or (not fit_upright and all(_fits(box, stored) for box in boxes))
    ):
        what = (
            f"labels are about {_pixels(stored)}, but by its EXIF rotation the image is "
            f"{_pixels(upright)}"
        )
        return Fault("exif-ignored", spot, what)
    if stated in {None, upright} or stated is None:
        return None
    what = f"says {_pixels(stated)}, but {image.path.name} has {_pixels(upright)}"
    fit_stated = bool(boxes) and min(stated) >= 1 and all(_fits(box, stated) for box in boxes)
    if not fit_upright and fit_stated and _same_shape(stated, upright):
        return Fault("image-resized", spot, f"{what}: resized after it was labelled")
    return Fault("size-wrong", spot, what, severity="warning")


def stated_size(size: tuple[float, float] | None) -> Size:
    """Return the size that a label states, if it is one: other programs write 0 x 0."""
    if size is None or not all(1 <= side <= LONGEST_SIDE for side in size):  # also if it is NaN
        return UNKNOWN_SIZE
    return int(size[0]), int(size[1])


def _same_shape(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= _SAME_SHAPE


def _pixels(size: tuple[float, float]) -> str:
    return f"{size[0]:g} x {size[1]:g}"
