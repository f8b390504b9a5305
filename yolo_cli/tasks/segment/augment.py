"""A photograph and its mask as the network is trained on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F  # noqa: N812  # torchvision's own short name

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target
from yolo_cli.data.transforms import stretch
from yolo_cli.data.windows import adjust_colours, cut
from yolo_cli.tasks.segment.target import Window4, cut_mask, mask_of


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
        pixels, mask = pixels.flip(-1), mask.flip(-1)
    return pixels, {"mask": mask.contiguous()}


def _window(size: tuple[int, int], edges: npt.NDArray[np.float64]) -> Window4:
    """Return a window whose edges lie inside the image's by these shares of its sides."""
    width, height = size
    left, top = round(edges[0] * width), round(edges[1] * height)
    right, bottom = width - round(edges[2] * width), height - round(edges[3] * height)
    return left, top, max(right, left + 1), max(bottom, top + 1)
