"""Which channels a layer can do without: those that the others can stand in for.

Backward elimination with the optimal brain surgeon's formula (Hassibi & Stork 1993), a channel at
a time: with H the Hessian of the squared error of what the next layer sums up, W its weights, and
c the rows of a channel, giving the channel up costs ``tr(W_cᵀ [H⁻¹]_cc⁻¹ W_c)`` once all other
weights are solved again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RIDGE = 1e-3  # added to the diagonal of a Gram matrix, as a part of it; more where rows are few:
FEW_ROWS = 0.1  # times columns / rows

_AT_ONCE = 16  # channels that are given up before the inverse is brought up to date


@dataclass(frozen=True, eq=False)
class Curve:
    """What is lost with fewer and fewer channels.

    Attributes:
        order: channels in the order in which they are given up, ``[C]``.
        lost: ``[C + 1]``, by the number of channels that are kept: the share of the variance of
            the next layer's outputs that no weights explain, 0 to 1.
    """

    order: Tensor
    lost: Tensor

    def kept(self, count: int) -> Tensor:
        """Return the channels that are kept, in ascending order."""
        return self.order[len(self.order) - count :].sort().values


def ridge_of(columns: int, rows: int) -> float:
    """Return the ridge of a Gram matrix, as a part of its diagonal.

    With as many columns as rows, any outputs can be had from any inputs, and what was learned
    from them would hold for no other image.
    """
    return RIDGE + FEW_ROWS * columns / rows


def ridged(gram: Tensor, rows: int) -> Tensor:
    """Return a copy of a Gram matrix of so many rows that can be inverted, whatever it is of."""
    ridge = ridge_of(len(gram), rows)
    return gram + torch.diag(ridge * penalties(gram.diagonal()))


def penalties(diagonal: Tensor) -> Tensor:
    """Return the diagonal of a Gram matrix, and a little where it is zero: of silent channels."""
    floor = diagonal.mean().clamp(min=1e-12) * 1e-6
    return diagonal.clamp(min=floor)


def eliminate(gram: Tensor, energy: Tensor, taps: int, rows: int) -> Curve:
    """Give up one channel after another, the cheapest one each time.

    Args:
        gram: ``[P, P]`` float64, Σ x xᵀ of the next layer's inputs about their mean.
        energy: ``[P, P]`` float64, W Wᵀ of the weights ``[P, M]`` that the next layer has for them.
        taps: inputs of each channel, which follow one another.
        rows: that the Gram matrix is of.
    """
    alive = torch.arange(len(gram) // taps)
    total = float((gram * energy).sum())
    order: list[int] = []
    costs: list[float] = []
    state = _State(torch.linalg.inv(ridged(gram, rows)), energy, taps)
    while len(alive):
        gone, cost = state.give_up(min(_AT_ONCE, len(alive)))
        order += alive[gone].tolist()
        costs += cost
        left = torch.ones(len(alive), dtype=torch.bool)
        left[gone] = False
        alive = alive[left]
        state.compact(left)
    lost = torch.tensor([0.0, *costs], dtype=torch.float64).cumsum(0)
    lost = (lost / total).clamp(0, 1) if total > 0 else torch.zeros_like(lost)
    return Curve(torch.tensor(order), lost.flip(0))


class _State:
    """H⁻¹ and W Wᵀ of the channels that are left, W being the best weights for those.

    Both change by products of thin matrices with every channel that goes. These are collected for
    some channels, and applied together: one large product takes less time than many thin ones.
    """

    def __init__(self, inverse: Tensor, energy: Tensor, taps: int) -> None:
        self.inverse = inverse
        self.energy = energy
        self.taps = taps

    def give_up(self, count: int) -> tuple[list[int], list[float]]:
        """Give up some channels one by one; return them and what each costs."""
        inverses, energies = _blocks(self.inverse, self.taps), _blocks(self.energy, self.taps)
        size, taps = len(self.inverse), self.taps
        # H⁻¹ is inverse - shifts columnsᵀ now, W Wᵀ is energy - shifts halvesᵀ - halves shiftsᵀ.
        self.shifts, self.columns, self.halves = torch.zeros(
            3, size, count * taps, dtype=torch.float64
        )
        changes = self.shifts, self.columns, self.halves
        gone: list[int] = []
        costs: list[float] = []
        for step in range(count):
            hessians = torch.linalg.inv(inverses)
            score = (hessians * energies.mT).sum((1, 2))
            score[gone] = torch.inf
            c = int(score.argmin())
            costs.append(max(0.0, float(score[c])))
            gone.append(c)
            rows, done = slice(c * taps, (c + 1) * taps), slice(0, step * taps)
            shifts, columns, halves = (one[:, done] for one in changes)
            column = self.inverse[:, rows] - shifts @ columns[rows].T
            shift = column @ hessians[c]  # W loses it times its rows of the channel
            half = self.energy[:, rows] - shifts @ halves[rows].T - halves @ shifts[rows].T
            half -= shift @ energies[c] / 2
            now = slice(step * taps, (step + 1) * taps)
            self.shifts[:, now], self.columns[:, now], self.halves[:, now] = shift, column, half
            shift, column, half = (one.view(-1, taps, taps) for one in (shift, column, half))
            inverses -= shift @ column.mT
            energies -= shift @ half.mT + half @ shift.mT
            inverses[gone] = torch.eye(taps, dtype=torch.float64)
        return gone, costs

    def compact(self, left: Tensor) -> None:
        """Bring both matrices up to date, and drop what was given up."""
        rows = left.repeat_interleave(self.taps)
        shifts, halves = self.shifts[rows], self.halves[rows]
        inverse, energy = (one[rows][:, rows] for one in (self.inverse, self.energy))
        self.inverse = inverse.addmm_(shifts, self.columns[rows].T, alpha=-1)
        self.energy = energy.addmm_(shifts, halves.T, alpha=-1).addmm_(halves, shifts.T, alpha=-1)


def _blocks(matrix: Tensor, taps: int) -> Tensor:
    """Return the blocks on the diagonal, ``[C, taps, taps]``."""
    blocks = matrix.view(len(matrix) // taps, taps, -1, taps)
    return blocks.diagonal(dim1=0, dim2=2).permute(2, 0, 1).contiguous()
