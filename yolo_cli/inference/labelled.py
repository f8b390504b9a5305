"""Detections of a labelled dataset, under its own class labels, ready to be scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from yolo_cli.data.formats.common import with_skip_hint
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.inference.detector import Detector
from yolo_cli.inference.pipeline import detect_files
from yolo_cli.tasks.detect.classes import ClassMap
from yolo_cli.tasks.detect.postprocess import Detection
from yolo_cli.tasks.detect.result import Failure
from yolo_cli.tasks.detect.thresholds import EVAL, Thresholds


@dataclass(frozen=True, eq=False)
class LabelledDetections:
    """What a detector found in a dataset.

    Attributes:
        samples: the images that were scored; labels index ``classes``.
        detections: of each of them; labels index ``classes``.
        classes: those that the weights and the dataset share, in the dataset's order.
        matching: how they were matched.
        skipped: images that could not be read, where that was allowed.
    """

    samples: list[Sample]
    detections: list[Detection]
    classes: tuple[str, ...]
    matching: ClassMap
    skipped: list[str]


def detect_dataset(
    detector: Detector,
    dataset: Dataset,
    thresholds: Thresholds = EVAL,
    *,
    batch: int = 1,
    skip_bad: bool = False,
    progress: Callable[[int], None] = lambda _count: None,
) -> LabelledDetections:
    """Run a detector over a dataset.

    Args:
        detector: finds the objects.
        dataset: whose images are looked at.
        thresholds: what to keep.
        batch: images a forward pass.
        skip_bad: leave out images that cannot be read.
        progress: called with the number of images done.

    Raises:
        UserError: if an image cannot be read, or no class is common to both.
    """
    matching = ClassMap.between(detector.classes, dataset.classes)
    shared = tuple(name for name in dataset.classes if name not in matching.only_dataset)
    to_shared = ClassMap.between(detector.classes, shared)
    result = LabelledDetections([], [], shared, matching, [])
    outcomes = detect_files(
        detector, [sample.image for sample in dataset.samples], thresholds, batch=batch
    )
    for sample, outcome in zip(dataset.samples, outcomes, strict=True):
        progress(1)
        if isinstance(outcome, Failure):
            if not skip_bad:
                raise with_skip_hint(outcome.error)
            result.skipped.append(outcome.error.message)
            continue
        result.samples.append(_with_labels_of(sample, dataset.classes, shared))
        result.detections.append(to_shared.apply(outcome.detection))
    return result


def _with_labels_of(sample: Sample, old: tuple[str, ...], new: tuple[str, ...]) -> Sample:
    """The sample's objects of the classes ``new``, labels indexing those."""
    table = np.array([new.index(name) if name in new else -1 for name in old], dtype=np.int64)
    labels = table[sample.labels]
    keep = labels >= 0
    return replace(
        sample,
        boxes=sample.boxes[keep],
        labels=labels[keep],
        difficult=sample.difficult[keep],
        crowd=sample.crowd[keep],
        area=sample.area[keep],
    )
