"""From logits to a mask at the photograph's own size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor

Output: TypeAlias = Tensor
"""``[H, W]`` uint8 indices of classes, on the CPU."""

ELEMENTS = 2**24  # logits in memory at once: those of a photograph would take gigabytes


def postprocess(raw: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Output]:
    """Interpolate the logits bilinearly, and take the best class of each pixel.

    Args:
        raw: ``[N, H, W, C]`` logits.
        sizes: (width, height) of each upright image in pixels.
    """
    logits = raw.float().permute(0, 3, 1, 2).cpu()
    return [classes_at(one, size) for one, size in zip(logits, sizes, strict=True)]


def classes_at(logits: Tensor, size: tuple[int, int]) -> Output:
    """Return the best class of each pixel of an image, strip by strip.

    Args:
        logits: ``[C, h, w]``.
        size: width and height of the image in pixels.
    """
    width, height = size
    # Interpolation along one side and then along the other is that along both.
    wide = F.interpolate(
        logits[None], [logits.shape[1], width], mode="bilinear", align_corners=False
    )[0]
    upper, lower, share = _neighbours(height, logits.shape[1])
    step = max(1, ELEMENTS // (len(logits) * width))
    strips = []
    for first in range(0, height, step):
        rows = slice(first, first + step)
        above, below = wide[:, upper[rows]], wide[:, lower[rows]]
        strips.append(above.lerp(below, share[rows, None]).argmax(dim=0).to(torch.uint8))
    return torch.cat(strips)


def _neighbours(count: int, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return between which rows each of ``count`` lies, and the share of the lower one."""
    place = ((torch.arange(count, dtype=torch.float64) + 0.5) * rows / count - 0.5).clamp(min=0)
    upper = place.long()
    lower = (upper + 1).clamp(max=rows - 1)
    return upper, lower, (place - upper).float()
