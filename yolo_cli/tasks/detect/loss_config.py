"""The numbers and forms of the YOLOv1 loss; free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Lt

Weight = Annotated[float, Ge(0)]


@dataclass(frozen=True)
class LossConfig:
    """Weights and forms of the loss terms; the defaults are the paper's.

    Attributes:
        coord: λcoord, weight of the box term.
        noobj: λnoobj, weight of the confidence of boxes that hold no object.
        box: ``squared``: Δx² + Δy² + Δ√w² + Δ√h²; ``ciou``: 1 - complete IoU (Zheng et al. 2020).
        confidence: ``squared`` differences, or binary ``cross_entropy``.
        classes: ``squared`` differences, or ``cross_entropy``.
        smoothing: label smoothing of the class cross-entropy.
    """

    coord: Weight = 5.0
    noobj: Weight = 0.5
    box: Literal["squared", "ciou"] = "squared"
    confidence: Literal["squared", "cross_entropy"] = "squared"
    classes: Literal["squared", "cross_entropy"] = "squared"
    smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
