"""Sums of products of a layer's inputs, and of inputs and outputs: all that a linear fit needs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

CHUNK = 4096  # rows that are multiplied at once


def gram_of(rows: Tensor) -> Tensor:
    """Return Σ x xᵀ of rows ``[R, P]`` about their mean: ``[P, P]`` float64."""
    mean = rows.mean(0, dtype=torch.float64)
    gram = torch.zeros(rows.shape[1], rows.shape[1], dtype=torch.float64)
    for chunk in rows.split(CHUNK):
        x = (chunk.double() - mean).numpy()
        gram += torch.from_numpy(np.matmul(x.T, x))  # numpy sees one matrix, computes half of it
    return gram


def cross_of(rows: Tensor, targets: Tensor) -> Tensor:
    """Return Σ x yᵀ of rows ``[R, P]`` and targets ``[R, M]`` about their means, in float64.

    Products are of float32, where they are taken in half the time; what they are added to is not.
    """
    centred = targets - targets.mean(0, dtype=torch.float64).to(targets.dtype)
    cross = torch.zeros(rows.shape[1], targets.shape[1], dtype=torch.float64)
    for x, y in zip(rows.split(CHUNK), centred.split(CHUNK), strict=True):
        cross += x.T @ y
    left = centred.sum(0, dtype=torch.float64)  # by which rounded means are off
    return cross - rows.mean(0, dtype=torch.float64)[:, None] * left
