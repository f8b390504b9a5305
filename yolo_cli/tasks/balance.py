"""What a class weighs in a loss, so that rare ones are learned as well."""

from __future__ import annotations

import torch
from torch import Tensor


def class_weights(counts: Tensor, balance: float) -> Tensor:
    """Return what an object of each class weighs in the loss: 1 on average over the objects.

    Args:
        counts: ``[C]`` training objects of each class.
        balance: objects of a class with n of them weigh n^-balance: 0 weighs every object alike,
            1 every class.

    Returns:
        ``[C]`` float32; one for classes without objects.
    """
    present = counts > 0
    weights = counts.float().clamp(min=1).pow(-balance)
    mean = (weights * counts)[present].sum() / counts[present].sum().clamp(min=1)
    return torch.where(present, weights / mean, 1.0) if present.any() else torch.ones(len(counts))
