"""Boxes in another order of columns than the format's, as the whole dataset shows.

One box that leaves its image may be any mistake. But if many do, and all would be inside if the
columns were corners instead of centre and size, then they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_cli.data.check.finding import Finding, finding
from yolo_cli.data.formats.judging import ROUNDING_FRACTION, ROUNDING_PIXELS
from yolo_cli.data.formats.scan import BoxForm, Fault, LabelledImage, Spot
from yolo_cli.data.images import ImageHeader
from yolo_cli.data.sample import BoolArray, FloatArray

FEWEST = 10
"""Objects that a judgement of a whole dataset needs."""

_WRONG_SHARE = 0.05  # of boxes that must be impossible as they are read
_LEFT_SHARE = 0.01  # of boxes that may be impossible in the other order too

_OTHER_ORDERS: dict[BoxForm, tuple[str, ...]] = {
    "centre": ("corners", "corner and size"),
    "corner and size": ("corners", "centre"),
    "corners": ("corner and size", "centre", "corners, y first"),
}
_SAID = {
    "corners": "x1 y1 x2 y2",
    "corners, y first": "y1 x1 y2 x2",
    "corner and size": "x1 y1 width height",
    "centre": "x_centre y_centre width height",
}


@dataclass(frozen=True, eq=False)
class _Written:
    """All boxes as they are written, ``[N, 4]`` in pixels of images of ``sizes`` ``[N, 2]``."""

    numbers: FloatArray
    sizes: FloatArray
    spots: list[Spot]


def check_columns(
    images: Sequence[tuple[LabelledImage, ImageHeader]],
    errors: Sequence[Fault],
    form: BoxForm,
    *,
    relative: bool,
) -> tuple[list[Finding], set[Spot]]:
    """Look for a reading that makes sense of boxes that the format's own does not.

    Args:
        images: with what is known of their files.
        errors: of their labels one by one, in the order in which loading meets them.
        form: how the format writes boxes.
        relative: whether in fractions of the image's sides.

    Returns:
        At most one finding, and the places of the boxes that it explains. It is at the first of
        their errors: there loading stops.
    """
    found = (_class_last(images) if relative else None) or _other_order(images, form, relative)
    if found is None:
        return [], set()
    code, message, spots = found
    explained = {*spots}
    first = next((one.spot for one in errors if one.spot in explained), spots[0])
    return [finding(code, first, message)], explained


def _other_order(
    images: Sequence[tuple[LabelledImage, ImageHeader]], form: BoxForm, relative: bool
) -> tuple[str, str, list[Spot]] | None:
    """Code, message and the places of the boxes that are meant otherwise."""
    with np.errstate(over="ignore", invalid="ignore"):  # a label may hold any number
        return _judged(_written(images, relative=relative), form, relative)


def _judged(written: _Written, form: BoxForm, relative: bool) -> tuple[str, str, list[Spot]] | None:
    count = len(written.numbers)
    if count < FEWEST:
        return None
    if not relative and _are_fractions(written.numbers, written.sizes):
        message = "boxes are fractions of the image's sides, but the format has pixels"
        return "box-normalised", message, written.spots
    wrong = ~_possible(_corners(written.numbers, form), written.sizes)
    if wrong.sum() < max(3, _WRONG_SHARE * count):
        return None
    for other in _OTHER_ORDERS[form]:
        left = ~_possible(_corners(written.numbers, other), written.sizes)
        if left.sum() <= min(_LEFT_SHARE * count, wrong.sum() / 10):
            message = (
                f"{wrong.sum()} of {count} boxes are impossible as '{_SAID[form]}'; "
                f"as '{_SAID[other]}' {'all' if not left.any() else 'nearly all'} are possible"
            )
            return "columns-order", message, [written.spots[i] for i in np.flatnonzero(~left)]
    return None


def _written(images: Sequence[tuple[LabelledImage, ImageHeader]], *, relative: bool) -> _Written:
    numbers: list[tuple[float, ...]] = []
    sizes: list[tuple[int, int]] = []
    spots: list[Spot] = []
    for image, header in images:
        swapped = [one for one in image.faults if one.code == "box-swapped"]
        swapped = [one for one in swapped if len(one.numbers) in {4, 5}]
        numbers += [one.written for one in image.objects]
        numbers += [_last_four(one.numbers) for one in swapped]
        spots += [one.spot for one in image.objects] + [one.spot for one in swapped]
        sizes += [header.upright] * (len(spots) - len(sizes))
    sides = np.array(sizes, dtype=np.float64).reshape(-1, 2)
    boxes = np.array(numbers, dtype=np.float64).reshape(-1, 4)
    return _Written(boxes * np.tile(sides, 2) if relative else boxes, sides, spots)


def _last_four(numbers: tuple[float, ...]) -> tuple[float, float, float, float]:
    x, y, z, w = numbers[-4:]
    return x, y, z, w


def _corners(numbers: FloatArray, form: str) -> FloatArray:
    """``[N, 4]`` xyxy of boxes that are written in that form."""
    first, second = numbers[:, :2], numbers[:, 2:]
    if form == "corners":
        return numbers
    if form == "corners, y first":
        return numbers[:, [1, 0, 3, 2]]
    if form == "corner and size":
        return np.concatenate([first, first + second], axis=1)
    return np.concatenate([first - second / 2, first + second / 2], axis=1)


def _possible(boxes: FloatArray, sizes: FloatArray) -> BoolArray:
    """Whether boxes have a size and are inside their images, but for a rounding error."""
    slack = np.maximum(ROUNDING_PIXELS, ROUNDING_FRACTION * sizes)
    with np.errstate(invalid="ignore"):
        inside = (boxes[:, :2] >= -slack) & (boxes[:, 2:] <= sizes + slack)
        # Corners of VOC may be equal: both pixels are in the box.
        sides: BoolArray = inside & (boxes[:, 2:] >= boxes[:, :2])
    return np.logical_and(sides[:, 0], sides[:, 1])


def _are_fractions(numbers: FloatArray, sizes: FloatArray) -> bool:
    return bool((numbers >= 0).all() and (numbers <= 1).all() and (sizes > 1).all())


def _class_last(
    images: Sequence[tuple[LabelledImage, ImageHeader]],
) -> tuple[str, str, list[Spot]] | None:
    """``x y width height class``: the first column is no class, and the last one would be."""
    lines = [one for image, _ in images for one in image.faults if one.code == "class-unknown"]
    suited = [
        fault
        for fault in lines
        if len(fault.numbers) == 5
        and fault.numbers[4].is_integer()
        and all(0 <= value <= 1 for value in fault.numbers[:4])
    ]
    objects = sum(len(image.objects) for image, _ in images)
    if len(suited) < FEWEST or len(suited) < 0.9 * (objects + len(lines)):
        return None
    message = (
        f"{len(suited)} lines have their class in the last column; the format is "
        f"'class {_SAID['centre']}'"
    )
    return "columns-order", message, [fault.spot for fault in suited]
