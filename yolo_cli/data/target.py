"""What a loss compares a network's output with, for one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

Target: TypeAlias = dict[str, Tensor]
"""Tensors by name, all with one row for each object of the image. A task says which they are."""


def select(target: Target, keep: Tensor) -> Target:
    """Return the objects that ``keep`` (``[N]`` bool or indices) names."""
    return {name: values[keep] for name, values in target.items()}


def concatenate(targets: Sequence[Target]) -> Target:
    """Return the objects of several targets as one; there has to be at least one target."""
    return {name: torch.cat([target[name] for target in targets]) for name in targets[0]}


def count(target: Target) -> int:
    """Return the number of objects."""
    return len(next(iter(target.values())))
