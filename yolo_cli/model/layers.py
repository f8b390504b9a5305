"""The one building block of every network here: convolution, normalisation, activation."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

LEAKY_SLOPE = 0.1  # paper, section 2.2, equation 2
DARKNET_EPS = 1e-6


class Ramp(nn.Module):
    """Darknet's ``ramp``: 1.1 x above zero, 0.1 x below."""

    slope = 0.1

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to each number."""
        return F.relu(x) + self.slope * x


class DarknetNorm(nn.BatchNorm2d):
    """Batch normalisation as Darknet computes it on a CPU: (x - mean) / (σ + 1e-6).

    torch, and Darknet on a GPU, divide by √(σ² + 1e-5), and so does this one in training.
    Its input is ``[N, C, H, W]``, or ``[N, C]`` after a connected layer.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  # torch's name
        if input.dim() not in (2, 4):
            raise ValueError(f"2 or 4 axes, not {input.dim()}")

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name
        """Normalise with the statistics of the batch in training, with the running ones else."""
        if self.training:
            return super().forward(input)
        mean, variance = self.running_mean, self._variance()
        return F.batch_norm(input, mean, variance, self.weight, self.bias, eps=0.0)

    def plain(self) -> nn.BatchNorm2d:
        """Return torch's batch normalisation that does the same, with an epsilon of zero."""
        plain = nn.BatchNorm2d(self.num_features, eps=0.0, device="meta").eval()
        plain.weight, plain.bias = self.weight, self.bias
        plain.running_mean, plain.running_var = self.running_mean, self._variance()
        return plain

    def _variance(self) -> Tensor:
        assert self.running_var is not None
        return (self.running_var.sqrt() + DARKNET_EPS).square()


def activation(name: str) -> nn.Module:
    """Return an activation.

    Args:
        name: ``leaky`` ReLU (slope 0.1), ``relu``, which ImageNet's networks have, or one of
            Darknet's others: ``linear``, ``ramp``, ``logistic``, ``tanh``.
    """
    if name == "leaky":
        return nn.LeakyReLU(LEAKY_SLOPE, inplace=True)
    others = {"linear": nn.Identity, "ramp": Ramp, "logistic": nn.Sigmoid, "tanh": nn.Tanh}
    return others[name]() if name in others else nn.ReLU(inplace=True)


def fuse_norm(layer: nn.Conv2d | nn.Linear, norm: nn.BatchNorm2d) -> nn.Conv2d | nn.Linear:
    """Return a layer that also does what the batch normalisation after it would."""
    plain = norm.eval().plain() if isinstance(norm, DarknetNorm) else norm.eval()
    if isinstance(layer, nn.Linear):
        return fuse_linear_bn_eval(layer.eval(), plain)
    return fuse_conv_bn_eval(layer.eval(), plain)


def conv(
    inputs: int,
    outputs: int,
    size: int,
    *,
    stride: int = 1,
    padding: int | None = None,
    norm: bool = True,
    act: str = "leaky",
    kind: type[nn.BatchNorm2d] = nn.BatchNorm2d,
) -> list[nn.Module]:
    """Return a convolution and what follows it, as a list of layers.

    Args:
        inputs: channels.
        outputs: channels.
        size: of the kernel.
        stride: of the kernel.
        padding: None for half the kernel: the picture's size is then divided by ``stride``.
        norm: whether there is batch normalisation, instead of a bias.
        act: name of the activation.
        kind: of the batch normalisation.
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
    norms: list[nn.Module] = [kind(outputs)] if norm else []
    return [layer, *norms, activation(act)]
