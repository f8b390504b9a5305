"""The masks of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pixels:
    """The masks of a batch.

    Attributes:
        masks: ``[N, S, S]`` uint8, indices of classes; 255 is not labelled.
    """

    masks: Tensor

    def to(self, device: torch.device) -> Pixels:
        """Return a copy on ``device``."""
        return Pixels(self.masks.to(device))
