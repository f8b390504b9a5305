"""What a network's layers cost with fewer channels: multiplications, or time on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from yolo_cli.model.architectures import MIN_CHANNELS
from yolo_cli.model.fuse import fuse_activations
from yolo_cli.model.network import Network
from yolo_cli.model.runtime import pick_dtype
from yolo_cli.model.summary import summarise
from yolo_cli.prune.budget import Numbers
from yolo_cli.prune.chain import Link, chain_of
from yolo_cli.tasks.networks import shapes_of

PARTS = (0.25, 0.5, 1.0)  # of a layer's channels that it is timed with, and the fewest
REPEATS = 5

Widths = tuple[tuple[int, ...], ...]


def widths_of(links: Sequence[Link], multiple: int) -> Widths:
    """Return what channels each link may keep: multiples of a number, or all; the predictor all."""
    least = -(-MIN_CHANNELS // multiple) * multiple
    hidden = ((*range(least, link.outputs, multiple), link.outputs) for link in links[:-1])
    return (*hidden, (links[-1].outputs,))


def flops_of(network: Network, widths: Widths) -> tuple[Numbers, ...]:
    """Return for each link the operations of one image, by its widths and those before it.

    Args:
        network: not pruned.
        widths: of its links.

    Returns:
        ``[widths of the link before, its widths]``; the first link is given the image.
    """
    shapes = shapes_of(network.config)
    flops = {layer.name: layer.flops for layer in summarise(shapes)}
    before: tuple[int, ...] = (3,)
    costs = []
    for link, own in zip(chain_of(shapes), widths, strict=True):
        each = flops[link.name] / (before[-1] * own[-1])
        costs.append(np.outer(before, own).astype(np.float64) * each)
        before = own
    return tuple(costs)


def milliseconds_of(
    network: Network, widths: Widths, progress: Callable[[int], None]
) -> tuple[Numbers, ...]:
    """Return for each link its time for one image, by its widths and those before it.

    A link is timed with some widths, in between is interpolated.

    Args:
        network: not pruned.
        widths: of its links.
        progress: called with the number of each link that is done.
    """
    before: tuple[int, ...] = (3,)
    costs = []
    for index, (stand, own) in enumerate(zip(stands(network), widths, strict=True)):
        given, made = _points(before), _points(own)
        times = np.array([[stand.milliseconds(i, o) for o in made] for i in given])
        by_input = np.array([np.interp(before, given, column) for column in times.T]).T
        costs.append(np.array([np.interp(own, made, row) for row in by_input]))
        before = own
        progress(index)
    return tuple(costs)


def _points(widths: Sequence[int]) -> list[int]:
    """Return a few of them: the first, the last, and parts of the last."""
    most = widths[-1]
    near = (min(widths, key=lambda width: abs(width - part * most)) for part in PARTS)
    return sorted({widths[0], *near})


@dataclass(frozen=True, eq=False)
class Stand:
    """A place to time a link at.

    Attributes:
        link: as it is in the whole network, without numbers.
        shape: of its inputs, ``[1, C, H, W]`` or ``[1, inputs]``.
        channels: of the link before it.
        dtype: that its layer computes in.
    """

    link: Link
    shape: torch.Size
    channels: int
    dtype: torch.dtype

    def milliseconds(self, given: int, made: int) -> float:
        """Return the median time for one image with these channels before it and of its own."""
        layer = self._layer(given, made)
        rest = (deepcopy(one) for one in self.link.rest if not isinstance(one, nn.BatchNorm2d))
        chain = nn.Sequential(layer, *rest).eval().requires_grad_(False)
        chain.to(dtype=self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        side = self.shape[-1]
        if len(self.shape) == 4:
            fuse_activations(chain, side)
        x = self._input(given)
        times = []
        with torch.inference_mode():
            chain(x)
            for _ in range(REPEATS):
                begin = time.perf_counter()
                chain(x)
                times.append(time.perf_counter() - begin)
        return float(np.median(times)) * 1e3

    def _layer(self, given: int, made: int) -> nn.Conv2d | nn.Linear:
        layer = self.link.layer
        if isinstance(layer, nn.Linear):
            return nn.Linear(given * (layer.in_features // self.channels), made)
        padding = layer.padding[0]
        assert isinstance(padding, int)
        return nn.Conv2d(given, made, layer.kernel_size[0], layer.stride[0], padding)

    def _input(self, given: int) -> Tensor:
        if len(self.shape) == 2:
            return torch.rand(1, given * (self.shape[1] // self.channels), dtype=self.dtype)
        x = torch.rand(1, given, *self.shape[2:], dtype=self.dtype)
        return x.contiguous(memory_format=torch.channels_last)


def stands(network: Network) -> list[Stand]:
    """Return a place for each link, in the precision that is fast on this machine's CPU."""
    shapes = shapes_of(network.config).eval()
    side = network.config.image_size
    x = torch.empty(1, 3, side, side, device="meta")
    fast = pick_dtype("auto", torch.device("cpu"))
    links = chain_of(shapes)
    found, channels = [], 3
    for link in links:
        dtype = torch.float32 if link is links[-1] else fast
        found.append(Stand(link, x.shape, channels, dtype))
        x, channels = link(x), link.outputs
    return found
