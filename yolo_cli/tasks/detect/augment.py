"""A photograph and its boxes as the network is trained on them (paper, section 2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F  # noqa: N812  # torchvision's own short name

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target
from yolo_cli.data.transforms import stretch
from yolo_cli.data.windows import adjust_colours, cut
from yolo_cli.tasks.detect.target import stretched, target_of, visible


@dataclass(frozen=True)
class Preparation:
    """See :class:`yolo_cli.data.loader.Prepare`."""

    image_size: int
    augmentation: Augmentation | None

    def __call__(
        self, image: Image.Image, sample: Sample, rng: np.random.Generator
    ) -> tuple[Tensor, Target]:
        """Return ``[3, S, S]`` uint8 and its objects, boxes in pixels of it."""
        target, size = target_of(sample), self.image_size
        if self.augmentation is None:
            return stretch(image, size), stretched(target, sample.width, sample.height, size)
        rng.random()  # once decided on mosaics; drawn still, so that a seed keeps its meaning
        return augment(image, target, size, self.augmentation, rng)


def augment(
    image: Image.Image,
    target: Target,
    size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[Tensor, Target]:
    """Crop, stretch, shift colours and mirror at random.

    Args:
        image: upright RGB.
        target: its objects.
        size: pixels along each side of the result.
        augmentation: what to vary, and how much.
        rng: the only source of chance.

    Returns:
        ``[3, size, size]`` uint8 and the objects that are still visible, boxes clipped to it.
    """
    edges = rng.uniform(-augmentation.jitter, augmentation.jitter, 4)
    exposure, saturation = (
        math.exp(rng.uniform(-1, 1) * math.log(factor))
        for factor in (augmentation.exposure, augmentation.saturation)
    )
    mirrored = rng.random() < augmentation.flip

    pixels, target = crop(image, target, edges, size)
    pixels = adjust_colours(pixels, exposure, saturation)
    if mirrored:
        pixels = F.horizontal_flip(pixels)
        canvas = tv_tensors.BoundingBoxes(target["boxes"], format="XYXY", canvas_size=(size, size))
        target = {**target, "boxes": F.horizontal_flip(canvas).as_subclass(Tensor)}
    return pixels, target


def crop(
    image: Image.Image,
    target: Target,
    edges: np.ndarray[tuple[int], np.dtype[np.float64]],
    size: int,
) -> tuple[Tensor, Target]:
    """Cut a window out of an image and stretch it.

    Args:
        image: upright RGB.
        target: its objects.
        edges: how far the window's left, top, right and bottom edge lie inside the image's, as
            shares of its width and height; negative is outside, where the mean colour stands.
        size: pixels along each side of the result.
    """
    width, height = image.size
    left, top = round(edges[0] * width), round(edges[1] * height)
    right, bottom = width - round(edges[2] * width), height - round(edges[3] * height)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    pixels = cut(F.pil_to_tensor(image), (left, top, right, bottom), size)
    shifted = {**target, "boxes": target["boxes"] - torch.tensor([left, top, left, top])}
    return pixels, visible(stretched(shifted, right - left, bottom - top, size), (size, size))
