"""A network as a chain of layers that have weights, each given what the one before it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from yolo_cli.model.network import Network
from yolo_cli.prune.bend import Bend

BACKBONE, HEAD, PREDICTOR = "backbone.features", "head.layers", "head.predictor.layer"


@dataclass(frozen=True, eq=False)
class Link:
    """A layer with weights, and what follows it up to the next one.

    Attributes:
        name: of the layer in the network's state dict.
        layer: a convolution or a connected layer.
        norm: its batch normalisation; None without one.
        norm_name: of the normalisation in the state dict; empty without one.
        rest: normalisation, activation, pooling and the like, up to the next layer with weights.
    """

    name: str
    layer: nn.Conv2d | nn.Linear
    norm: nn.BatchNorm2d | None
    norm_name: str
    rest: nn.Sequential

    @property
    def outputs(self) -> int:
        """Return how many channels, or units, it makes."""
        return self.layer.weight.shape[0]

    @property
    def scale(self) -> Tensor:
        """Return what its batch normalisation multiplies each output by: ``[outputs]``."""
        if self.norm is None:
            return torch.ones(self.outputs)
        assert self.norm.running_var is not None
        return (self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()).detach()

    @property
    def bend(self) -> Bend:
        """Return its batch normalisation and activation."""
        slopes = [
            0.0 if isinstance(one, nn.ReLU) else one.negative_slope
            for one in self.rest
            if isinstance(one, nn.ReLU | nn.LeakyReLU)
        ]
        shift = torch.zeros(self.outputs)
        if self.norm is not None:
            assert self.norm.running_mean is not None
            shift = (self.norm.bias - self.scale * self.norm.running_mean).detach()
        return Bend(self.scale, shift, slopes[0] if slopes else 1.0)

    def __call__(self, x: Tensor) -> Tensor:
        """Return what the next link is given."""
        result: Tensor = self.rest(self.layer(x))
        return result


def chain_of(network: Network) -> list[Link]:
    """Return the layers with weights, in the order of the forward pass; the predictor is last."""
    named = list(_named(network))
    starts = [i for i, (_, module) in enumerate(named) if _has_weights(module)]
    links = []
    for start, end in pairwise([*starts, len(named)]):
        name, layer = named[start]
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        between = named[start + 1 : end]
        norms = [(n, one) for n, one in between if isinstance(one, nn.BatchNorm2d)]
        norm_name, norm = norms[0] if norms else ("", None)
        links.append(
            Link(name, layer, norm, norm_name, nn.Sequential(*(one for _, one in between)))
        )
    return links


def taps_of(before: Link, link: Link) -> int:
    """Return how many inputs of a link's sum come from each channel of the one before it.

    Of a convolution they are the places of its kernel, of a connected layer after the feature map
    the map's places.
    """
    return link.layer.weight[0].numel() // before.outputs


def _named(network: Network) -> Iterator[tuple[str, nn.Module]]:
    for prefix, layers in ((BACKBONE, network.backbone.features), (HEAD, network.head.layers)):
        yield from ((f"{prefix}.{name}", module) for name, module in layers.named_children())
    yield PREDICTOR, network.head.predictor.layer


def _has_weights(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d | nn.Linear)


def in_backbone(link: Link) -> bool:
    """Return whether a link is a layer of the backbone."""
    return link.name.startswith(BACKBONE)
