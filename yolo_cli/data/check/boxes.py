"""What is wrong with the boxes of one image."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from yolo_cli.data.check.finding import Finding, finding
from yolo_cli.data.check.survey import LabelledImage, LabelledObject
from yolo_cli.data.formats.common import ROUNDING_FRACTION, ROUNDING_PIXELS, Box

TINY_PIXELS = 8.0
"""Boxes with a side under this, in the network's input, are hardly to be learned."""

_REDRAW = "draw or remove the box"
_SLIP_PIXELS = 2.0  # of both sides, in the network's input

# What sticks out of an image by less is rounding: labels have whole pixels or three decimals.
_OVER_PIXELS, _OVER_RELATIVE = 0.5, 0.75


def in_pixels(item: LabelledObject, size: tuple[float, float], *, relative: bool) -> Box:
    """The box in pixels of an image of that size."""
    if not relative:
        return item.box
    (width, height), (x1, y1, x2, y2) = size, item.box
    return x1 * width, y1 * height, x2 * width, y2 * height


def fits(box: Box, size: tuple[float, float]) -> bool:
    """Whether a box has a size and is inside the image, but for what readers clip."""
    return (
        all(map(isfinite, box)) and box[0] < box[2] and box[1] < box[3] and not outside(box, size)
    )


def outside(box: Box, size: tuple[float, float]) -> bool:
    """Whether a box leaves the image by more than readers clip."""
    over = beyond(box, size)
    slack = [max(ROUNDING_PIXELS, ROUNDING_FRACTION * side) + 1e-6 for side in (*size, *size)]
    return any(one > limit for one, limit in zip(over, slack, strict=True))


def beyond(box: Box, size: tuple[float, float]) -> Box:
    """By how many pixels a box leaves the image on the left, top, right and bottom."""
    return -box[0], -box[1], box[2] - size[0], box[3] - size[1]


def check_boxes(
    image: LabelledImage, size: tuple[int, int], *, relative: bool, input_size: int
) -> Iterator[Finding]:
    """Judges each box of an image by itself and beside the others.

    Args:
        image: with its labels.
        size: width and height of the upright image.
        relative: whether boxes are in fractions.
        input_size: side of the network's input, to which images are stretched.
    """
    seen: dict[tuple[int, ...], LabelledObject] = {}
    for item in image.objects:
        box = in_pixels(item, size, relative=relative)
        wrong = _wrong(item, box, size)
        if wrong is not None:
            yield wrong
            continue
        over = max(beyond(box, size))
        if over > (_OVER_RELATIVE if relative else _OVER_PIXELS):
            message = f"box of {item.name!r} reaches {over:.3g} px over the {_edge(box, size)} edge"
            yield finding("box-over-edge", item.spot, message)
        if item.crowd:
            continue
        sides = [(box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]]
        if min(sides) * input_size < TINY_PIXELS:
            small = " x ".join(f"{side * input_size:.2g}" for side in sides)
            message = (
                f"box of {item.name!r} is {small} px in an input of {input_size} x {input_size}"
            )
            if max(sides) * input_size < _SLIP_PIXELS:
                yield finding(
                    "box-tiny", item.spot, f"{message}: a slip?", severity="warning", remedy=_REDRAW
                )
            else:
                yield finding("box-tiny", item.spot, message)
        yield from _repeated(item, box, seen)


def _wrong(item: LabelledObject, box: Box, size: tuple[int, int]) -> Finding | None:
    """What keeps a box from being used."""
    what = f"box [{', '.join(f'{value:g}' for value in item.written)}] of {item.name!r}"
    if not all(map(isfinite, box)):
        return finding("box-not-finite", item.spot, f"{what} is not finite")
    if box[2] < box[0] or box[3] < box[1]:
        return finding("box-swapped", item.spot, f"{what} has swapped corners or a negative size")
    if box[2] == box[0] or box[3] == box[1]:
        return finding("box-empty", item.spot, f"{what} has no size")
    if outside(box, size):
        message = f"{what} reaches {max(beyond(box, size)):.0f} px over the {_edge(box, size)} edge"
        return finding("box-outside", item.spot, f"{message} of the {size[0]} x {size[1]} image")
    return None


def _edge(box: Box, size: tuple[int, int]) -> str:
    over = beyond(box, size)
    return ("left", "upper", "right", "lower")[over.index(max(over))]


def _repeated(
    item: LabelledObject, box: Box, seen: dict[tuple[int, ...], LabelledObject]
) -> Iterator[Finding]:
    other = seen.setdefault(tuple(map(round, box)), item)
    if other is item:
        return
    place = f"line {other.spot.line}" if other.spot.line else other.spot.item
    if other.name == item.name:
        message = f"the same box of {item.name!r} as in {place}"
        yield finding("box-repeated", item.spot, message)
    else:
        message = f"the same box as that of {other.name!r} in {place} is called {item.name!r}"
        yield finding("box-two-classes", item.spot, message)
