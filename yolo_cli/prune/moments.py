"""Sums of squares and products of a layer's inputs and wanted outputs: all that a fit needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CHUNK = 4096  # rows that are multiplied at once


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of regressors x and targets y about their means, in float64.

    Attributes:
        gram: ``[P, P]``, Σ x xᵀ.
        cross: ``[P, M]``, Σ x yᵀ.
        squares: ``[M]``, Σ y².
        mean: ``[P]`` of x.
        target_mean: ``[M]`` of y.
        rows: how many there are.
    """

    gram: Tensor
    cross: Tensor
    squares: Tensor
    mean: Tensor
    target_mean: Tensor
    rows: int


def gram_of(rows: Tensor) -> Tensor:
    """Return Σ x xᵀ of rows ``[R, P]`` about their mean: ``[P, P]`` float64."""
    return moments_of(rows, rows[:, :0]).gram


def moments_of(rows: Tensor, targets: Tensor) -> Moments:
    """Return the moments of regressors ``[R, P]`` and targets ``[R, M]``, of any float type."""
    mean = rows.mean(0, dtype=torch.float64)
    target_mean = targets.mean(0, dtype=torch.float64)
    inputs, outputs = rows.shape[1], targets.shape[1]
    gram = torch.zeros(inputs, inputs, dtype=torch.float64)
    cross = torch.zeros(inputs, outputs, dtype=torch.float64)
    squares = torch.zeros(outputs, dtype=torch.float64)
    for x, y in zip(rows.split(CHUNK), targets.split(CHUNK), strict=True):
        x, y = x.double() - mean, y.double() - target_mean  # noqa: PLW2901  # the same, centred
        # numpy sees that both factors are one matrix, and computes half of the product.
        gram += torch.from_numpy(np.matmul(x.numpy().T, x.numpy()))
        cross += x.T @ y
        squares += y.square().sum(0)
    return Moments(gram, cross, squares, mean, target_mean, len(rows))
