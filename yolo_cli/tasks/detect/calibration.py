"""Makes the default score threshold the right one for the weights that are kept.

Confidence is trained to be an IoU times a probability, so good detections often score 0.2 or less.
A shift of its logit, the same for every box, hardly changes the order of scores, but puts the
threshold with the highest F1 on the validation images where ``yolo detect`` has its own. As a
score has votes in its measure, the network is scored again as it will be kept.
"""

from __future__ import annotations

import math
from copy import deepcopy

from torch import Tensor

from yolo_cli.evaluation.operating_point import best_f1
from yolo_cli.evaluation.voc import VocScore
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.head import GridHead
from yolo_cli.tasks.detect.thresholds import DETECT

LARGEST_SHIFT = 3.0  # more would say that the network has not learned yet


def confidence_shift(config: ModelConfig, score: VocScore) -> float:
    """Return the shift of confidences' logits that makes :data:`DETECT`'s threshold the best.

    Args:
        config: of the network; 0 unless its outputs are sigmoids.
        score: of its detections on images that it was not trained on.
    """
    point = best_f1(score)
    if config.output != "sigmoid" or point is None:
        return 0.0
    shift = _logit(DETECT.conf) - _logit(min(point.threshold, 0.999))
    return max(-LARGEST_SHIFT, min(LARGEST_SHIFT, shift))


def calibrated(network: Network, shift: float) -> Network:
    """Return a copy whose confidences are shifted."""
    result = deepcopy(network)
    assert isinstance(result.head, GridHead)
    result.head.shift_confidence(shift)
    return result


def shifted(raw: Tensor, config: ModelConfig, shift: float) -> Tensor:
    """Return what the calibrated network gives: ``[N, S, S, 5B + C]``."""
    result = raw.clone()
    result[..., Grid.of(config).confidences] += shift
    return result


def _logit(value: float) -> float:
    return math.log(value / (1 - value))
