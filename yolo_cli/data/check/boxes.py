"""What is odd about the usable boxes of one image."""

from __future__ import annotations

from collections.abc import Iterator

from yolo_cli.data.check.finding import Finding, finding
from yolo_cli.data.formats.common import Box
from yolo_cli.data.formats.judging import Judged, beyond, edge, in_pixels
from yolo_cli.data.formats.scan import LabelledObject

TINY_PIXELS = 8.0
"""Boxes with a side under this, in the network's input, are hard to learn."""

_REDRAW = "redraw or remove the box"
_STRAY_PIXELS = 2.0  # of both sides, in the network's input

# What sticks out of an image by less is rounding: labels have whole pixels or three decimals.
_OVER_PIXELS, _OVER_RELATIVE = 0.5, 0.75


def check_boxes(
    judged: Judged, size: tuple[int, int], *, relative: bool, input_size: int
) -> Iterator[Finding]:
    """Look at each usable box of an image by itself and beside the others.

    Args:
        judged: the labels of the image.
        size: width and height of the upright image.
        relative: whether boxes are in fractions.
        input_size: side of the network's input, to which images are stretched.
    """
    seen: dict[tuple[int, ...], LabelledObject] = {}
    for item, _ in judged.kept:
        box = in_pixels(item, size, relative=relative)
        over = max(beyond(box, size))
        if over > (_OVER_RELATIVE if relative else _OVER_PIXELS):
            message = f"box of {item.name!r} reaches {over:.3g} px over the {edge(box, size)} edge"
            yield finding("box-over-edge", item.spot, message)
        if item.crowd:
            continue
        sides = [(box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]]
        if min(sides) * input_size < TINY_PIXELS:
            small = " x ".join(f"{side * input_size:.2g}" for side in sides)
            message = (
                f"box of {item.name!r} is {small} px in an input of {input_size} x {input_size}"
            )
            if max(sides) * input_size < _STRAY_PIXELS:
                yield finding(
                    "box-tiny",
                    item.spot,
                    f"{message}, perhaps a stray click",
                    severity="warning",
                    remedy=_REDRAW,
                )
            else:
                yield finding("box-tiny", item.spot, message)
        yield from _repeated(item, box, seen)


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
