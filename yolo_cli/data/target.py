"""The objects of one image as tensors: torchvision's target dict."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor

from yolo_cli.data.sample import Sample


class Target(TypedDict):
    """The objects of one image, as the network is trained on them.

    ``boxes`` ``[N, 4]`` float32 xyxy in pixels of the image, ``labels`` ``[N]`` int64,
    ``difficult`` and ``crowd`` ``[N]`` bool, ``area`` ``[N]`` float32 square pixels.
    """

    boxes: Tensor
    labels: Tensor
    difficult: Tensor
    crowd: Tensor
    area: Tensor


def target_of(sample: Sample) -> Target:
    """A sample's objects, boxes in pixels of its upright image."""
    return Target(
        boxes=torch.from_numpy(sample.boxes).float().reshape(-1, 4),
        labels=torch.from_numpy(sample.labels),
        difficult=torch.from_numpy(sample.difficult),
        crowd=torch.from_numpy(sample.crowd),
        area=torch.from_numpy(sample.area).float(),
    )


def select(target: Target, keep: Tensor) -> Target:
    """The objects that ``keep`` (``[N]`` bool or indices) names."""
    return Target(
        boxes=target["boxes"][keep],
        labels=target["labels"][keep],
        difficult=target["difficult"][keep],
        crowd=target["crowd"][keep],
        area=target["area"][keep],
    )


def concatenate(targets: list[Target]) -> Target:
    """The objects of several targets as one."""
    return Target(
        boxes=torch.cat([t["boxes"] for t in targets]),
        labels=torch.cat([t["labels"] for t in targets]),
        difficult=torch.cat([t["difficult"] for t in targets]),
        crowd=torch.cat([t["crowd"] for t in targets]),
        area=torch.cat([t["area"] for t in targets]),
    )
