"""New scenes from cached activations: four windows of different images side by side.

Convolution commutes with translation, so the activations of a window are, but for its border, a
window of the activations. What a mosaic (Bochkovskiy et al. 2020) or CutMix (Yun et al. 2019) does
with pixels can therefore be done with the output of frozen blocks, at the price of a copy in
memory: every step sees scenes that it has never seen, however few copies are on disk.
"""

from __future__ import annotations

import numpy as np
import torch

from yolo_cli.data.loader import Batch
from yolo_cli.data.target import Target, concatenate
from yolo_cli.data.transforms import visible

SPLIT = (0.0, 1.0)  # where the windows may meet, as shares of the picture's sides


def patchwork(batch: Batch, image_size: int, probability: float, rng: np.random.Generator) -> Batch:
    """Replace some of a batch's items by four windows, at the original scale, of its items.

    The top left window is always the item's own; windows meet at a random point and are taken
    from random places of their images.

    Args:
        batch: activations ``[N, C, H, W]`` and targets, boxes in pixels of the network's input.
        image_size: pixels along each side of the network's input.
        probability: of each item to be replaced.
        rng: the only source of chance.
    """
    features, targets = batch
    result = features.clone()
    scenes = list(targets)
    for item in np.flatnonzero(rng.random(len(features)) < probability):
        others = [int(item), *rng.integers(len(features), size=3).tolist()]
        scenes[item] = _scene(result[item], features, targets, others, image_size, rng)
    return result, scenes


def _scene(
    canvas: torch.Tensor,
    features: torch.Tensor,
    targets: list[Target],
    parts: list[int],
    image_size: int,
    rng: np.random.Generator,
) -> Target:
    """Fill ``canvas`` (``[C, H, W]``) with four windows; returns the objects to be seen there."""
    height, width = canvas.shape[1:]
    pixels = image_size / width
    row = round(rng.uniform(*SPLIT) * height)
    column = round(rng.uniform(*SPLIT) * width)
    places = [(0, 0, column, row), (column, 0, width, row)]
    places += [(0, row, column, height), (column, row, width, height)]
    seen = []
    for part, (x1, y1, x2, y2) in zip(parts, places, strict=True):
        if x1 == x2 or y1 == y2:
            continue
        left = int(rng.integers(width - (x2 - x1) + 1))
        top = int(rng.integers(height - (y2 - y1) + 1))
        window = features[part, :, top : top + y2 - y1, left : left + x2 - x1]
        canvas[:, y1:y2, x1:x2] = window
        moved = _shifted(targets[part], -left * pixels, -top * pixels)
        inside = visible(moved, ((x2 - x1) * pixels, (y2 - y1) * pixels))
        seen.append(_shifted(inside, x1 * pixels, y1 * pixels))
    return concatenate(seen)


def _shifted(target: Target, x: float, y: float) -> Target:
    shift = torch.tensor([x, y, x, y])
    return Target(**{**target, "boxes": target["boxes"] + shift})
