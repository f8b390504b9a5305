"""Small scenes of objects and detections for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.flat import Detections
from yolo_cli.evaluation.ranking import Ranking, rank
from yolo_cli.evaluation.voc import match_voc

Box = tuple[float, float, float, float]


class Thing(NamedTuple):
    """An annotated object."""

    label: int
    box: Box
    difficult: bool = False
    area: float | None = None


class Found(NamedTuple):
    """A detection."""

    label: int
    box: Box
    score: float


def sample(things: Sequence[Thing], name: str = "x", image: Path = Path("x.jpg")) -> Sample:
    boxes = np.array([t.box for t in things], dtype=np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    area = [own if t.area is None else t.area for t, own in zip(things, sides.prod(1), strict=True)]
    return Sample(
        id=name,
        image=image,
        width=400,
        height=300,
        boxes=boxes,
        labels=np.array([t.label for t in things], dtype=np.int64),
        difficult=np.array([t.difficult for t in things], dtype=np.bool_),
        crowd=np.zeros(len(things), dtype=np.bool_),
        area=np.array(area, dtype=np.float64),
    )


def detections(found: Sequence[Found]) -> Detections:
    return {
        "boxes": np.array([f.box for f in found], dtype=np.float64).reshape(-1, 4),
        "scores": np.array([f.score for f in found], dtype=np.float64),
        "labels": np.array([f.label for f in found], dtype=np.int64),
    }


Scene = list[tuple[list[Thing], list[Found]]]


def split(scene: Scene) -> tuple[list[Sample], list[Detections]]:
    samples = [sample(things, f"image{i}") for i, (things, _) in enumerate(scene)]
    return samples, [detections(found) for _, found in scene]


def ranking(scene: Scene, classes: Sequence[str]) -> Ranking:
    samples, found = split(scene)
    return rank(match_voc(samples, found, classes))


def random_scene(rng: np.random.Generator, images: int, classes: int) -> Scene:
    """Objects that crowd each other and detections near and away from them; scores with ties."""

    def box() -> Box:
        x, y = rng.integers(0, 60, 2).tolist()
        w, h = rng.integers(4, 40, 2).tolist()
        return x, y, x + w, y + h

    def near(other: Box) -> Box:
        x1, y1, x2, y2 = (c + int(d) for c, d in zip(other, rng.integers(-8, 9, 4), strict=True))
        return x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)

    scene: Scene = []
    for _ in range(images):
        things = [
            Thing(int(rng.integers(classes)), box(), bool(rng.random() < 0.15))
            for _ in range(rng.integers(0, 5))
        ]
        found = []
        for _ in range(rng.integers(0, 9)):
            own = things[rng.integers(len(things))] if things and rng.random() < 0.7 else None
            right = own is not None and rng.random() < 0.6
            label = own.label if own and right else int(rng.integers(classes))
            score = float(rng.integers(1, 20)) / 20
            found.append(Found(label, near(own.box) if own else box(), score))
        scene.append((things, found))
    return scene
