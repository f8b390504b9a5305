"""The one building block of every network here: convolution, normalisation, activation."""

from __future__ import annotations

from torch import nn

LEAKY_SLOPE = 0.1  # paper, section 2.2, equation 2


def activation(name: str) -> nn.Module:
    """Return ``leaky`` ReLU (slope 0.1), or ``relu``, which ImageNet's networks have."""
    return nn.ReLU(inplace=True) if name == "relu" else nn.LeakyReLU(LEAKY_SLOPE, inplace=True)


def conv(
    inputs: int,
    outputs: int,
    size: int,
    *,
    stride: int = 1,
    padding: int | None = None,
    norm: bool = True,
    act: str = "leaky",
) -> list[nn.Module]:
    """Return a convolution and what follows it, as a list of layers.

    A padding of None is half the kernel: the picture's size is then divided by ``stride``.
    """
    if padding is None:
        padding = size // 2
    layer = nn.Conv2d(inputs, outputs, size, stride, padding, bias=not norm)
    nn.init.kaiming_normal_(
        layer.weight,
        a=0.0 if act == "relu" else LEAKY_SLOPE,
        mode="fan_out" if norm else "fan_in",
        nonlinearity="relu" if act == "relu" else "leaky_relu",
    )
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    norms: list[nn.Module] = [nn.BatchNorm2d(outputs)] if norm else []
    return [layer, *norms, activation(act)]
