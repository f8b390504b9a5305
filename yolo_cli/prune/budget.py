"""How many channels each layer keeps: where a budget buys most.

The network explains as much as the product of what its layers explain (Zhang et al. 2015,
"Accelerating Very Deep Convolutional Networks", rank selection, says so of energies); what a
layer costs depends on the channels of two neighbours. Both together are a shortest path through
the layers, for any price of a unit of cost; the price is the one at which the budget is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
_HALVINGS = 60  # of the interval that the price lies in, on a logarithmic scale


@dataclass(frozen=True, eq=False)
class Choices:
    """What there is to choose from.

    Attributes:
        widths: for each layer, channels that it may keep, in ascending order; the last layer,
            which predicts, has one choice.
        losses: for each layer, what it loses with each of its widths: 0 with all channels.
        costs: for each layer, ``[widths of the layer before, its widths]``, what it costs; the
            first layer is given the image, one width.
    """

    widths: tuple[tuple[int, ...], ...]
    losses: tuple[Numbers, ...]
    costs: tuple[Numbers, ...]

    def cost(self, path: Sequence[int]) -> float:
        """Return the cost of a choice: the index of a width for each layer."""
        before = (0, *path)
        return float(sum(c[i, j] for c, i, j in zip(self.costs, before, path, strict=False)))

    @property
    def whole(self) -> tuple[int, ...]:
        """Return the choice of all channels."""
        return tuple(len(widths) - 1 for widths in self.widths)

    def cheapest(self) -> float:
        """Return the least cost that there is."""
        return self.cost(_path(self, np.inf))


def loss_of(lost: Numbers) -> Numbers:
    """Return minus the logarithm of what is explained, so that sums stand for products."""
    return -np.log1p(-np.clip(lost, 0, 1 - 1e-6))


def choose(choices: Choices, budget: float) -> tuple[int, ...]:
    """Return the index of a width for each layer, with the least loss within a budget.

    Args:
        choices: what there is to choose from.
        budget: most cost; not less than :meth:`Choices.cheapest`.
    """
    if choices.cost(choices.whole) <= budget:
        return choices.whole
    low, high = -40.0, 40.0  # log of the price, in units of loss per budget
    best = _path(choices, np.inf)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        path = _path(choices, np.exp(middle) / budget)
        if choices.cost(path) <= budget:
            best, high = path, middle
        else:
            low = middle
    return _filled(choices, best, budget)


def _path(choices: Choices, price: float) -> tuple[int, ...]:
    """Return the choice of least loss + price · cost; the cheapest for an infinite price."""
    weigh, loss_weight = (1.0, 0.0) if np.isinf(price) else (price, 1.0)
    totals: Numbers = np.zeros(1)
    back: list[npt.NDArray[np.intp]] = []
    for losses, costs in zip(choices.losses, choices.costs, strict=True):
        ways = totals[:, None] + weigh * costs
        back.append(ways.argmin(0))
        totals = ways.min(0) + loss_weight * losses
    path = [int(totals.argmin())]
    for steps in reversed(back[1:]):
        path.append(int(steps[path[-1]]))
    return tuple(reversed(path))


def _filled(choices: Choices, path: tuple[int, ...], budget: float) -> tuple[int, ...]:
    """Spend what is left of a budget: between two prices the choice jumps."""
    while True:
        left = budget - choices.cost(path)
        best, best_rate = path, 0.0
        for layer, losses in enumerate(choices.losses):
            more = _costs_of(choices, path, layer)
            more = more - more[path[layer]]
            gain = losses[path[layer]] - losses
            rate = np.where(more <= left, gain / np.maximum(more, 1e-12 * budget), 0.0)
            index = int(rate.argmax())
            if rate[index] > best_rate:
                best, best_rate = (*path[:layer], index, *path[layer + 1 :]), float(rate[index])
        if best == path:
            return path
        path = best


def _costs_of(choices: Choices, path: Sequence[int], layer: int) -> Numbers:
    """Return what a layer and the next one cost, by the layer's widths."""
    own: Numbers = choices.costs[layer][path[layer - 1] if layer else 0]
    if layer + 1 == len(path):
        return own
    costs: Numbers = own + choices.costs[layer + 1][:, path[layer + 1]]
    return costs
