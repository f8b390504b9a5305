"""A mask made small by max pooling, and large again in each of the lecture's ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name for it
from PIL import Image
from torch import Tensor

from yolo_cli.data.images import opened
from yolo_cli.errors import UserError
from yolo_cli.model.resample import (
    TransposedConvolution,
    bilinear,
    max_pool_indices,
    max_unpool,
    nearest,
)
from yolo_cli.pictures.panels import Panel, sheet_of

SIDE = 448  # pixels of the longer side
HALVINGS = 3
FACTOR = 2**HALVINGS
OBJECT = 0.5  # a pixel above it is the object's
MASK_MODES = ("1", "L", "P")
# Right: white on dark; too much and too little: colours that everyone can tell apart.
BACKGROUND, RIGHT = (38, 38, 46), (255, 255, 255)
ADDED, MISSED = (230, 97, 1), (73, 146, 255)
NOTE = "white: the object; orange: wrongly added; blue: lost"


@dataclass(frozen=True, eq=False)
class Restored:
    """A mask that was made large again.

    Attributes:
        way: name of the way.
        mask: ``[H, W]`` of bool.
        iou: with the original, in [0, 1].
    """

    way: str
    mask: Tensor
    iou: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """A mask, what pooling leaves of it, and what each way makes of that.

    Attributes:
        mask: ``[H, W]`` of bool.
        pooled: ``[H / 8, W / 8]`` of bool, sides rounded up.
        restored: by each way.
    """

    mask: Tensor
    pooled: Tensor
    restored: list[Restored]

    def draw(self) -> Image.Image:
        """Draw them all, with what was added and lost."""
        height, width = self.mask.shape
        small = nearest_by(self.pooled, FACTOR)[:height, :width]
        size = "{1}×{0}".format(*self.pooled.shape)
        panels = [
            Panel(f"the mask, {width}×{height}", _picture(self.mask, self.mask)),
            Panel(f"max pooling, {HALVINGS} times: {size}", _picture(small, small)),
        ]
        panels += [
            Panel(f"{one.way}: IoU {one.iou:.2f}", _picture(one.mask, self.mask))
            for one in self.restored
        ]
        return sheet_of(panels, columns=3, note=NOTE)


def read_mask(path: Path) -> Tensor:
    """Read a mask: what is not 0 is the object.

    Returns:
        ``[H, W]`` of bool, its longer side 448 pixels.

    Raises:
        UserError: for a file that cannot be read, a picture in colour, and a mask of one value.
    """
    with opened(path) as image:
        if image.mode not in MASK_MODES:
            raise UserError(
                f"a picture of mode {image.mode}, not a mask",
                "a mask has one number a pixel, 0 for the background: save it in grey or with a "
                "palette",
                path=path,
            )
        values = np.array(image if image.mode != "1" else image.convert("L")) != 0
    if values.all() or not values.any():
        raise UserError(
            f"a mask of {'the object' if values.any() else 'the background'} alone",
            "0 is the background, every other number the object",
            path=path,
        )
    height, width = values.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = Image.fromarray(values).resize(size, Image.Resampling.NEAREST)
    return torch.from_numpy(np.array(scaled))


def compare(mask: Tensor) -> Comparison:
    """Halve a mask three times by max pooling, and double it again in four ways.

    Args:
        mask: ``[H, W]`` of bool.
    """
    height, width = mask.shape
    padding = (0, -width % FACTOR, 0, -height % FACTOR)
    small = F.pad(mask.float(), padding)[None, None]
    indices: list[Tensor] = []
    sizes: list[tuple[int, int]] = []
    for _ in range(HALVINGS):
        sizes.append((small.shape[-2], small.shape[-1]))
        small, places = max_pool_indices(small)
        indices.append(places)

    def unpool(x: Tensor, step: int) -> Tensor:
        return max_unpool(x, indices[-1 - step], sizes[-1 - step])

    transposed = TransposedConvolution.bilinear(1)
    ways: dict[str, Callable[[Tensor, int], Tensor]] = {
        "max-unpooling": unpool,
        "transposed convolution": lambda x, _: transposed(x),
        "bilinear": lambda x, _: bilinear(x),
        "nearest (duplication)": lambda x, _: nearest(x),
    }
    restored = []
    with torch.inference_mode():
        for name, way in ways.items():
            x = small
            for step in range(HALVINGS):
                x = way(x, step)
            found = x[0, 0, :height, :width] >= OBJECT
            restored.append(Restored(name, found, iou(found, mask)))
    return Comparison(mask, small[0, 0] > 0, restored)


def iou(found: Tensor, mask: Tensor) -> float:
    """Return intersection over union of two masks ``[H, W]`` of bool, of which one has a pixel."""
    return float((found & mask).sum() / (found | mask).sum())


def nearest_by(mask: Tensor, factor: int) -> Tensor:
    """Repeat each value of ``[H, W]`` in a square of pixels."""
    return mask.repeat_interleave(factor, 0).repeat_interleave(factor, 1)


def _picture(found: Tensor, mask: Tensor) -> Image.Image:
    """Colour a mask by where it differs from another one."""
    colours = torch.tensor([BACKGROUND, MISSED, ADDED, RIGHT], dtype=torch.uint8)
    return Image.fromarray(colours[2 * found.int() + mask.int()].numpy())
