"""A network with fewer channels, whose tensors are parts of the original's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.model.weights import Weights
from yolo_cli.prune.chain import Link, chain_of, in_backbone, taps_of
from yolo_cli.tasks.networks import network_of


def cut(network: Network, kept: Sequence[Tensor]) -> Network:
    """Return a copy of a network that has some of its channels.

    Args:
        network: stays as it is.
        kept: for each link but the predictor, the channels that remain, in ascending order.
    """
    links = chain_of(network)
    tensors = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    for link, channels in zip(links, kept, strict=False):
        for name, tensor in tensors.items():
            if _is_of(link, name) and tensor.ndim:  # a counter of batches has no channels
                tensors[name] = tensor[channels]
    for before, link, channels in zip(links, links[1:], kept, strict=False):
        weight = tensors[f"{link.name}.weight"]
        part = weight.flatten(1)[:, columns_of(channels, taps_of(before, link))]
        tensors[f"{link.name}.weight"] = part.view(len(weight), -1, *weight.shape[2:])
    config = with_widths(network.config, links, [len(channels) for channels in kept])
    return network_of(Weights(config, tensors)).eval()


def columns_of(channels: Tensor, taps: int) -> Tensor:
    """Return which inputs of a sum come from some channels of the layer before."""
    return (channels[:, None] * taps + torch.arange(taps)).flatten()


def with_widths(config: ModelConfig, links: Sequence[Link], widths: Sequence[int]) -> ModelConfig:
    """Return the configuration of a network with other numbers of channels.

    Args:
        config: of the network.
        links: its layers.
        widths: channels of each of them but the predictor.
    """
    count = sum(map(in_backbone, links))
    backbone, head = tuple(widths[:count]), tuple(widths[count:])
    return replace(config, widths=backbone, head_widths=head)


def _is_of(link: Link, name: str) -> bool:
    """Return whether a tensor belongs to a link's layer or its normalisation."""
    return name.rpartition(".")[0] in {link.name, link.norm_name}
