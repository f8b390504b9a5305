"""The weights of a layer solved again by least squares, for the inputs that it is given now."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from yolo_cli.prune.moments import moments_of
from yolo_cli.prune.select import penalties, ridge_of, ridged


@dataclass(frozen=True, eq=False)
class Fit:
    """A layer solved again.

    Attributes:
        weight: ``[M, P]``.
        bias: ``[M]``.
        error: ``[M]`` float64, mean squared error of each output.
        dropped: the same if the weights had been left as they were.
        variance: ``[M]`` float64, of the outputs that are wanted.
    """

    weight: Tensor
    bias: Tensor
    error: Tensor
    dropped: Tensor
    variance: Tensor


def fit(
    rows: Tensor, targets: Tensor, weight: Tensor, bias: Tensor, guess: Tensor | None = None
) -> Fit:
    """Solve ``targets ≈ rows · weightᵀ + bias``, ridge regression towards the weights of before.

    What is minimised is the squared error plus, for each weight, the square of its change times
    its input's variance times :func:`.select.ridge_of`: where rows say little, little changes. As
    the old weights are among the candidates, the error never exceeds theirs.

    Args:
        rows: ``[R, P]`` inputs.
        targets: ``[R, M]`` outputs that are wanted.
        weight: ``[M, P]`` of before.
        bias: ``[M]`` of before.
        guess: ``[M, P]``, weights that may be better; the ridge leads to them if they are.
    """
    dropped = _error(rows, targets, weight, bias)
    start = weight
    if guess is not None:
        error = _error(rows, targets, guess, _best_bias(rows, targets, guess))
        start = guess if error.sum() < dropped.sum() else weight
    solve = _change_by_rows if rows.shape[1] > len(rows) else _change_by_columns
    new = start + solve(rows, targets, start).to(start.dtype)
    new_bias = _best_bias(rows, targets, new)
    return Fit(
        weight=new,
        bias=new_bias,
        error=_error(rows, targets, new, new_bias),
        dropped=dropped,
        variance=targets.double().var(0, correction=0),
    )


def _change_by_columns(rows: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    """Return the change of the weights, ``[M, P]``; for more rows than columns."""
    moments = moments_of(rows, targets)
    root = torch.linalg.cholesky(ridged(moments.gram, moments.rows))
    return torch.cholesky_solve(moments.cross - moments.gram @ weight.double().T, root).T


def _change_by_rows(rows: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    """Return the same by way of an ``[R, R]`` matrix; for more columns than rows."""
    x = rows.double() - rows.mean(0, dtype=torch.float64)
    missing = targets.double() - rows.double() @ weight.double().T
    scaled = x / penalties(x.square().sum(0))
    kernel = scaled @ x.T + ridge_of(x.shape[1], len(x)) * torch.eye(len(x), dtype=torch.float64)
    change: Tensor = torch.linalg.solve(kernel, missing - missing.mean(0)).T @ scaled
    return change


def _best_bias(rows: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    means = rows.mean(0, dtype=torch.float64), targets.mean(0, dtype=torch.float64)
    return (means[1] - weight.double() @ means[0]).to(weight.dtype)


def _error(rows: Tensor, targets: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the mean squared error of each output."""
    return (rows @ weight.T + bias - targets).square().mean(0, dtype=torch.float64)
