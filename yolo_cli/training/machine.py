"""Where a run computes."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Machine:
    """Where a run computes.

    Attributes:
        device: of the network.
        dtype: precision of its convolutions.
        workers: processes that load images.
    """

    device: torch.device
    dtype: torch.dtype
    workers: int
