"""What a network's layers give, and which of their channels matter: before anything is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from yolo_cli.prune.chain import Link, taps_of
from yolo_cli.prune.moments import gram_of
from yolo_cli.prune.rows import Inputs
from yolo_cli.prune.select import Curve, eliminate, ridged


@dataclass(frozen=True, eq=False)
class Study:
    """What was found out about a network.

    Attributes:
        curves: for each link but the predictor, what is lost with fewer of its channels.
        targets: for each link, ``[rows, outputs]``, what its layer gives at sampled places, before
            its normalisation.
        maps: for a connected layer after a feature map, by its number, Σ x xᵀ of the channels at
            the same place, ``[C, C]``, and of how many rows.
    """

    curves: tuple[Curve, ...]
    targets: tuple[Tensor, ...]
    maps: dict[int, tuple[Tensor, int]]


def study(inputs: Inputs, progress: Callable[[int], None]) -> Study:
    """Run a network, and find for each layer the order in which its channels can go.

    Args:
        inputs: of the network's layers.
        progress: called with the number of each link that is done.
    """
    curves: list[Curve] = []
    targets: list[Tensor] = []
    maps: dict[int, tuple[Tensor, int]] = {}
    for index, link in enumerate(inputs.links):
        rows = inputs.rows(index)
        weight, bias = numbers_of(link)
        targets.append(rows @ weight.T + bias)
        if index:
            taps = taps_of(inputs.links[index - 1], link)
            scaled = link.scale[:, None] * weight  # what comes after sees the outputs so
            if isinstance(link.layer, nn.Linear) and taps > 1:
                count = len(rows) * taps
                gram, energy, taps = *_per_place(rows, scaled, taps), 1
                maps[index] = gram, count
            else:
                gram, energy, count = gram_of(rows), scaled.T @ scaled, len(rows)
            curves.append(eliminate(gram, energy.double(), taps, count))
        progress(index)
    return Study(tuple(curves), tuple(targets), maps)


def numbers_of(link: Link) -> tuple[Tensor, Tensor]:
    """Return a link's weights, ``[outputs, inputs of a sum]``, and its bias."""
    weight, bias = link.layer.weight.detach(), link.layer.bias
    return weight.flatten(1), torch.zeros(len(weight)) if bias is None else bias.detach()


def stand_in(weight: Tensor, gram: Tensor, rows: int, kept: Tensor) -> Tensor:
    """Return weights for some channels of a feature map that make up for the others.

    Each of the others is taken for that sum of the kept ones, at the same place, that comes
    nearest to it. There are many more places than images, from which a connected layer's own
    weights would have to be solved.

    Args:
        weight: ``[M, C · places]`` of a connected layer.
        gram: ``[C, C]``, see :attr:`Study.maps`.
        rows: that it is of.
        kept: ``[K]``.

    Returns:
        ``[M, K · places]``.
    """
    others = torch.ones(len(gram), dtype=torch.bool)
    others[kept] = False
    mixed = torch.linalg.solve(ridged(gram[kept][:, kept], rows), gram[kept][:, others])
    by_channel = weight.unflatten(1, (len(gram), -1))
    moved = torch.einsum("kc,mcp->mkp", mixed.to(weight.dtype), by_channel[:, others])
    result: Tensor = (by_channel[:, kept] + moved).flatten(1)
    return result


def _per_place(rows: Tensor, weight: Tensor, places: int) -> tuple[Tensor, Tensor]:
    """Return the Gram matrix and the weights' energy of channels, each place a row.

    Exact if errors at different places are independent.
    """
    by_place = rows.unflatten(1, (-1, places)).transpose(1, 2).flatten(0, 1)
    by_channel = weight.unflatten(1, (-1, places)).transpose(0, 1).flatten(1)
    return gram_of(by_place), by_channel @ by_channel.T
