"""The score of a detector on a labelled dataset, as one number."""

from __future__ import annotations

import math

from yolo_cli.data.sample import Dataset
from yolo_cli.evaluation.voc import evaluate_voc
from yolo_cli.inference.detector import Detector
from yolo_cli.inference.labelled import detect_dataset
from yolo_cli.tasks.detect.thresholds import EVAL


def voc07_map(detector: Detector, dataset: Dataset, *, batch: int = 1) -> float | None:
    """Return the VOC07 mAP, 0-100; None without objects that count.

    Args:
        detector: finds the objects.
        dataset: says where they are.
        batch: images a forward pass.

    Raises:
        UserError: if an image cannot be read, or no class is common to both.
    """
    found = detect_dataset(detector, dataset, EVAL, batch=min(batch, len(dataset)))
    score = evaluate_voc(found.samples, found.detections, found.classes).mean_ap
    return None if math.isnan(score) else score
