"""What is kept of the network's boxes; detection and scoring differ in these numbers alone."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

from yolo_cli.errors import ExitCode, UserError

RANGES: dict[str, tuple[float, float]] = {"conf": (0, 1), "iou": (0, 1), "vote": (0, 1)}
"""Smallest and largest value of each threshold that is a number; those of options as well."""

LEAST_MAX_DET = 1


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

    Raises:
        UserError: with :attr:`ExitCode.USAGE` for a value beyond its range.
    """

    conf: float = 0.25
    iou: float = 0.45
    max_det: int = 300
    vote: float | None = None
    classes: tuple[int, ...] | None = None
    agnostic: bool = False

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if name == "vote" and value is None:
                continue
            if not (_is_number(value) and low <= value <= high):
                raise _beyond(name, value, f"a number from {low:g} to {high:g}")
        if not (
            _is_number(self.max_det)
            and self.max_det >= LEAST_MAX_DET
            and self.max_det == int(self.max_det)
        ):
            raise _beyond("max_det", self.max_det, f"a whole number from {LEAST_MAX_DET}")

    @property
    def least(self) -> float:
        """Lowest score before voting.

        Where scores are voted on, it does not depend on ``conf``: what a threshold keeps is what
        a lower one finds, less what is below it.
        """
        return self.conf if self.vote is None else min(self.conf, CANDIDATE)


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _beyond(name: str, value: object, wanted: str) -> UserError:
    shown = f"{value:g}" if isinstance(value, float) else repr(value)
    return UserError(f"{name}={shown:.40} is not {wanted}", code=ExitCode.USAGE)


CANDIDATE = 0.005  # lowest score of a box that is looked at; below it next to nothing is right
# Several cells find the same object, each with an error of its own: voting was worth 5 points
# of mAP@0.5 to run v3, see weights/EXPERIMENTS.md.
VOTE = 0.5
DETECT = Thresholds(vote=VOTE)
EVAL = Thresholds(conf=CANDIDATE, iou=0.5, vote=VOTE)
