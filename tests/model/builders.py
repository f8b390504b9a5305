"""Networks small enough to run, and targets written as lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from yolo_cli.data.target import Target
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.tasks.networks import build_network


def tiny(arch: str = "fast", **options: Any) -> ModelConfig:
    """A sixteenth of a network's width, 128 pixels, 2 × 2 cells, two classes."""
    given = {"classes": ("cat", "dog"), "grid": 2, "image_size": 128, "width": 0.0625, **options}
    return ModelConfig(arch=arch, **given)


def network(config: ModelConfig, seed: int = 0) -> Network:
    """A network whose weights, statistics and outputs are far from zero."""
    torch.manual_seed(seed)
    result = build_network(config)
    with torch.no_grad():
        for name, tensor in result.state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(0, 0.3)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif "predictor" in name:
                tensor.normal_(0, 0.5)
    return result.eval()


def images(count: int, size: int = 128, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, size, size)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def target(
    *boxes: Sequence[float],
    labels: Sequence[int] | None = None,
    difficult: Sequence[int] = (),
    crowd: Sequence[int] = (),
) -> Target:
    """Objects of one image; ``difficult`` and ``crowd`` list their indices."""
    count = len(boxes)
    rows = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    index = torch.arange(count)
    return Target(
        boxes=rows,
        labels=torch.tensor(list(range(count) if labels is None else labels), dtype=torch.int64),
        difficult=torch.isin(index, torch.tensor(list(difficult), dtype=torch.int64)),
        crowd=torch.isin(index, torch.tensor(list(crowd), dtype=torch.int64)),
    )
