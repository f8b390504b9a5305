"""All objects, and all detections, of a dataset in one list each: what vectorised scoring needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from yolo_cli.data.sample import BoolArray, FloatArray, IntArray, Sample

Detections: TypeAlias = Mapping[str, object]
"""The detections of one image: ``boxes`` [N, 4] xyxy in pixels of the upright image, ``scores``
[N], ``labels`` [N] (indices of classes); NumPy arrays or CPU tensors. Typed as a mapping of
objects because that is what a TypedDict, of whatever kind of array, is assignable to."""

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class FlatObjects:
    """The annotated objects of all images, in the order of the images.

    Attributes:
        boxes: ``[M, 4]`` float64 xyxy, pixels.
        labels: ``[M]`` indices of classes.
        images: ``[M]`` indices of images.
        ignored: ``[M]`` difficult or crowd: neither counts nor hurts.
        crowd: ``[M]`` COCO's ``iscrowd``.
        area: ``[M]`` square pixels, as annotated.
    """

    boxes: FloatArray
    labels: IntArray
    images: IntArray
    ignored: BoolArray
    crowd: BoolArray
    area: FloatArray


@dataclass(frozen=True, eq=False)
class FlatDetections:
    """The detections of all images, in the order of the images.

    Attributes:
        boxes: ``[N, 4]`` float64 xyxy, pixels.
        scores: ``[N]`` float64.
        labels: ``[N]`` indices of classes.
        images: ``[N]`` indices of images.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: IntArray
    images: IntArray


def flatten_objects(samples: Sequence[Sample]) -> FlatObjects:
    """Put the objects of all images into one list."""
    return FlatObjects(
        boxes=_join_boxes([sample.boxes for sample in samples]),
        labels=_join([sample.labels for sample in samples], np.int64),
        images=np.repeat(np.arange(len(samples)), [len(sample) for sample in samples]),
        ignored=_join([sample.difficult | sample.crowd for sample in samples], np.bool_),
        crowd=_join([sample.crowd for sample in samples], np.bool_),
        area=_join([sample.area for sample in samples], np.float64),
    )


def flatten_detections(detections: Sequence[Detections], classes: int) -> FlatDetections:
    """Check the detections of all images and put them into one list.

    Args:
        detections: of each image.
        classes: how many classes there are.

    Raises:
        ValueError: wrong shapes, a label that is no class, a value that is not finite.
    """
    all_boxes: list[FloatArray] = []
    all_scores: list[FloatArray] = []
    all_labels: list[IntArray] = []
    for image, detection in enumerate(detections):
        boxes = np.asarray(detection["boxes"], dtype=np.float64)
        scores = np.asarray(detection["scores"], dtype=np.float64)
        labels = np.asarray(detection["labels"], dtype=np.int64)
        if boxes.size == 0:
            boxes = boxes.reshape(-1, 4)
        if boxes.shape != (len(scores), 4) or scores.shape != labels.shape or scores.ndim != 1:
            raise ValueError(
                f"image {image}: boxes {boxes.shape}, scores {scores.shape} and labels "
                f"{labels.shape} should be (N, 4), (N,) and (N,)"
            )
        all_boxes.append(boxes)
        all_scores.append(scores)
        all_labels.append(labels)
    flat = FlatDetections(
        boxes=_join_boxes(all_boxes),
        scores=_join(all_scores, np.float64),
        labels=_join(all_labels, np.int64),
        images=np.repeat(np.arange(len(all_labels)), [len(labels) for labels in all_labels]),
    )
    _check(flat, classes)
    return flat


def _check(flat: FlatDetections, classes: int) -> None:
    bad = ~np.isfinite(flat.boxes).all(axis=1) | ~np.isfinite(flat.scores)
    bad |= (flat.labels < 0) | (flat.labels >= classes)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"image {flat.images[row]}: bad detection: box {flat.boxes[row].tolist()}, "
            f"score {flat.scores[row]}, label {flat.labels[row]} of {classes} classes"
        )


def _join(arrays: Sequence[npt.NDArray[_T]], dtype: type[_T]) -> npt.NDArray[_T]:
    """Concatenate, also when there is nothing to."""
    return np.concatenate([np.zeros(0, dtype=dtype), *arrays])


def _join_boxes(arrays: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.zeros((0, 4)), *arrays])
