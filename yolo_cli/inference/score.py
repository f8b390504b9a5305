"""The score of a network on a labelled dataset."""

from __future__ import annotations

from typing import Any

from yolo_cli.data.sample import Dataset
from yolo_cli.evaluation.plain import PlainScores
from yolo_cli.inference.labelled import detect_dataset
from yolo_cli.inference.predictor import Predictor


def score_dataset(predictor: Predictor[Any], dataset: Dataset, *, batch: int = 1) -> PlainScores:
    """Return the scores of a network; of a detector the VOC07 mAP alone.

    Args:
        predictor: of the network.
        dataset: says what is on the images.
        batch: images a forward pass.

    Raises:
        UserError: if an image cannot be read, or no class is common to both.
    """
    task = predictor.task
    found = detect_dataset(predictor, dataset, task.scoring, batch=min(batch, len(dataset)))
    return task.score_outputs(found.detections, found.samples, found.classes)
