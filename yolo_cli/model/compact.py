"""Weights in eight bits each, for files that are to be small: those that come with the package.

A convolution or connected layer keeps whole numbers from -127 to 127, and for each output channel
the number that they are multiplied with (symmetric, per channel: Krishnamoorthi 2018, section 2.3).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from yolo_cli.errors import UserError

SCALE = ".scale"  # of a tensor NAME is NAME.scale
LARGEST = 127


def compact(tensors: Mapping[str, Tensor], kept: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Return tensors of which the large ones are in eight bits.

    Args:
        tensors: named as in a network's state dict.
        kept: names of those that stay as they are.
    """
    small: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2 or name in kept:
            small[name] = tensor
            continue
        rows = tensor.float().flatten(1)
        scale = rows.abs().amax(1) / LARGEST
        whole = (rows / scale.clamp(min=torch.finfo().tiny)[:, None]).round()
        small[name] = whole.to(torch.int8).view(tensor.shape)
        small[name + SCALE] = scale
    return small


def expand(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what :func:`compact` made small in float32, and the rest as it is.

    Raises:
        UserError: a tensor has no scale, or one that does not fit.
    """
    factors = {name for name in tensors if name.removesuffix(SCALE) in {*tensors} - {name}}
    return {name: _expanded(name, tensors) for name in tensors if name not in factors}


def _expanded(name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    tensor, scale = tensors[name], tensors.get(name + SCALE)
    if tensor.dtype != torch.int8:
        return tensor
    if scale is None or scale.shape != tensor.shape[:1]:
        raise UserError(f"{name} is in eight bits, without a factor for each channel")
    return tensor.float() * scale.float().view(-1, *[1] * (tensor.ndim - 1))
