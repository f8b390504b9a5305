"""Samples and detections for tests, by hand and at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.flat import Detections

Box = tuple[float, float, float, float]


def sample(
    boxes: Sequence[Box],
    labels: Sequence[int] | None = None,
    difficult: Sequence[bool] | None = None,
    crowd: Sequence[bool] | None = None,
    area: Sequence[float] | None = None,
) -> Sample:
    """An image with these objects; of class 0, and as large as their boxes, unless told."""
    n = len(boxes)
    return Sample(
        id="x",
        image=Path("x.jpg"),
        width=500,
        height=400,
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        labels=np.array(labels or [0] * n, dtype=np.int64),
        difficult=np.array(difficult or [False] * n, dtype=np.bool_),
        crowd=np.array(crowd or [False] * n, dtype=np.bool_),
        area=np.array(area or [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes], np.float64),
    )


def found(
    boxes: Sequence[Box], scores: Sequence[float], labels: Sequence[int] | None = None
) -> Detections:
    """The detections of an image; of class 0 unless told."""
    return {
        "boxes": np.array(boxes, dtype=np.float64).reshape(-1, 4),
        "scores": np.array(scores, dtype=np.float64),
        "labels": np.array(labels or [0] * len(boxes), dtype=np.int64),
    }


def random_dataset(
    rng: np.random.Generator, *, images: int = 6, classes: int = 4, crowded: bool = False
) -> tuple[list[Sample], list[Detections]]:
    """Images, some without objects, with duplicates, ties in score, crowds, difficult objects.

    Objects are of all of COCO's sizes, and the area of some is not that of their box. The last
    class has no object. ``crowded``: the first image has more than 100 detections of a class.
    """
    samples, detections = [], []
    for image in range(images):
        count = int(rng.integers(0, 9))
        boxes = [_box(rng) for _ in range(count)]
        area = [(x2 - x1) * (y2 - y1) * float(rng.choice([1, 0.4])) for x1, y1, x2, y2 in boxes]
        samples.append(
            sample(
                boxes,
                rng.integers(0, classes - 1, count).tolist(),
                (rng.random(count) < 0.15).tolist(),
                (rng.random(count) < 0.15).tolist(),
                area,
            )
        )
        detections.append(_near(rng, samples[-1], classes, 300 if crowded and not image else 25))
    return samples, detections


def _box(rng: np.random.Generator) -> Box:
    x, y = rng.integers(0, 200, size=2)
    w, h = rng.integers(4, 4 * 2 ** int(rng.integers(1, 7)), size=2)
    return float(x), float(y), float(x + w), float(y + h)


def _near(rng: np.random.Generator, near: Sample, classes: int, most: int) -> Detections:
    """Detections around the objects and elsewhere."""
    boxes: list[Box] = []
    labels: list[int] = []
    for _ in range(most if most > 100 else int(rng.integers(0, most))):
        if len(near) and rng.random() < 0.8:
            index = int(rng.integers(len(near)))
            x1, y1, x2, y2 = near.boxes[index].tolist()
            # Shifts of eighths: exact in float64, and so often exactly at an IoU threshold.
            size = 0.125 * max(x2 - x1, 8) * float(rng.choice([0, 0.25, 1]))
            dx, dy, dw, dh = (rng.integers(-2, 3, size=4) * size).tolist()
            boxes.append((x1 + dx, y1 + dy, max(x2 + dw, x1 + dx + 1), max(y2 + dh, y1 + dy + 1)))
            labels.append(int(near.labels[index]) if rng.random() < 0.9 else 0)
        else:
            boxes.append(_box(rng))
            labels.append(int(rng.integers(classes)))
    return found(boxes, (rng.integers(1, 40, len(boxes)) / 40).tolist(), labels)
