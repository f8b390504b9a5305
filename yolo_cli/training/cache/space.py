"""What a feature cache takes on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.network import Network
from yolo_cli.tasks.networks import shapes_of


def feature_bytes(network: Network) -> int:
    """Return the bytes of one image's activations after the frozen blocks."""
    shapes, size = shapes_of(network.config), network.config.image_size
    image = torch.empty(1, 3, size, size, device="meta")
    features = shapes.backbone.run(image, 0, network.frozen)
    return features.numel() * torch.bfloat16.itemsize


def check_space(folder: Path, needed: int) -> None:
    """Refuse a cache that does not fit on the disk.

    Raises:
        UserError: if fewer than ``needed`` bytes are free.
    """
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if needed > free * 0.95:
        raise UserError(
            f"the feature cache needs {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB",
            "use fewer --copies, another --cache-dir, or --copies 0 to train without a cache",
            ExitCode.FAILURE,
        )
