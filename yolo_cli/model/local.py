"""Locally connected layers: convolutions whose weights differ from place to place."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn

from yolo_cli.model.layers import LEAKY_SLOPE


class Local(nn.Module):
    """A locally connected layer, which knows the size of its input.

    Attributes:
        weight: ``[H·W, outputs, inputs·size·size]`` for an output of ``[outputs, H, W]``; a row's
            numbers stand as those of a convolution's kernel.
        bias: ``[outputs·H·W]``, one for each number that comes out.
        map: (outputs, H, W).
        size: of the kernel.
        stride: of the kernel.
        padding: on all four sides.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int, *, stride: int, padding: int, side: int
    ) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding
        out = (side + 2 * padding - size) // stride + 1
        self.weight = nn.Parameter(torch.empty(out * out, outputs, inputs * size * size))
        self.map = (outputs, out, out)
        self.bias = nn.Parameter(torch.zeros(outputs * out * out))
        with torch.no_grad():  # the number of inputs of a sum, as for any layer (He et al. 2015)
            self.weight.normal_(std=(2 / (1 + LEAKY_SLOPE**2) / self.weight.shape[2]) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Turn ``[N, inputs, side, side]`` into ``[N, outputs, H, W]``."""
        patches = F.unfold(x, self.size, padding=self.padding, stride=self.stride)
        result = torch.einsum("nkl,lok->nol", patches, self.weight)
        return result.reshape(-1, *self.map) + self.bias.view(self.map)
