"""The mean IoU of a network on validation images, at their own size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.segmentation import SegmentationScore, count_pairs, difference_interval
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.contract.training import Score
from yolo_cli.tasks.segment.postprocess import classes_at
from yolo_cli.tasks.segment.target import mask_of


class SegmentScorer:
    """See :class:`yolo_cli.tasks.contract.training.Scorer`.

    Args:
        config: of the network.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.classes = config.classes
        self._pairs: list[Tensor] = []

    def add(self, raw: Tensor, samples: Sequence[Sample]) -> None:
        """Take ``[N, H, W, C]`` logits of as many images."""
        logits = raw.float().permute(0, 3, 1, 2).cpu()
        for one, sample in zip(logits, samples, strict=True):
            truth = mask_of(sample)
            found = classes_at(one, (truth.shape[1], truth.shape[0])).numpy()
            self._pairs.append(torch.from_numpy(count_pairs(truth, found, len(self.classes))))

    def score(self) -> Score:
        """Score what was found."""
        if not self._pairs:
            return Score(0.0)
        pairs = torch.stack(self._pairs)
        total = SegmentationScore(self.classes, pairs.sum(dim=0).numpy(), len(pairs))
        value = 0.0 if math.isnan(total.mean_iou) else total.mean_iou
        rates = {
            "mIoU": total.mean_iou,
            "pixel_accuracy": total.pixel_accuracy,
            "class_accuracy": total.class_accuracy,
        }
        record = {n: None if math.isnan(rate) else round(rate, 2) for n, rate in rates.items()}
        return Score(value, {"segment": record}, outputs={"pairs": pairs})


def difference(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> tuple[float, float]:
    """Compare mean IoU, see :meth:`yolo_cli.tasks.contract.training.TrainingTask.difference`."""
    if not (first and second):
        return math.nan, math.nan
    return difference_interval(np.asarray(first["pairs"]), np.asarray(second["pairs"]))
