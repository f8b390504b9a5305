"""What is kept of the network's boxes; detection and scoring differ in these numbers alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """What is kept of the network's boxes.

    Attributes:
        conf: lowest score (class probability × confidence, after voting) that is kept.
        iou: of two boxes of a class that overlap more than this, the lower score goes.
        max_det: most detections an image.
        vote: all boxes that overlap one of those that are left by at least this much have a say
            in where it is and in its score (:func:`.postprocess.vote`); None
            to leave boxes and scores alone, as the paper does.
        classes: indices of the only classes that are kept; None for all.
        agnostic: boxes of different classes suppress each other as well.
    """

    conf: float = 0.25
    iou: float = 0.45
    max_det: int = 300
    vote: float | None = None
    classes: tuple[int, ...] | None = None
    agnostic: bool = False

    @property
    def least(self) -> float:
        """The lowest score before voting.

        Where scores are voted on, it does not depend on ``conf``: what a threshold keeps is what
        a lower one finds, less what is below it.
        """
        return self.conf if self.vote is None else min(self.conf, CANDIDATE)


CANDIDATE = 0.005  # lowest score of a box that is looked at; below it next to nothing is right
# Several cells find the same object, each with an error of its own: voting was worth 5 points
# of mAP@0.5 to run v3, see weights/EXPERIMENTS.md.
VOTE = 0.5
DETECT = Thresholds(vote=VOTE)
EVAL = Thresholds(conf=CANDIDATE, iou=0.5, vote=VOTE)
