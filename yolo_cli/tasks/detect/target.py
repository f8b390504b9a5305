"""The objects of one image as a detector is trained on them: torchvision's target dict.

``boxes`` ``[N, 4]`` float32 xyxy in pixels of the image, ``labels`` ``[N]`` int64, ``difficult``
and ``crowd`` ``[N]`` bool.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.data.target import Target, concatenate, select
from yolo_cli.pictures.drawing import draw_detections
from yolo_cli.tasks.contract.training import Window

MIN_VISIBLE = 0.3  # a box is kept while this share of its area stays in the picture …
MIN_PIXELS = 4.0  # … and it is at least this wide and high at the network's input


def target_of(sample: Sample) -> Target:
    """Return a sample's objects, boxes in pixels of its upright image."""
    return Target(
        boxes=torch.from_numpy(sample.boxes).float().reshape(-1, 4),
        labels=torch.from_numpy(sample.labels),
        difficult=torch.from_numpy(sample.difficult),
        crowd=torch.from_numpy(sample.crowd),
    )


def moved(target: Target, x: float, y: float) -> Target:
    """Return the target with its boxes ``x`` pixels further right and ``y`` further down."""
    return {**target, "boxes": target["boxes"] + torch.tensor([x, y, x, y])}


def stretched(target: Target, width: int, height: int, size: int) -> Target:
    """Return the objects of a ``width`` × ``height`` image that becomes a square of ``size``."""
    scale = torch.tensor([size / width, size / height])
    return {**target, "boxes": target["boxes"] * scale.repeat(2)}


def visible(target: Target, size: tuple[float, float]) -> Target:
    """Clip boxes to an image of ``size`` (width, height); drop what is hardly visible there."""
    boxes = target["boxes"]
    clipped = boxes.clamp(min=0).minimum(torch.tensor(size * 2))
    sides = clipped[:, 2:] - clipped[:, :2]
    whole = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    share = sides.prod(dim=1) / whole
    keep = (share >= MIN_VISIBLE) & (sides >= MIN_PIXELS).all(dim=1)
    return select({**target, "boxes": clipped}, keep)


def scene(parts: Sequence[tuple[Target, Window]]) -> Target:
    """Return the objects that are visible in a scene of windows of several images."""
    seen = []
    for target, window in parts:
        inside = visible(moved(target, -window.left, -window.top), (window.width, window.height))
        seen.append(moved(inside, window.x, window.y))
    return concatenate(seen)


def counts(dataset: Dataset) -> Tensor:
    """Count the objects of each class, ``[C]``, that matter in training and in scoring."""
    labels = [s.labels[~(s.difficult | s.crowd)] for s in dataset.samples]
    every = torch.from_numpy(np.concatenate([np.zeros(0, dtype=np.int64), *labels]))
    return torch.bincount(every, minlength=len(dataset.classes))


def typical_size(dataset: Dataset) -> float | None:
    """Return the median side of an object (√ of its area) as a share of its image's side.

    Difficult objects and crowds, which are not trained on, do not count. None without objects.
    """
    shares = [np.zeros(0)]
    for sample in dataset.samples:
        sides = (sample.boxes[:, 2:] - sample.boxes[:, :2])[~(sample.difficult | sample.crowd)]
        shares.append(np.sqrt(sides.prod(axis=1) / (sample.width * sample.height)))
    together = np.concatenate(shares)
    return float(np.median(together)) if len(together) else None


def draw_target(pixels: Tensor, target: Target, classes: Sequence[str]) -> Image.Image:
    """Draw boxes with the names of their classes on ``[3, S, S]`` uint8."""
    boxes, labels = target["boxes"].numpy(), target["labels"].numpy()
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    return draw_detections(image, boxes, None, labels, classes)
