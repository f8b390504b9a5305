"""The weights of a layer solved again by least squares, for the inputs that it is given now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from yolo_cli.prune.bend import Bend
from yolo_cli.prune.moments import cross_of, gram_of
from yolo_cli.prune.select import penalties, ridge_of, ridged

STEPS = 16  # linear fits after the first one, where an activation follows

Solver = Callable[[Tensor], Tensor]
"""Takes what outputs ``[R, M]`` lack; gives the change of the weights, ``[M, P]``, in float64."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A layer solved again.

    Attributes:
        weight: ``[M, P]``.
        bias: ``[M]``.
        error: ``[M]`` float64, mean squared error of each output behind the bend.
        dropped: the same if the weights had been left as they were.
        variance: ``[M]`` float64, of the outputs that are wanted behind the bend.
    """

    weight: Tensor
    bias: Tensor
    error: Tensor
    dropped: Tensor
    variance: Tensor


def fit(
    rows: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor,
    bend: Bend | None = None,
    guess: Tensor | None = None,
) -> Fit:
    """Solve ``bend(targets) ≈ bend(rows · weightᵀ + bias)``, a ridge towards the weights of before.

    What is minimised is the squared error plus, for each weight, the square of its change times
    its input's variance times :func:`.select.ridge_of`: where rows say little, little changes. As
    the old weights are among the candidates, the error of no output exceeds theirs.

    Args:
        rows: ``[R, P]`` inputs.
        targets: ``[R, M]`` outputs that are wanted.
        weight: ``[M, P]`` of before.
        bias: ``[M]`` of before.
        bend: what follows the layer; None for nothing.
        guess: ``[M, P]``, weights that may be better; the ridge leads to them if they are.
    """
    bend = bend or Bend.none(len(weight))
    wanted = bend(targets)
    dropped = _error(bend(rows @ weight.T + bias), wanted)
    start = weight
    if guess is not None:
        outputs = rows @ guess.T + _best_bias(_mean(rows), targets, guess)
        start = guess if _error(bend(outputs), wanted).sum() < dropped.sum() else weight
    new, new_bias = _solved(rows, targets, start, bend)
    error = _error(bend(rows @ new.T + new_bias), wanted)
    worse = error > dropped
    return Fit(
        weight=torch.where(worse[:, None], weight, new),
        bias=torch.where(worse, bias, new_bias),
        error=torch.where(worse, dropped, error),
        dropped=dropped,
        variance=wanted.double().var(0, correction=0),
    )


def _solved(rows: Tensor, targets: Tensor, start: Tensor, bend: Bend) -> tuple[Tensor, Tensor]:
    """Return weights and biases, by way of linear fits: each is of what the last ones left.

    A fit of what :meth:`Bend.aim` names is a proximal step, and the steps gather speed (Beck &
    Teboulle 2009, "A Fast Iterative Shrinkage-Thresholding Algorithm", section 4).
    """
    solver = _by_rows(rows) if rows.shape[1] > len(rows) else _by_columns(rows)
    before, centre = rows @ start.T, _mean(rows)

    def linear(aim: Tensor) -> tuple[Tensor, Tensor]:
        weight = start + solver(aim - before).to(start.dtype)
        return weight, _best_bias(centre, aim, weight)

    found = ahead = linear(targets)
    for step in range(STEPS if bend.slope != 1 else 0):
        weight, bias = ahead
        last, found = found, linear(bend.aim(targets, rows @ weight.T + bias))
        speed = step / (step + 3)
        ahead = (
            found[0] + speed * (found[0] - last[0]),
            found[1] + speed * (found[1] - last[1]),
        )
    return found


def _by_columns(rows: Tensor) -> Solver:
    """Return the solver for more rows than columns."""
    root = torch.linalg.cholesky(ridged(gram_of(rows), len(rows)))

    def change(missing: Tensor) -> Tensor:
        return torch.cholesky_solve(cross_of(rows, missing), root).T

    return change


def _by_rows(rows: Tensor) -> Solver:
    """Return the same by way of an ``[R, R]`` matrix; for more columns than rows."""
    x = rows.double() - _mean(rows)
    scaled = x / penalties(x.square().sum(0))
    kernel = scaled @ x.T + ridge_of(x.shape[1], len(x)) * torch.eye(len(x), dtype=torch.float64)
    factors = torch.linalg.lu_factor(kernel)

    def change(missing: Tensor) -> Tensor:
        centred = missing.double() - _mean(missing)
        result: Tensor = torch.linalg.lu_solve(*factors, centred).T @ scaled
        return result

    return change


def _mean(rows: Tensor) -> Tensor:
    return rows.mean(0, dtype=torch.float64)


def _best_bias(centre: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    return (_mean(targets) - weight.double() @ centre).to(weight.dtype)


def _error(given: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean squared error of each output."""
    return (given - wanted).square().mean(0, dtype=torch.float64)
