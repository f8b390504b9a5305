"""From a photograph to the network's input: stretching and augmentation (paper, section 2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F  # noqa: N812  # torchvision's own short name

from yolo_cli.data.target import Target, concatenate, select

PADDING = (123, 117, 104)  # the mean colour of ImageNet: neutral for every network here
MIN_VISIBLE = 0.3  # a box is kept while this share of its area stays in the picture …
MIN_PIXELS = 4.0  # … and it is at least this wide and high at the network's input


@dataclass(frozen=True)
class Augmentation:
    """How training images are varied.

    Attributes:
        jitter: each edge of the crop moves by up to this share of the image's side, inwards or
            outwards, which scales, translates and stretches (Darknet, detection layer's
            ``jitter``; the paper's "scaling and translations of up to 20 %").
        exposure: brightness (V of HSV) is multiplied by up to this factor or its inverse.
        saturation: S of HSV likewise.
        flip: probability of a horizontal mirror image.
        mosaic: probability that four images are put together into one.
    """

    jitter: float = 0.2
    exposure: float = 1.5
    saturation: float = 1.5
    flip: float = 0.5
    mosaic: float = 0.0


def stretch(image: Image.Image, size: int) -> Tensor:
    """Resize to a square without keeping the aspect ratio, as YOLOv1 does.

    The one way in which pictures reach the network, in training and in detection.

    Returns:
        ``[3, size, size]`` uint8.
    """
    pixels = F.pil_to_tensor(image)
    result: Tensor = F.resize(pixels, [size, size], InterpolationMode.BILINEAR, antialias=True)
    return result


def stretch_target(target: Target, width: int, height: int, size: int) -> Target:
    """Boxes of a ``width`` × ``height`` image after :func:`stretch`."""
    scale = torch.tensor([size / width, size / height])
    return Target(
        boxes=target["boxes"] * scale.repeat(2),
        labels=target["labels"],
        difficult=target["difficult"],
        crowd=target["crowd"],
        area=target["area"] * scale.prod(),
    )


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
        target["boxes"] = F.horizontal_flip(canvas).as_subclass(Tensor)
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

    pixels = F.pil_to_tensor(image)
    padding = [max(0, -left), max(0, -top), max(0, right - width), max(0, bottom - height)]
    if any(padding):
        pixels = F.pad(pixels, padding, fill=list(PADDING))
    window = [top + padding[1], left + padding[0], bottom - top, right - left]
    pixels = F.resized_crop(
        pixels, *window, [size, size], InterpolationMode.BILINEAR, antialias=True
    )
    shift = torch.tensor([left, top, left, top])
    moved = Target(**{**target, "boxes": target["boxes"] - shift})
    return pixels, visible(stretch_target(moved, right - left, bottom - top, size), (size, size))


def visible(target: Target, size: tuple[float, float]) -> Target:
    """Clip boxes to an image of ``size`` (width, height); drop what is hardly to be seen there."""
    boxes = target["boxes"]
    clipped = boxes.clamp(min=0).minimum(torch.tensor(size * 2))
    sides = clipped[:, 2:] - clipped[:, :2]
    whole = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    share = sides.prod(dim=1) / whole
    keep = (share >= MIN_VISIBLE) & (sides >= MIN_PIXELS).all(dim=1)
    kept = Target(**{**target, "boxes": clipped, "area": target["area"] * share})
    return select(kept, keep)


def adjust_colours(pixels: Tensor, exposure: float, saturation: float) -> Tensor:
    """Multiply S and V of HSV; ``[3, H, W]`` uint8 in and out.

    torchvision's ``ColorJitter`` blends with grey instead, which is not what the paper does.
    """
    image = F.to_pil_image(pixels).convert("HSV")
    hue, s, v = image.split()
    s = s.point([min(255, round(i * saturation)) for i in range(256)])
    v = v.point([min(255, round(i * exposure)) for i in range(256)])
    result: Tensor = F.pil_to_tensor(Image.merge("HSV", (hue, s, v)).convert("RGB"))
    return result


def mosaic(parts: list[tuple[Tensor, Target]], rng: np.random.Generator) -> tuple[Tensor, Target]:
    """Four images in the quarters of one (Bochkovskiy et al. 2020).

    Each part is shrunk to the quarter that it fills; the quarters meet at a random point.

    Args:
        parts: four (``[3, size, size]`` uint8, target) pairs.
        rng: the only source of chance.
    """
    size = parts[0][0].shape[-1]
    x, y = (int(v) for v in rng.uniform(0.3, 0.7, 2) * size)
    canvas = torch.empty_like(parts[0][0])
    targets: list[Target] = []
    quarters = ((0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size))
    for (pixels, target), (x1, y1, x2, y2) in zip(parts, quarters, strict=True):
        width, height = x2 - x1, y2 - y1
        canvas[:, y1:y2, x1:x2] = F.resize(
            pixels, [height, width], InterpolationMode.BILINEAR, antialias=True
        )
        scale = torch.tensor([width / size, height / size])
        boxes = target["boxes"] * scale.repeat(2) + torch.tensor([x1, y1, x1, y1])
        targets.append(Target(**{**target, "boxes": boxes, "area": target["area"] * scale.prod()}))
    return canvas, visible(concatenate(targets), (size, size))
