"""From the four numbers of a box as a tool writes them to corners, and which four they are.

Which form a file is in is decided over all its detections: a form is out of the question if it
makes boxes that end before they begin or leave their image. Real detectors do write a few of
those, so a form still fits with 1 in 100 of them, and is ruled out only with 1 in 20.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yolo_cli.data.formats.common import FARTHEST_PIXEL
from yolo_cli.data.sample import BoolArray, FloatArray, Sample
from yolo_cli.errors import UserError
from yolo_cli.evaluation.result_forms import BOXES_FLAG, BoxForm

MOST_BAD = 0.01
"""Share of impossible boxes that a form still fits with."""

RULED_OUT = 0.05
_SLACK = 0.1  # of the image's side: what detectors that do not clip may stick out by
_FRACTION = 2.0  # as far as fractions of an image go

PIXEL_FORMS: tuple[BoxForm, ...] = ("xyxy", "xywh")
FRACTION_FORMS: tuple[BoxForm, ...] = ("cxcywhn", "xyxyn", "xywhn")

_WORDS: dict[BoxForm, str] = {
    "xyxy": "left top right bottom",
    "xywh": "left top width height",
    "cxcywh": "centre width height",
    "xyxyn": "left top right bottom in fractions",
    "xywhn": "left top width height in fractions",
    "cxcywhn": "centre width height in fractions",
    "voc": "xmin ymin xmax ymax",
}


def to_corners(values: FloatArray, form: BoxForm, sizes: FloatArray) -> FloatArray:
    """Return the boxes as xyxy in pixels from 0.

    Args:
        values: ``[N, 4]`` as written.
        form: what they mean.
        sizes: ``[N, 2]`` width and height of each image; needed for fractions alone.

    Returns:
        ``[N, 4]`` corners, swapped where the file has them swapped.
    """
    first, second = values[:, :2], values[:, 2:]
    bare = form.removesuffix("n")
    if bare == "xywh":
        second = first + second
    elif bare == "cxcywh":
        first, second = first - second / 2, first + second / 2
    elif bare == "voc":
        first = first - 1
    corners = np.concatenate([first, second], axis=1)
    return corners * np.tile(sizes, 2) if form.endswith("n") else corners


def tidy(corners: FloatArray) -> FloatArray:
    """Make boxes with swapped corners empty: they find nothing, in any protocol.

    What a diverged network puts beyond all pixels is brought back to the farthest of them.
    """
    corners = corners.clip(-FARTHEST_PIXEL, FARTHEST_PIXEL)
    corners[:, 2:] = np.maximum(corners[:, :2], corners[:, 2:])
    return corners


def swapped(corners: FloatArray) -> BoolArray:
    """Return ``[N]``, whether each box ends before it begins."""
    x1, y1, x2, y2 = corners.T
    bad: BoolArray = (x2 < x1) | (y2 < y1)
    return bad


def are_fractions(values: FloatArray) -> bool:
    """Return whether all numbers are too small to be pixels."""
    return bool(len(values)) and float(np.abs(values).max()) <= _FRACTION


def share_impossible(values: FloatArray, form: BoxForm, limits: FloatArray) -> float:
    """Return the share of boxes that a form makes end before they begin, or leave their image.

    Args:
        values: ``[N, 4]`` as written, N > 0.
        form: what they may mean.
        limits: ``[N, 2]`` how far right and down the image of each goes.
    """
    if form.endswith("n"):
        limits = np.ones_like(limits)
    corners = to_corners(values, form, np.ones_like(limits))
    slack = _SLACK * limits
    outside = (corners[:, :2] < -slack) | (corners[:, 2:] > limits + slack)
    return float((swapped(corners) | outside.any(axis=1)).mean())


def choose_form(
    values: FloatArray, limits: FloatArray, forms: Sequence[BoxForm], where: str
) -> BoxForm:
    """Choose the only form in which the boxes make sense.

    Args:
        values: ``[N, 4]`` as written.
        limits: as in :func:`share_impossible`.
        forms: what they may mean.
        where: file or folder, for the message.

    Raises:
        UserError: several forms fit, or none does.
    """
    if not len(values):
        return forms[0]
    shares = {form: share_impossible(values, form, limits) for form in forms}
    fitting = [form for form, share in shares.items() if share <= MOST_BAD]
    doubtful = [form for form, share in shares.items() if share < RULED_OUT]
    if len(fitting) == 1 and doubtful == fitting:
        return fitting[0]
    asked = fitting if len(fitting) > 1 else forms
    words = " or ".join(f"'{_WORDS[form]}'" for form in asked)
    problem = "may be" if len(fitting) > 1 else "do not all make sense as"
    raise UserError(
        f"{where}: the boxes {problem} {words}",
        "say which: " + " or ".join(f"{BOXES_FLAG} {form}" for form in asked),
    )


def size_limits(samples: Sequence[Sample]) -> FloatArray:
    """Return ``[S, 2]``, how far right and down the objects of an image can be.

    Where the size of an image is unknown that is as far as any object of the ground truth is.
    """
    sizes = np.array([(one.width, one.height) for one in samples], dtype=np.float64).reshape(-1, 2)
    corners = [sample.boxes[:, 2:].max(axis=0) for sample in samples if len(sample)]
    farthest = np.max(corners, axis=0) if corners else np.full(2, np.inf)
    return np.where(sizes > 0, sizes, farthest)
