"""One labelled image and the dataset it belongs to: what every reader returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import UserError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Annotation(Protocol):
    """What labels say of an image besides objects with boxes, for a task that needs it: a mask."""

    @property
    def classes(self) -> IntArray:
        """Indices into :attr:`Dataset.classes` of what is on the image, each once."""

    def fingerprint(self) -> bytes:
        """Return what changes with every change of it that a network could learn."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and its annotated objects.

    A task without boxes has what it needs in :attr:`annotation`, or takes an object for the whole
    image: a classifier's image is one object that fills it.

    Boxes are float64 here, as exact as the label file, because scoring compares them with
    thresholds; the network's targets are float32.

    Attributes:
        id: name of the image in its dataset, unique there: its path relative to the image
            folder, without suffix, with ``/`` between parts (``"000001"``).
        image: path of the image file.
        width: pixels of the upright image (EXIF orientation applied); 0 where only labels were
            read and they do not say it.
        height: pixels of the upright image, likewise.
        boxes: ``[N, 4]`` xyxy in pixels of the upright image, ``x2 > x1`` and ``y2 > y1``.
        labels: ``[N]`` indices into :attr:`Dataset.classes`.
        difficult: ``[N]`` VOC's ``difficult``: neither counts nor hurts in VOC scoring.
        crowd: ``[N]`` COCO's ``iscrowd``.
        area: ``[N]`` square pixels: COCO's annotated ``area``, else that of the box.
        key: COCO's id of the image, by which result files name it; None in other formats.
        annotation: what the labels say besides; None for tasks that boxes are enough for.
    """

    id: str
    image: Path
    width: int
    height: int
    boxes: FloatArray
    labels: IntArray
    difficult: BoolArray
    crowd: BoolArray
    area: FloatArray
    key: int | str | None = None
    annotation: Annotation | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def is_labelled(self) -> bool:
        """Whether there is anything on it."""
        return len(self.boxes) > 0 or self.annotation is not None

    @property
    def present(self) -> IntArray:
        """Indices of the classes on it, by which images are divided."""
        return self.labels if self.annotation is None else self.annotation.classes

    def fingerprint(self) -> bytes:
        """Return what changes with every label."""
        arrays = (self.boxes, self.labels, self.difficult, self.crowd, self.area)
        boxes = b"".join(array.tobytes() for array in arrays)
        return boxes if self.annotation is None else boxes + self.annotation.fingerprint()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A list of samples with the classes that their labels index.

    Attributes:
        root: the folder that the user named.
        format: ``"voc"``, ``"yolo"``, ``"coco"`` or ``"text"``.
        split: the split these samples are (``"train"``), or ``"all"`` where none exists.
        classes: class names; the same, in the same order, for every split of a dataset.
        samples: in the order of the split file, else sorted by id.
        faults: an error for each label or image that ``--skip-bad`` dropped.
        category_ids: index of the class by COCO's ``category_id``; empty in other formats.
        task: what the annotations are for.
    """

    root: Path
    format: str
    split: str
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    faults: tuple[UserError, ...] = field(default=())
    category_ids: Mapping[int | str, int] = field(default_factory=dict)
    task: TaskName = "detect"

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def skipped(self) -> tuple[str, ...]:
        """One line for each label or image that ``--skip-bad`` dropped."""
        return tuple(error.message for error in self.faults)
