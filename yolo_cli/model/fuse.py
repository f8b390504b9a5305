"""Convolutions that apply their activation before they write: one pass over memory less per layer.

oneDNN, torch's library on x86 processors, does both at once, with weights that are laid out for
it beforehand. torch.compile uses the same operators; used directly, they need no compiler.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_cli.model.runtime import runs_bf16


class FusedConv(nn.Module):
    """A convolution with its activation, for inference on the CPU.

    Args:
        layer: the convolution.
        activation: ReLU or leaky ReLU.
        side: pixels along each side of the input that its weights are laid out for; with other
            inputs it is slower, but not wrong.
    """

    def __init__(self, layer: nn.Conv2d, activation: nn.ReLU | nn.LeakyReLU, side: int) -> None:
        super().__init__()
        self.shape = (layer.padding, layer.stride, layer.dilation, layer.groups)
        size = [1, layer.in_channels, side, side]
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(
            layer.weight.detach(), *self.shape, size
        )
        self.bias = layer.bias  # a parameter: it tells the network's type
        if isinstance(activation, nn.LeakyReLU):
            self.kind, self.numbers = "leaky_relu", [activation.negative_slope]
        else:
            self.kind, self.numbers = "relu", []

    def forward(self, x: Tensor) -> Tensor:
        """Return what the two layers would; the activation sees the sum before it is rounded."""
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self.shape, self.kind, self.numbers, ""
        )
        return result


def fuse_activations(network: nn.Module, side: int) -> None:
    """Replace each convolution and the activation after it by one layer, in place.

    The network stays as it is where torch does not have these operators, or not in its precision.

    Args:
        network: on the CPU; its backbone and head are chains of layers, batch norms fused.
        side: pixels along each side of its input.
    """
    if not _can_fuse(next(network.parameters()).dtype):
        return
    for chain in [m for m in network.modules() if isinstance(m, nn.Sequential)]:
        for i, layer in enumerate(chain):
            if isinstance(layer, nn.MaxPool2d):
                side //= 2
            if not isinstance(layer, nn.Conv2d):
                continue
            after = next((k for k in range(i + 1, len(chain)) if not _is_nothing(chain[k])), i)
            activation = chain[after]
            if isinstance(activation, nn.ReLU | nn.LeakyReLU):
                chain[i] = FusedConv(layer, activation, side)
                chain[after] = nn.Identity()  # the others keep their numbers
            side //= layer.stride[0]


def _can_fuse(dtype: torch.dtype) -> bool:
    names = ("_convolution_pointwise", "_reorder_convolution_weight")
    return (
        torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, name) for name in names)
        and (dtype != torch.bfloat16 or runs_bf16())
    )


def _is_nothing(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Identity)
