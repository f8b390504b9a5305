"""The VOC07 mAP of a network on validation images, and the calibration that goes with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.bootstrap import difference_interval
from yolo_cli.evaluation.plain import PlainScores
from yolo_cli.evaluation.voc import VocScore, evaluate_voc, match_voc
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.contract.training import Score
from yolo_cli.tasks.detect.calibration import calibrated, confidence_shift, shifted
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.postprocess import Detection, postprocess
from yolo_cli.tasks.detect.thresholds import EVAL

SCORE = "VOC07 mAP@0.5"


def score_outputs(
    outputs: Sequence[Detection], samples: Sequence[Sample], classes: tuple[str, ...]
) -> PlainScores:
    """Return the VOC07 mAP alone; nan without objects that count."""
    return PlainScores(SCORE, {SCORE: evaluate_voc(samples, outputs, classes).mean_ap}, classes)


class DetectScorer:
    """See :class:`yolo_cli.tasks.contract.training.Scorer`.

    Args:
        config: of the network.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.grid = Grid.of(config)
        self._outputs: list[tuple[Tensor, Sequence[Sample]]] = []
        self._detections: list[Detection] = []

    def add(self, raw: Tensor, samples: Sequence[Sample]) -> None:
        """Take ``[N, S, S, 5B + C]`` raw outputs of as many images."""
        self._outputs.append((raw, samples))
        self._detections += self._decode(raw, samples)

    def score(self) -> Score:
        """Score what was found; confidences are calibrated if that is possible."""
        found = self._detections
        score = self._voc(found)
        shift = confidence_shift(self.config, score)
        if shift:  # as a score has votes in its measure, all are counted again
            found = [
                detection
                for raw, samples in self._outputs
                for detection in self._decode(shifted(raw, self.config, shift), samples)
            ]
            score = self._voc(found)
        value = 0.0 if math.isnan(score.mean_ap) else score.mean_ap
        record = {"voc07": {"mAP": round(value, 2)}}
        return Score(value, record, partial(calibrated, shift=shift), _joined(found))

    def _decode(self, raw: Tensor, samples: Sequence[Sample]) -> list[Detection]:
        sizes = [(sample.width, sample.height) for sample in samples]
        return postprocess(raw, self.grid, sizes, EVAL)

    def _voc(self, detections: Sequence[Detection]) -> VocScore:
        samples = [sample for _, batch in self._outputs for sample in batch]
        return evaluate_voc(samples, detections, self.config.classes)


def difference(
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    samples: Sequence[Sample],
    config: ModelConfig,
) -> tuple[float, float]:
    """Compare VOC07 mAP, see :meth:`yolo_cli.tasks.contract.training.TrainingTask.difference`."""
    if not (first and second):
        return math.nan, math.nan
    one, other = (match_voc(samples, _split(found), config.classes) for found in (first, second))
    return difference_interval(one, other, len(samples))


def _joined(detections: Sequence[Detection]) -> dict[str, Tensor]:
    """Detections of all images in one tensor each, and how many each image has."""
    if not detections:
        return {}
    return {
        "boxes": torch.cat([one["boxes"] for one in detections]).cpu(),
        "scores": torch.cat([one["scores"] for one in detections]).cpu(),
        "labels": torch.cat([one["labels"] for one in detections]).cpu(),
        "counts": torch.tensor([len(one["labels"]) for one in detections]),
    }


def _split(joined: Mapping[str, Tensor]) -> list[Detection]:
    """Undo :func:`_joined`."""
    if not joined:
        return []
    counts = joined["counts"].tolist()
    parts = (joined[key].split(counts) for key in ("boxes", "scores", "labels"))
    return [
        {"boxes": boxes, "scores": scores, "labels": labels}
        for boxes, scores, labels in zip(*parts, strict=True)
    ]
