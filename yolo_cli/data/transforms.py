"""From a photograph to the network's input (paper, section 2.2)."""

from __future__ import annotations

import platform

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

_BYTES = ("AVX2", "AVX512")  # processors on which torch resizes bytes as they are …
_MACHINES = ("aarch64", "arm64")  # … and other kinds of which all do


def stretch(image: Image.Image, size: int) -> Tensor:
    """Resize to a square without keeping the aspect ratio, as YOLOv1 does.

    The one way in which pictures reach the network, in training and in inference. To the bit it is
    what torchvision's ``resize`` does, antialiased, without the seconds that its import takes.

    Args:
        image: in mode ``RGB``.
        size: pixels along each side of the result.

    Returns:
        ``[3, size, size]`` uint8.
    """
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    if image.size == (size, size):
        return pixels
    # With the strides of a batch torch sees that the channels are last, and need not be moved.
    batch = pixels.as_strided((1, *pixels.shape), (pixels.numel(), *pixels.stride()))
    bytewise = torch.backends.cpu.get_cpu_capability() in _BYTES or platform.machine() in _MACHINES
    resized = interpolate(
        batch if bytewise else batch.float(), (size, size), mode="bilinear", antialias=True
    )
    result: Tensor = resized[0] if bytewise else resized[0].round_().byte()
    return result
