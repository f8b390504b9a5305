"""The class of one image as a classifier is trained on it.

``labels`` ``[N]`` int64 and ``shares`` ``[N]`` float32: which classes, and what part of the image
each takes. A photograph has one class with a share of 1; a scene that is put together from windows
of several has each with the share of its window's area (CutMix, Yun et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.data.target import Target
from yolo_cli.model.config import ModelConfig
from yolo_cli.pictures.drawing import draw_detections
from yolo_cli.tasks.contract.training import Window


@dataclass(frozen=True)
class ClassTarget:
    """The classes of a batch.

    Attributes:
        shares: ``[N, C]`` float32: what part of each image is of each class; rows sum to 1.
    """

    shares: Tensor

    def to(self, device: torch.device) -> ClassTarget:
        """Return a copy on ``device``."""
        return ClassTarget(self.shares.to(device))


def target_of(sample: Sample) -> Target:
    """Return a sample's class."""
    return Target(labels=torch.from_numpy(sample.labels[:1]), shares=torch.ones(1))


def scene(parts: Sequence[tuple[Target, Window]]) -> Target:
    """Return the classes of a scene of windows of several images, by their areas."""
    areas = torch.tensor([window.width * window.height for _, window in parts])
    shares = areas / areas.sum()
    return Target(
        labels=torch.cat([target["labels"] for target, _ in parts]),
        shares=torch.cat(
            [target["shares"] * share for (target, _), share in zip(parts, shares, strict=True)]
        ),
    )


def encode(targets: Sequence[Target], config: ModelConfig) -> ClassTarget:
    """Return the shares of all classes."""
    shares = torch.zeros(len(targets), len(config.classes))
    for row, target in zip(shares, targets, strict=True):
        row.index_add_(0, target["labels"], target["shares"])
    return ClassTarget(shares)


def counts(dataset: Dataset) -> Tensor:
    """Count the images of each class, ``[C]``."""
    labels = np.concatenate([np.zeros(0, dtype=np.int64), *(s.labels for s in dataset.samples)])
    return torch.bincount(torch.from_numpy(labels), minlength=len(dataset.classes))


def draw_target(pixels: Tensor, target: Target, classes: Sequence[str]) -> Image.Image:
    """Draw a frame with the name of the largest class on ``[3, S, S]`` uint8."""
    height, width = pixels.shape[-2:]
    label = target["labels"][target["shares"].argmax()].item()
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    return draw_detections(image, [[0, 0, width, height]], None, [label], classes)
