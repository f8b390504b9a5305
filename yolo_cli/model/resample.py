"""Half and twice the resolution: the lecture's ways down, and those up again.

Down: every second value (stride 2), the largest or the mean of each 2×2 window. Up: duplication,
max-unpooling (Zeiler & Fergus 2014; SegNet, Badrinarayanan et al. 2017), bilinear interpolation,
transposed convolution (FCN, Long et al. 2015), the only one that learns. All maps are
``[N, C, H, W]``, with ``H`` and ``W`` even unless said otherwise.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name for it
from torch import Tensor, nn

FACTOR = 2
WINDOW = (FACTOR, FACTOR)


def subsample(x: Tensor) -> Tensor:
    """Keep every second row and column, as a convolution of stride 2 does: ``[N, C, H/2, W/2]``."""
    return x[..., ::FACTOR, ::FACTOR]


def max_pool(x: Tensor) -> Tensor:
    """Keep the largest value of each 2×2 window: ``[N, C, H/2, W/2]``; a last odd row is left."""
    return F.max_pool2d(x, WINDOW)


def max_pool_indices(x: Tensor) -> tuple[Tensor, Tensor]:
    """Keep the largest value of each 2×2 window, and where it was.

    Returns:
        Two of ``[N, C, H/2, W/2]``: the values, and their places, ``row · W + column`` in ``x``.
    """
    values, indices = F.max_pool2d_with_indices(x, WINDOW)
    return values, indices


def mean_pool(x: Tensor) -> Tensor:
    """Take the mean of each 2×2 window: ``[N, C, H/2, W/2]``; a last odd row is left."""
    return F.avg_pool2d(x, WINDOW)


def nearest(x: Tensor) -> Tensor:
    """Duplicate each value into a 2×2 window: ``[N, C, 2H, 2W]``."""
    return F.interpolate(x, scale_factor=FACTOR, mode="nearest")


def bilinear(x: Tensor) -> Tensor:
    """Interpolate linearly in both directions: ``[N, C, 2H, 2W]``.

    A value stands for the middle of its pixel (``align_corners=False``), so new pixels lie a
    quarter and three quarters of the way between two old ones.
    """
    return F.interpolate(x, scale_factor=FACTOR, mode="bilinear", align_corners=False)


def max_unpool(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    """Put each value back to where the largest one of its window was, and zero elsewhere.

    Args:
        x: ``[N, C, H/2, W/2]``.
        indices: of the same shape, from :func:`max_pool_indices`.
        size: ``(H, W)`` of the map that was pooled.

    Returns:
        ``[N, C, H, W]``.
    """
    return F.max_unpool2d(x, indices, WINDOW, output_size=list(size))


class TransposedConvolution(nn.Module):
    """Twice the resolution by learned weights: each value is a factor on a 3×3 kernel.

    The kernels are put down two pixels apart, and what overlaps is added. With stride 2, padding 1
    and output padding 1 the result is exactly twice as large; value ``(i, j)`` comes to lie on
    pixel ``(2i, 2j)``. It starts as an interpolation of a random mix of the channels, so that no
    chequered pattern is there at first.

    Args:
        in_channels: channels of what comes in.
        out_channels: channels of what goes out.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layer = nn.ConvTranspose2d(
            in_channels, out_channels, 3, stride=FACTOR, padding=1, output_padding=1
        )
        mix = nn.init.normal_(torch.empty(in_channels, out_channels), std=(2 / in_channels) ** 0.5)
        self._start(mix)

    @classmethod
    def bilinear(cls, channels: int) -> TransposedConvolution:
        """Return one that starts as the interpolation of each channel by itself (FCN)."""
        module = cls(channels, channels)
        module._start(torch.eye(channels))
        return module

    def _start(self, mix: Tensor) -> None:
        """Set the weights to ``mix [in, out]``, spread over the neighbours bilinearly."""
        ramp = torch.tensor([0.5, 1.0, 0.5])  # from one old pixel to the next but one
        with torch.no_grad():
            self.layer.weight.copy_(mix[:, :, None, None] * torch.outer(ramp, ramp))
            if self.layer.bias is not None:
                self.layer.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Turn ``[N, in, H, W]`` into ``[N, out, 2H, 2W]``."""
        result: Tensor = self.layer(x)
        return result


class Unpool(nn.Module):
    """Max-unpooling by indices that come with the activations."""

    def forward(self, x: Tensor, indices: Tensor) -> Tensor:
        """Turn ``[N, C, H, W]`` into ``[N, C, 2H, 2W]``."""
        height, width = x.shape[-2:]
        return max_unpool(x, indices, (2 * height, 2 * width))


class Interpolate(nn.Module):
    """Twice the resolution without weights: ``bilinear`` or ``nearest``."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """Turn ``[N, C, H, W]`` into ``[N, C, 2H, 2W]``."""
        return bilinear(x) if self.kind == "bilinear" else nearest(x)
