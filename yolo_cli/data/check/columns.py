"""Boxes in another order of columns than the format's, told by the whole dataset.

One box that leaves its image may be any mistake. But if many do, and all would be inside if the
columns were corners instead of centre and size, then they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_cli.data.check.finding import Finding, Spot, finding, spot_of
from yolo_cli.data.check.survey import BoxForm, LabelledImage, LabelledObject
from yolo_cli.data.formats.common import ROUNDING_FRACTION, ROUNDING_PIXELS, Fault
from yolo_cli.data.images import ImageFacts
from yolo_cli.data.sample import BoolArray, FloatArray

_FEWEST = 10  # objects that a judgement needs
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
    """All boxes as they are written, ``[N, 4]``, in units of ``sizes`` ``[N, 2]``."""

    numbers: FloatArray
    sizes: FloatArray
    sources: list[LabelledObject | Fault]


def check_columns(
    images: Sequence[tuple[LabelledImage, ImageFacts]], form: BoxForm, *, relative: bool
) -> tuple[list[Finding], set[Spot]]:
    """Looks for a reading that makes sense of boxes that the format's own does not.

    Args:
        images: with what is known of their files.
        form: how the format writes boxes.
        relative: whether in fractions of the image's sides.

    Returns:
        At most one finding, and the places of the boxes that it explains.
    """
    last = _class_last(images) if relative else None
    if last is not None:
        return last
    written = _written(images, relative=relative)
    count = len(written.numbers)
    if count < _FEWEST:
        return [], set()
    if not relative and _are_fractions(written.numbers, written.sizes):
        message = "boxes are fractions of the image's sides, but the format has pixels"
        every = np.ones(count, dtype=np.bool_)
        return _explained("box-normalised", message, every, every, written)
    wrong = ~_possible(_corners(written.numbers, form), written.sizes)
    if wrong.sum() < max(3, _WRONG_SHARE * count):
        return [], set()
    for other in _OTHER_ORDERS[form]:
        left = ~_possible(_corners(written.numbers, other), written.sizes)
        if left.sum() <= min(_LEFT_SHARE * count, wrong.sum() / 10):
            message = (
                f"{wrong.sum()} of {count} boxes are impossible as '{_SAID[form]}'; "
                f"as '{_SAID[other]}' {'all' if not left.any() else 'nearly all'} are possible"
            )
            return _explained("columns-order", message, wrong & ~left, ~left, written)
    return [], set()


def _explained(
    code: str, message: str, wrong: BoolArray, meant: BoolArray, written: _Written
) -> tuple[list[Finding], set[Spot]]:
    """The finding, at the first wrong box; no more is to be said of boxes that are meant so."""
    spots = [
        one.spot if isinstance(one, LabelledObject) else spot_of(one) for one in written.sources
    ]
    first = spots[int(np.flatnonzero(wrong)[0])]
    return [finding(code, first, message)], {spots[index] for index in np.flatnonzero(meant)}


def _written(images: Sequence[tuple[LabelledImage, ImageFacts]], *, relative: bool) -> _Written:
    numbers: list[tuple[float, ...]] = []
    sizes: list[tuple[int, int]] = []
    sources: list[LabelledObject | Fault] = []
    for image, facts in images:
        swapped = [one for one in image.faults if one.kind == "swapped"]
        boxes = [one.written for one in image.objects]
        boxes += [_last_four(one.numbers) for one in swapped if len(one.numbers) in {4, 5}]
        numbers += boxes
        sources += [*image.objects, *(one for one in swapped if len(one.numbers) in {4, 5})]
        sizes += [(1, 1) if relative else facts.upright] * len(boxes)
    return _Written(
        np.array(numbers, dtype=np.float64).reshape(-1, 4),
        np.array(sizes, dtype=np.float64).reshape(-1, 2),
        sources,
    )


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
    slack = np.where(
        sizes > 1, np.maximum(ROUNDING_PIXELS, ROUNDING_FRACTION * sizes), ROUNDING_FRACTION
    )
    with np.errstate(invalid="ignore"):
        inside = (boxes[:, :2] >= -slack) & (boxes[:, 2:] <= sizes + slack)
        # Corners of VOC may be equal: both pixels are in the box.
        sides: BoolArray = inside & (boxes[:, 2:] >= boxes[:, :2])
    return np.logical_and(sides[:, 0], sides[:, 1])


def _are_fractions(numbers: FloatArray, sizes: FloatArray) -> bool:
    return bool((numbers >= 0).all() and (numbers <= 1).all() and (sizes > 1).all())


def _class_last(
    images: Sequence[tuple[LabelledImage, ImageFacts]],
) -> tuple[list[Finding], set[Spot]] | None:
    """``x y width height class``: the first column is no class, and the last one would be."""
    lines = [(one, fault) for one, _ in images for fault in one.faults if fault.kind == "class"]
    suited = [
        fault
        for _, fault in lines
        if len(fault.numbers) == 5
        and fault.numbers[4].is_integer()
        and all(0 <= value <= 1 for value in fault.numbers[:4])
    ]
    objects = sum(len(image.objects) for image, _ in images)
    if len(suited) < _FEWEST or len(suited) < 0.9 * (objects + len(lines)):
        return None
    message = (
        f"{len(suited)} lines have their class in the last column; the format is "
        f"'class {_SAID['centre']}'"
    )
    spots = [spot_of(fault) for fault in suited]
    return [finding("columns-order", spots[0], message)], {*spots}
