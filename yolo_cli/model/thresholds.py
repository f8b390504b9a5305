"""What is kept of the network's boxes; detection and scoring differ in these numbers alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """What is kept of the network's boxes.

    Attributes:
        conf: lowest score (class probability × confidence) that is kept.
        iou: of two boxes of a class that overlap more than this, the lower score goes.
        max_det: most detections an image.
        classes: indices of the only classes that are kept; None for all.
    """

    conf: float = 0.25
    iou: float = 0.45
    max_det: int = 300
    classes: tuple[int, ...] | None = None


DETECT = Thresholds()
EVAL = Thresholds(conf=0.005, iou=0.5)
