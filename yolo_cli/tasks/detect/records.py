"""Detections as plain values: what ``yolo detect --json`` prints a line of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt


class DetectedObject(TypedDict):
    """One detection: class name, score in [0, 1], xyxy in pixels of the upright image."""

    label: str
    score: float
    box: list[float]


class _ImageRecord(TypedDict):
    image: str
    width: int
    height: int
    detections: list[DetectedObject]


class DetectionRecord(_ImageRecord, total=False):
    """The detections of one image: path, size of the upright image, and a list of objects.

    Of a frame of a video also its number (from 0) and its time in seconds.
    """

    frame: int
    time: float


def detection_record(
    name: object,
    width: int,
    height: int,
    boxes: npt.ArrayLike,
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    names: Sequence[str],
    *,
    frame: int | None = None,
    time: float | None = None,
) -> DetectionRecord:
    """Put the detections of one image into plain values, ready for JSON.

    Args:
        name: of the image as the user named it.
        width: of the upright image, in pixels.
        height: of the upright image, in pixels.
        boxes: ``[N, 4]`` xyxy in pixels of the upright image; rounded to 2 decimals.
        scores: ``[N]`` in [0, 1]; rounded to 5 decimals.
        labels: ``[N]`` indices into ``names``.
        names: class names.
        frame: number of a video's frame.
        time: of the frame in seconds; rounded to milliseconds.

    Returns:
        The record, its detections in the order given.
    """
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4).round(2).tolist()
    confidence = np.asarray(scores, dtype=np.float64).round(5).tolist()
    indices = np.asarray(labels, dtype=np.int64).tolist()
    found: list[DetectedObject] = [
        {"label": names[index], "score": score, "box": box}
        for box, score, index in zip(corners, confidence, indices, strict=True)
    ]
    if frame is None:
        return {"image": str(name), "width": width, "height": height, "detections": found}
    return {
        "image": str(name),
        "frame": frame,
        "time": round(time or 0.0, 3),
        "width": width,
        "height": height,
        "detections": found,
    }
