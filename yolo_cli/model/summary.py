"""A network's layers with output shapes, parameters and work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from yolo_cli.model.layers import DarknetNorm, Ramp
from yolo_cli.model.local import Local
from yolo_cli.model.network import Network


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Attributes:
        name: in the network's state dict.
        kind: what it does, ``conv 3×3``.
        shape: of its output for one image, without the batch axis.
        parameters: how many numbers it has learned.
        flops: floating-point operations for one image; a multiplication and an addition are two.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    flops: int


def summarise(network: Network) -> list[Layer]:
    """List the layers of a network, in the order of the forward pass.

    Args:
        network: best on torch's meta device, where nothing is computed.
    """
    network.eval()
    side = network.config.image_size
    image = torch.empty(1, 3, side, side, dtype=torch.uint8, device=network.mean.device)
    layers: list[Layer] = []
    hooks = [
        module.register_forward_hook(_recorder(name, layers))
        for name, module in network.named_modules()
        if not list(module.children())
    ]
    network(image)
    for hook in hooks:
        hook.remove()
    return layers


def _recorder(
    name: str, layers: list[Layer]
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor | tuple[Tensor, Tensor]], None]:
    def record(
        module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor | tuple[Tensor, Tensor]
    ) -> None:
        if isinstance(output, tuple):  # a pooling that says where the maxima were
            output = output[0]
        layers.append(
            Layer(
                name=name,
                kind=_kind(module),
                shape=tuple(output.shape[1:]),
                parameters=sum(p.numel() for p in module.parameters()),
                flops=flops_of(module, output),
            )
        )

    return record


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"conv {module.kernel_size[0]}×{module.kernel_size[1]}{stride}"
    if isinstance(module, nn.MaxPool2d):
        size = module.kernel_size
        stride = f", stride {module.stride}" if module.stride != size else ""
        return f"max pool {size}×{size}{stride}"
    if isinstance(module, Local):
        return f"local {module.size}×{module.size}"
    if isinstance(module, nn.LeakyReLU):
        return f"leaky ReLU {module.negative_slope}"
    names: dict[type[nn.Module], str] = {
        nn.Linear: "connected",
        nn.BatchNorm2d: "batch norm",
        DarknetNorm: "batch norm",
        nn.ReLU: "ReLU",
        nn.Sigmoid: "logistic",
        nn.Tanh: "tanh",
        Ramp: "ramp",
        nn.Dropout: "dropout",
        nn.Flatten: "flatten",
        nn.AdaptiveAvgPool2d: "mean",
    }
    return names.get(type(module), type(module).__name__)


def flops_of(module: nn.Module, output: Tensor) -> int:
    """Count two for each weight and output position; what has no weights is little."""
    if isinstance(module, nn.Conv2d):
        return 2 * module.weight.numel() * output.shape[-1] * output.shape[-2]
    if isinstance(module, nn.ConvTranspose2d):  # for each input position
        places = output.shape[-1] * output.shape[-2] // (module.stride[0] * module.stride[1])
        return 2 * module.weight.numel() * places
    if isinstance(module, nn.Linear | Local):
        return 2 * module.weight.numel()
    return 0
