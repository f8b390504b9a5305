"""A photograph as a classifier is trained on it: random crops, colours, mirror images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F  # noqa: N812  # torchvision's own short name

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target
from yolo_cli.data.transforms import stretch
from yolo_cli.data.windows import adjust_colours, cut
from yolo_cli.tasks.classify.target import target_of

# Szegedy et al. 2014, section 6: the area of a crop as a share of the image's, and the
# logarithm of its aspect.
# Theirs begin at 8 %, for training of a hundred epochs; what is left of an object then is little.
AREA = (0.25, 1.0)
LOG_ASPECT = (math.log(3 / 4), math.log(4 / 3))
_TRIES = 10


@dataclass(frozen=True)
class Preparation:
    """See :class:`yolo_cli.data.loader.Prepare`."""

    image_size: int
    augmentation: Augmentation | None

    def __call__(
        self, image: Image.Image, sample: Sample, rng: np.random.Generator
    ) -> tuple[Tensor, Target]:
        """Return ``[3, S, S]`` uint8 and the class."""
        target = target_of(sample)
        if self.augmentation is None:
            return stretch(image, self.image_size), target
        return augment(image, self.image_size, self.augmentation, rng), target


def augment(
    image: Image.Image, size: int, augmentation: Augmentation, rng: np.random.Generator
) -> Tensor:
    """Crop, stretch, shift colours and mirror at random.

    Args:
        image: upright RGB.
        size: pixels along each side of the result.
        augmentation: of colours and mirror images.
        rng: the only source of chance.

    Returns:
        ``[3, size, size]`` uint8.
    """
    window = crop_window(image.size, rng)
    exposure, saturation = (
        math.exp(rng.uniform(-1, 1) * math.log(factor))
        for factor in (augmentation.exposure, augmentation.saturation)
    )
    mirrored = rng.random() < augmentation.flip
    pixels = cut(F.pil_to_tensor(image), window, size)
    pixels = adjust_colours(pixels, exposure, saturation)
    return F.horizontal_flip(pixels) if mirrored else pixels


def crop_window(size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Draw a window inside an image: left, top, right and bottom in pixels.

    Its area is a share of the image's drawn from :data:`AREA`, the logarithm
    of its aspect from :data:`LOG_ASPECT`; the whole image where no such window fits.
    """
    width, height = size
    for _ in range(_TRIES):
        area = rng.uniform(*AREA) * width * height
        aspect = math.exp(rng.uniform(*LOG_ASPECT))
        across, down = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < across <= width and 0 < down <= height:
            left, top = (int(rng.integers(room + 1)) for room in (width - across, height - down))
            return left, top, left + across, top + down
    return 0, 0, width, height
