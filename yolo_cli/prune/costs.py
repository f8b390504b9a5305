"""What a network's layers cost with fewer channels: multiplications, or time on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product

import numpy as np

from yolo_cli.model.architectures import MIN_CHANNELS
from yolo_cli.model.network import Network
from yolo_cli.model.summary import summarise
from yolo_cli.prune.budget import Numbers
from yolo_cli.prune.chain import Link, chain_of
from yolo_cli.prune.cut import with_widths
from yolo_cli.tasks.networks import build_network, shapes_of

PARTS = (0.0, 0.4, 1.0)  # of a layer's channels that it is timed with
NETWORKS = len(PARTS) ** 2  # that are timed

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
    network: Network,
    widths: Widths,
    time_layers: Callable[[Network], Sequence[float]],
    progress: Callable[[int], None],
) -> tuple[Numbers, ...]:
    """Return for each link its time for one image, by its widths and those before it.

    Whole networks are timed whose links have many, some or few channels in turn, so that each link
    meets every pair. In between is interpolated: a convolution's work grows with both widths.

    Args:
        network: not pruned.
        widths: of its links.
        time_layers: returns the milliseconds of each link of a network.
        progress: called with the number of each network that is timed, of :data:`NETWORKS`.
    """
    links = chain_of(network)
    points = [_points(own) for own in widths]
    seen: list[dict[tuple[int, int], float]] = [{} for _ in widths]
    for number, turns in enumerate(product(range(len(PARTS)), repeat=2)):
        made = [own[turns[i % 2]] for i, own in enumerate(points)]
        one = build_network(with_widths(network.config, links, made[:-1]))
        pairs = pairwise([3, *made])
        for times, pair, measured in zip(seen, pairs, time_layers(one), strict=True):
            times[pair] = min(measured, times.get(pair, np.inf))
        progress(number)
    before: tuple[int, ...] = (3,)
    costs = []
    for times, own in zip(seen, widths, strict=True):
        given, found = (sorted({pair[side] for pair in times}) for side in (0, 1))
        table = np.array([[times[i, o] for o in found] for i in given])
        for axis in (0, 1):  # noise is what makes fewer channels slower
            table = np.flip(np.minimum.accumulate(np.flip(table, axis), axis), axis)
        by_input = np.array([np.interp(before, given, column) for column in table.T]).T
        costs.append(np.array([np.interp(own, found, row) for row in by_input]))
        before = own
    return tuple(costs)


def _points(widths: Sequence[int]) -> list[int]:
    """Return as many of them as there are :data:`PARTS`: the fewest, some, all."""
    return [min(widths, key=lambda width: abs(width - part * widths[-1])) for part in PARTS]
