"""Boxes that are counted from another pixel than the format's, as the edges of images show.

Objects that the edge of an image cuts off end exactly there, and so their boxes show where a
dataset begins to count. A single box that is one off is a mistake of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yolo_cli.data.check.finding import Finding, finding
from yolo_cli.data.formats.judging import in_pixels
from yolo_cli.data.formats.scan import BoxForm, LabelledImage, LabelledObject, Spot
from yolo_cli.data.images import ImageHeader
from yolo_cli.data.sample import FloatArray

_FEWEST = 5  # boxes at an edge that a judgement needs
_MAJORITY = 5  # times as many boxes as at the right place, or at the next pixel
_NEAR = 0.05  # pixels that fractions are rounded by


def check_edges(
    images: Sequence[tuple[LabelledImage, ImageHeader]], form: BoxForm, *, relative: bool
) -> tuple[list[Finding], set[Spot]]:
    """Tell a dataset that counts from 0 from one that counts from 1.

    Args:
        images: with what is known of their files.
        form: how the format writes boxes; some count corners from 1.
        relative: whether boxes are in fractions.

    Returns:
        At most two findings, and the places of the boxes that are over an edge because of it.
    """
    boxes: list[tuple[float, ...]] = []
    sizes: list[tuple[int, int]] = []
    items: list[LabelledObject] = []
    for image, header in images:
        items += image.objects
        boxes += [in_pixels(one, header.upright, relative=relative) for one in image.objects]
        sizes += [header.upright] * len(image.objects)
    if not items:
        return [], set()
    corners = np.array(boxes, dtype=np.float64)
    low = corners[:, :2]  # 0 at the edge
    high = corners[:, 2:] - np.array(sizes, dtype=np.float64)  # likewise
    findings: list[Finding] = []
    explained: set[Spot] = set()
    from_one = form == "corners" and any(one.written[0] - one.box[0] == 1 for one in items)
    if _most(low, -1, 0):
        message = _message(low, -1, f"begin at {0 if from_one else -1}", f"{1 if from_one else 0}")
        findings.append(_off(items, low, -1, f"{message}: counted from 0" if from_one else message))
        explained |= _at(items, low, -1)
    elif _most(low, 1, 0) and _most(low, 1, 2):
        message = _message(low, 1, f"begin at {2 if from_one else 1}", f"{1 if from_one else 0}")
        findings.append(_off(items, low, 1, message if from_one else f"{message}: counted from 1"))
    if _most(high, 1, 0):
        message = _message(high, 1, "end a pixel beyond the right or lower edge", "it")
        findings.append(_off(items, high, 1, message))
        explained |= _at(items, high, 1)
    return findings, explained


def _count(values: FloatArray, place: int) -> int:
    return int((np.abs(values - place) <= _NEAR).sum())


def _most(values: FloatArray, place: int, other: int) -> bool:
    """Whether many sides lie at a place, and hardly any at another."""
    count = _count(values, place)
    return count >= _FEWEST and count >= _MAJORITY * _count(values, other)


def _message(values: FloatArray, place: int, what: str, right: str) -> str:
    there, other = _count(values, place), _count(values, 0)
    return f"{there} sides of boxes {what} and {other or 'none'} at {right}"


def _off(items: list[LabelledObject], values: FloatArray, place: int, message: str) -> Finding:
    first = int(np.flatnonzero((np.abs(values - place) <= _NEAR).any(axis=1))[0])
    return finding("off-by-one", items[first].spot, message)


def _at(items: list[LabelledObject], values: FloatArray, place: int) -> set[Spot]:
    there = np.flatnonzero((np.abs(values - place) <= _NEAR).any(axis=1))
    return {items[index].spot for index in there}
