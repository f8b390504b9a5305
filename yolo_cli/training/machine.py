"""Where a run computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from yolo_cli.model.runtime import pick_device, pick_dtype, synchronise

Runtime = Literal["torch", "ncnn"]


@dataclass(frozen=True)
class Machine:
    """Where a run computes.

    Attributes:
        device: of the network.
        dtype: precision of its convolutions.
        workers: processes that load images.
        runtime: what computes the activations of frozen blocks for a cache.
    """

    device: torch.device
    dtype: torch.dtype
    workers: int
    runtime: Runtime = "torch"

    @classmethod
    def pick(cls, device: str, precision: str, workers: int) -> Machine:
        """Choose a device and a precision by their names.

        Raises:
            UserError: if this machine does not have them.
        """
        place = pick_device(device)
        return cls(place, pick_dtype(precision, place), workers)

    def autocast(self) -> torch.autocast:
        """Return the context in which convolutions have the machine's precision."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def synchronise(self) -> None:
        """Wait until the device has done what it was given."""
        synchronise(self.device)
