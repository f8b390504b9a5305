"""Where a run computes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from yolo_cli.model.runtime import pick_device, pick_dtype, synchronise


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
