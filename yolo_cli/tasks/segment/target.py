"""A photograph and its mask as the network is trained on them.

A target is ``mask`` ``[1, S, S]`` uint8, in pixels of the network's input: one row, the mask as a
whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F  # noqa: N812  # torchvision's own short name

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.mask import IGNORED, MaskArray, count_pixels
from yolo_cli.data.sample import Dataset, IntArray, Sample
from yolo_cli.data.target import Target
from yolo_cli.data.transforms import adjust_colours, cut, stretch
from yolo_cli.errors import UserError
from yolo_cli.tasks.contract.training import Window
from yolo_cli.tasks.segment.loss import Pixels

Window4: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Preparation:
    """See :class:`yolo_cli.data.loader.Prepare`."""

    image_size: int
    augmentation: Augmentation | None

    def __call__(
        self, image: Image.Image, sample: Sample, rng: np.random.Generator
    ) -> tuple[Tensor, Target]:
        """Return ``[3, S, S]`` uint8 and its mask."""
        mask = torch.from_numpy(mask_of(sample))[None]
        size = self.image_size
        if self.augmentation is None:
            whole = (0, 0, image.width, image.height)
            return stretch(image, size), {"mask": cut_mask(mask, whole, size)}
        return augment(image, mask, size, self.augmentation, rng)


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


def augment(
    image: Image.Image,
    mask: Tensor,
    size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[Tensor, Target]:
    """Crop, stretch, shift colours and mirror at random, the mask along with the image.

    Args:
        image: upright RGB.
        mask: ``[1, H, W]`` uint8.
        size: pixels along each side of the result.
        augmentation: what to vary, and how much.
        rng: the only source of chance.
    """
    edges = rng.uniform(-augmentation.jitter, augmentation.jitter, 4)
    exposure, saturation = (
        math.exp(rng.uniform(-1, 1) * math.log(factor))
        for factor in (augmentation.exposure, augmentation.saturation)
    )
    mirrored = rng.random() < augmentation.flip
    window = _window(image.size, edges)
    pixels = adjust_colours(cut(F.pil_to_tensor(image), window, size), exposure, saturation)
    mask = cut_mask(mask, window, size)
    if mirrored:
        pixels, mask = F.horizontal_flip(pixels), F.horizontal_flip(mask)
    return pixels, {"mask": mask.contiguous()}


def _window(size: tuple[int, int], edges: npt.NDArray[np.float64]) -> Window4:
    """Return a window whose edges lie inside the image's by these shares of its sides."""
    width, height = size
    left, top = round(edges[0] * width), round(edges[1] * height)
    right, bottom = width - round(edges[2] * width), height - round(edges[3] * height)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def cut_mask(mask: Tensor, window: Window4, size: int) -> Tensor:
    """Stretch a window of a mask to a square, as :func:`~yolo_cli.data.transforms.cut` does.

    Every pixel has the class of the one that its middle lies in; what lies outside the image is
    not labelled.

    Args:
        mask: ``[1, H, W]`` uint8.
        window: left, top, right and bottom in pixels.
        size: pixels along each side of the result.
    """
    left, top, right, bottom = window
    height, width = mask.shape[-2:]
    padding = [max(0, -left), max(0, -top), max(0, right - width), max(0, bottom - height)]
    if any(padding):
        mask = F.pad(mask, padding, fill=IGNORED)
    place = [top + padding[1], left + padding[0], bottom - top, right - left]
    result: Tensor = F.resized_crop(
        mask, *place, [size, size], InterpolationMode.NEAREST_EXACT, antialias=False
    )
    return result


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
