"""Makes the default score threshold the right one for the weights that are kept.

Confidence is trained to be an IoU times a probability, so good detections often score 0.2 or less.
A shift of its logit, the same for every box, hardly changes the order of scores, but puts the
threshold with the highest F1 on the validation images where ``yolo detect`` has its own.
"""

from __future__ import annotations

import math
from copy import deepcopy

from yolo_cli.evaluation.operating_point import best_f1
from yolo_cli.evaluation.voc import VocScore
from yolo_cli.model.network import Network
from yolo_cli.model.thresholds import DETECT

LARGEST_SHIFT = 3.0  # more would say that the network has not learned yet


def calibrated(network: Network, score: VocScore) -> Network:
    """A copy whose best threshold on the scored images is :data:`DETECT`'s.

    Args:
        network: with sigmoid outputs; others are returned as they are.
        score: of its detections on images that it was not trained on.
    """
    point = best_f1(score)
    if network.config.output != "sigmoid" or point is None:
        return network
    shift = _logit(DETECT.conf) - _logit(min(point.threshold, 0.999))
    result = deepcopy(network)
    result.head.predictor.shift_confidence(max(-LARGEST_SHIFT, min(LARGEST_SHIFT, shift)))
    return result


def _logit(value: float) -> float:
    return math.log(value / (1 - value))
