"""Masks as plain values: what ``yolo segment --json`` prints a line of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from yolo_cli.data.mask import MaskArray


class Rle(TypedDict):
    """A mask in COCO's compressed run-length encoding, ``size`` height and width."""

    size: list[int]
    counts: str


class Segment(TypedDict):
    """The pixels of one class: its name, share of the picture in [0, 1], number, and mask."""

    label: str
    share: float
    pixels: int
    rle: Rle


class _ImageRecord(TypedDict):
    image: str
    width: int
    height: int
    segments: list[Segment]


class SegmentRecord(_ImageRecord, total=False):
    """The classes of one image, the largest first; of a video's frame its number and time, too."""

    frame: int
    time: float


def segment_record(
    name: str,
    mask: MaskArray,
    names: Sequence[str],
    *,
    frame: int | None = None,
    time: float | None = None,
) -> SegmentRecord:
    """Put a mask into plain values, ready for JSON.

    Args:
        name: of the image as the user named it.
        mask: ``[H, W]`` indices into ``names``.
        names: of the classes.
        frame: number of a video's frame.
        time: of the frame in seconds; rounded to milliseconds.
    """
    height, width = mask.shape
    record: SegmentRecord = {
        "image": name,
        "width": width,
        "height": height,
        "segments": _segments(mask, names),
    }
    if frame is not None:
        record["frame"] = frame
        record["time"] = round(time or 0.0, 3)
    return record


def shares(mask: MaskArray, count: int) -> list[tuple[int, float]]:
    """Return the index and the share of the picture of each class in it, the largest first."""
    pixels = np.bincount(mask.ravel(), minlength=count)[:count]
    order = np.argsort(-pixels, kind="stable").tolist()
    return [(index, float(pixels[index] / mask.size)) for index in order if pixels[index]]


def _segments(mask: MaskArray, names: Sequence[str]) -> list[Segment]:
    from faster_coco_eval.core import mask as coco  # type: ignore[import-untyped]

    found: list[Segment] = []
    for index, share in shares(mask, len(names)):
        own = mask == index
        rle = coco.encode(np.asfortranarray(own, dtype=np.uint8))
        size = [int(side) for side in rle["size"]]
        found.append(
            {
                "label": names[index],
                "share": round(share, 5),
                "pixels": int(own.sum()),
                "rle": {"size": size, "counts": rle["counts"].decode("ascii")},
            }
        )
    return found
