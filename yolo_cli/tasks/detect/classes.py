"""Detections under the labels of the classes that a dataset and a network share."""

from __future__ import annotations

import torch

from yolo_cli.tasks.classes import SharedClasses
from yolo_cli.tasks.detect.postprocess import Detection


class ClassMap(SharedClasses):
    """See :class:`yolo_cli.tasks.contract.inference.Matching`."""

    def output(self, detection: Detection) -> Detection:
        """Return detections under the labels of the shared classes, without those of others."""
        labels = torch.tensor(self.of_weights)[detection["labels"]]
        keep = labels >= 0
        return Detection(
            boxes=detection["boxes"][keep], scores=detection["scores"][keep], labels=labels[keep]
        )
