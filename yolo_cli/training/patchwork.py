"""New scenes from cached activations: four windows of different images side by side.

Convolution commutes with translation, so the activations of a window are, but for its border, a
window of the activations. What a mosaic (Bochkovskiy et al. 2020) or CutMix (Yun et al. 2019) does
with pixels can therefore be done with the output of frozen blocks, at the price of a copy in
memory: every step sees scenes that it has never seen, however few copies are on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from yolo_cli.data.target import Target
from yolo_cli.tasks.contract.training import Window

Scene = Callable[[Sequence[tuple[Target, Window]]], Target]


def patchwork(
    inputs: Sequence[Tensor],
    targets: list[Target],
    image_size: int,
    probability: float,
    rng: np.random.Generator,
    scene: Scene,
) -> tuple[list[Tensor], list[Target]]:
    """Replace some of a batch's items by four windows, at the original scale, of its items.

    The top left window is always the item's own; windows meet at a random point and are taken
    from random places of their images.

    Args:
        inputs: the same items in several forms, each ``[N, C, H, W]``: activations of any depth,
            or pixels. Windows are cut along the cells of the smallest.
        targets: of the items, in pixels of the network's input.
        image_size: pixels along each side of the network's input.
        probability: of each item to be replaced.
        rng: the only source of chance.
        scene: puts a scene's target together, see :meth:`yolo_cli.tasks.task.Task.scene`.

    Returns:
        New tensors, and the targets with what is still to be seen.
    """
    results = [form.clone() for form in inputs]
    scenes = list(targets)
    count = len(targets)
    cells = min(form.shape[-1] for form in inputs)
    for item in np.flatnonzero(rng.random(count) < probability):
        windows = _draw([int(item), *rng.integers(count, size=3).tolist()], cells, rng)
        for form, result in zip(inputs, results, strict=True):
            _fill(result[item], form, windows, form.shape[-1] // cells)
        scenes[item] = scene([(targets[w.item], w.pixels(image_size / cells)) for w in windows])
    return results, scenes


class _Cells(NamedTuple):
    """A part of an item and its place in the scene, in cells."""

    item: int
    left: int
    top: int
    x: int
    y: int
    width: int
    height: int

    def pixels(self, side: float) -> Window:
        """Return the window in pixels of the network's input; a cell is ``side`` wide."""
        return Window(*(side * value for value in self[1:]))


def _draw(items: list[int], cells: int, rng: np.random.Generator) -> list[_Cells]:
    """Draw four windows that fill a scene, each from a random place of its item."""
    row, column = (round(share * cells) for share in rng.random(2))
    places = [
        (0, 0, column, row),
        (column, 0, cells - column, row),
        (0, row, column, cells - row),
        (column, row, cells - column, cells - row),
    ]
    return [
        _Cells(
            item,
            int(rng.integers(cells - width + 1)),
            int(rng.integers(cells - height + 1)),
            *(x, y, width, height),
        )
        for item, (x, y, width, height) in zip(items, places, strict=True)
        if width and height
    ]


def _fill(canvas: Tensor, form: Tensor, windows: list[_Cells], scale: int) -> None:
    """Copy windows of ``form`` (``[N, C, H, W]``, ``scale`` times the cells) to their places."""
    for w in windows:
        left, top, x, y, width, height = (scale * value for value in w[1:])
        canvas[:, y : y + height, x : x + width] = form[
            w.item, :, top : top + height, left : left + width
        ]
