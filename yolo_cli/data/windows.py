"""What training alone does to the pixels of a photograph: windows and colours (paper, section 2.2).

Apart from :mod:`.transforms`, as torchvision takes seconds to import, and detection does without.
"""

from __future__ import annotations

from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F  # noqa: N812  # torchvision's own short name

PADDING = (123, 117, 104)  # the mean colour of ImageNet: neutral for every network here


def cut(pixels: Tensor, window: tuple[int, int, int, int], size: int) -> Tensor:
    """Stretch a window of an image to a square.

    Args:
        pixels: ``[3, H, W]`` uint8.
        window: left, top, right and bottom in pixels; what lies outside the image has the mean
            colour.
        size: pixels along each side of the result.

    Returns:
        ``[3, size, size]`` uint8.
    """
    left, top, right, bottom = window
    height, width = pixels.shape[-2:]
    padding = [max(0, -left), max(0, -top), max(0, right - width), max(0, bottom - height)]
    if any(padding):
        pixels = F.pad(pixels, padding, fill=list(PADDING))
    place = [top + padding[1], left + padding[0], bottom - top, right - left]
    result: Tensor = F.resized_crop(
        pixels, *place, [size, size], InterpolationMode.BILINEAR, antialias=True
    )
    return result


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
