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
        vote: the boxes that are left are moved to the mean of all boxes that overlap them by at
            least this much, weighted by score and overlap (box voting, Gidaris & Komodakis
            2015); None to leave them, as the paper does.
        classes: indices of the only classes that are kept; None for all.
        agnostic: boxes of different classes suppress each other as well.
    """

    conf: float = 0.25
    iou: float = 0.45
    max_det: int = 300
    vote: float | None = None
    classes: tuple[int, ...] | None = None
    agnostic: bool = False


# Several cells find the same object, each with an error of its own: voting is worth 1.8 points of
# mAP@0.5 and 3 of mAP@0.7 to the embedded weights.
VOTE = 0.5
DETECT = Thresholds(vote=VOTE)
EVAL = Thresholds(conf=0.005, iou=0.5, vote=VOTE)
