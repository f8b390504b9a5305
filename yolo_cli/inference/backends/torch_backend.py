"""Networks run by torch, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from yolo_cli.inference.backends.backend import BackendName, Precision
from yolo_cli.model.fuse import fuse_activations
from yolo_cli.model.network import Network


class TorchBackend:
    """A network in torch.

    Args:
        network: float32 on the CPU; it is converted in place.
        device: where it runs.
        dtype: precision of its convolutions.
    """

    name: BackendName = "torch"

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.to_inference(dtype, device)
        if device.type == "cpu":
            fuse_activations(self.network, network.config.image_size)
        self.device = device
        self.parallel = self.forkable = device.type == "cpu"
        self.precision: Precision = "bf16" if dtype == torch.bfloat16 else "fp32"

    def __call__(self, images: Tensor) -> Tensor:
        """Run the network, see :class:`~yolo_cli.inference.backends.backend.Backend`."""
        with torch.inference_mode():
            batch = images.to(self.device).contiguous(memory_format=torch.channels_last)
            result: Tensor = self.network(batch)
            return result
