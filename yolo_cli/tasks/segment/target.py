"""The mask of a photograph as the network is trained on it.

A target is ``mask`` ``[1, S, S]`` uint8, in pixels of the network's input: one row, the mask as a
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from PIL import Image
from torch import Tensor

from yolo_cli.data.mask import IGNORED, MaskArray, count_pixels
from yolo_cli.data.sample import Dataset, IntArray, Sample
from yolo_cli.data.target import Target
from yolo_cli.errors import UserError
from yolo_cli.pictures.masks import draw_mask
from yolo_cli.tasks.contract.training import Window
from yolo_cli.tasks.segment.batch import Pixels

Window4: TypeAlias = tuple[int, int, int, int]


def mask_of(sample: Sample) -> MaskArray:
    """Return a sample's mask, ``[H, W]`` in pixels of its upright image.

    Raises:
        UserError: it has none, or its file cannot be read any more.
    """
    mask = getattr(sample.annotation, "mask", None)
    if mask is None:
        raise UserError("no mask", "it is to be labelled pixel by pixel", path=sample.image)
    result: MaskArray = mask()
    return result


def cut_mask(mask: Tensor, window: Window4, size: int) -> Tensor:
    """Stretch a window of a mask to a square, as :func:`~yolo_cli.data.windows.cut` does.

    Every pixel has the class of the one that its middle lies in; what lies outside the image is
    not labelled.

    Args:
        mask: ``[1, H, W]`` uint8.
        window: left, top, right and bottom in pixels.
        size: pixels along each side of the result.
    """
    (rows, seen_rows), (columns, seen_columns) = (
        _lines(first, last, size, side)
        for first, last, side in (
            (window[1], window[3], mask.shape[-2]),
            (window[0], window[2], mask.shape[-1]),
        )
    )
    cut = mask[:, rows[:, None], columns]
    cut[:, ~(seen_rows[:, None] & seen_columns)] = IGNORED
    return cut


def _lines(first: int, last: int, count: int, side: int) -> tuple[Tensor, Tensor]:
    """Return the line of an image that each of ``count`` lines of a window is, and if it has it."""
    places = (torch.arange(count, dtype=torch.float64) + 0.5) * (last - first) / count
    lines = places.floor().long() + first
    return lines.clamp(0, side - 1), (lines >= 0) & (lines < side)


def scene(parts: Sequence[tuple[Target, Window]]) -> Target:
    """Return the mask of a scene of windows of several images."""
    canvas = torch.full_like(parts[0][0]["mask"], IGNORED)
    for target, window in parts:
        left, top, x, y, width, height = (round(value) for value in window)
        part = target["mask"][:, top : top + height, left : left + width]
        canvas[:, y : y + height, x : x + width] = part
    return {"mask": canvas}


def encode(targets: Sequence[Target]) -> Pixels:
    """Return the masks of a batch."""
    return Pixels(torch.cat([target["mask"] for target in targets]))


def shares(dataset: Dataset) -> Tensor:
    """Return each class's share of the labelled pixels of the images that it is in, ``[C]``.

    The frequency of median-frequency balancing (Eigen & Fergus 2015, section 6.3.2); zero for
    classes that are in no image.
    """
    own = torch.zeros(len(dataset.classes), dtype=torch.float64)
    of_images = torch.zeros_like(own)
    for sample in dataset.samples:
        pixels = torch.from_numpy(pixels_of(sample, len(dataset.classes))).double()
        own += pixels
        of_images += torch.where(pixels > 0, pixels.sum(), 0.0)
    return torch.where(of_images > 0, own / of_images.clamp(min=1), 0.0)


def pixels_of(sample: Sample, classes: int) -> IntArray:
    """Return the pixels of each class, ``[C]``, as the reader has counted them if it has."""
    known: IntArray | None = getattr(sample.annotation, "pixels", None)
    return count_pixels(mask_of(sample), classes) if known is None else known


def draw_target(pixels: Tensor, target: Target, classes: Sequence[str]) -> Image.Image:
    """Lay the mask over ``[3, S, S]`` uint8."""
    picture = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    return draw_mask(picture, target["mask"][0].numpy(), classes)
