"""A network as what every writer of graphs needs: one chain of layers, and plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from yolo_cli.errors import UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.layers import fuse_norm
from yolo_cli.model.network import Network
from yolo_cli.model.resample import TransposedConvolution


def layers_of(network: Network) -> Iterator[nn.Module]:
    """Yield the network's layers in the order of the forward pass.

    Raises:
        UserError: it is no chain.
    """
    if not is_chain(network.config):
        raise UserError(
            "a decoder that unpools runs in torch alone",
            "train with --upsample transposed, bilinear or nearest for other runtimes",
        )
    for module in (network.backbone.features, network.head.get_submodule("layers")):
        assert isinstance(module, nn.Sequential)
        for layer in module:
            yield layer.layer if isinstance(layer, TransposedConvolution) else layer
    yield network.head.predictor.layer


def is_chain(config: ModelConfig) -> bool:
    """Return whether each layer takes the output of the one before it, and nothing else."""
    return config.upsample != "unpool"


def fused(layers: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Yield the layers, each batch normalisation fused into the layer before it.

    One that follows no layer with weights goes into the connected layer behind it, between which
    nothing but a mean over all places may stand.
    """
    waiting: nn.Module | None = None
    norm: nn.BatchNorm2d | None = None
    for one in layers:
        layer = one
        if isinstance(layer, nn.BatchNorm2d) and isinstance(waiting, nn.Conv2d | nn.Linear):
            waiting = fuse_norm(waiting, layer)
            continue
        if isinstance(layer, nn.BatchNorm2d) and isinstance(waiting, nn.ConvTranspose2d):
            waiting = fuse_conv_bn_eval(waiting.eval(), layer.eval(), transpose=True)
            continue
        if isinstance(layer, nn.BatchNorm2d):
            norm = layer
            continue
        if norm is not None and isinstance(layer, nn.Linear):
            layer, norm = _behind(norm, layer), None
        if waiting is not None:
            yield waiting
        waiting = layer
    assert norm is None, "a normalisation without a layer to go into"
    if waiting is not None:
        yield waiting


def _behind(norm: nn.BatchNorm2d, layer: nn.Linear) -> nn.Linear:
    """Return a connected layer that normalises what it is given."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    shift = norm.bias.detach() - norm.running_mean * scale
    result = nn.Linear(layer.in_features, layer.out_features, device=layer.weight.device)
    result.weight = nn.Parameter(layer.weight.detach() * scale)
    result.bias = nn.Parameter(layer.bias.detach() + layer.weight.detach() @ shift)
    return result


def numbers(tensor: Tensor) -> npt.NDArray[np.float32]:
    """Return a tensor's values as an array."""
    result: npt.NDArray[np.float32] = tensor.detach().float().contiguous().cpu().numpy()
    return result


def bias_of(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> npt.NDArray[np.float32]:
    """Return a layer's bias; zeros where it has none."""
    if layer.bias is None:
        outputs = layer.weight.shape[1 if isinstance(layer, nn.ConvTranspose2d) else 0]
        return np.zeros(outputs, dtype=np.float32)
    return numbers(layer.bias)


def side_of(value: int | tuple[int, ...]) -> int:
    """Return the side of a square that torch gives as one number or as two."""
    return value if isinstance(value, int) else value[0]
