"""The images with the most errors, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_cli.evaluation.breakdown import Judgement, Kind
from yolo_cli.evaluation.missed import Fate, Misses
from yolo_cli.evaluation.ranking import Ranking


@dataclass(frozen=True)
class WorstImage:
    """An image and its errors.

    Attributes:
        image: index of the sample.
        correct: rows of the ranking: true positives.
        false: rows of the ranking: false positives, surest first.
        missed: rows of the ranking's objects.
    """

    image: int
    correct: tuple[int, ...]
    false: tuple[int, ...]
    missed: tuple[int, ...]

    @property
    def errors(self) -> int:
        """Return the number of false positives and missed objects."""
        return len(self.false) + len(self.missed)


def worst_images(
    ranking: Ranking, judgement: Judgement, misses: Misses, *, most: int = 10
) -> tuple[WorstImage, ...]:
    """Find the images with the most errors.

    Errors are false positives and missed objects at the confidence of ``misses``. Of images with
    as many, the one whose false positives have the higher sum of scores comes first, then the
    one that is first in the dataset. An image without errors is never among them.

    Args:
        ranking: of a dataset.
        judgement: of its detections.
        misses: of its objects.
        most: how many images.
    """
    sure = ranking.scores >= misses.conf
    false = sure & ranking.false_positive
    correct = sure & (judgement.kind == Kind.CORRECT)
    missed = misses.fate > Fate.FOUND
    images = ranking.objects.images
    if not (false.any() or missed.any()):
        return ()
    size = 1 + int(max(ranking.images.max(initial=-1), images.max(initial=-1)))
    errors = np.bincount(ranking.images[false], minlength=size)
    errors = errors + np.bincount(images[missed], minlength=size)
    surety = np.bincount(ranking.images[false], weights=ranking.scores[false], minlength=size)
    order = np.lexsort((np.arange(size), -surety, -errors))
    return tuple(
        WorstImage(
            image=int(image),
            correct=tuple(np.flatnonzero(correct & (ranking.images == image)).tolist()),
            false=tuple(np.flatnonzero(false & (ranking.images == image)).tolist()),
            missed=tuple(np.flatnonzero(missed & (images == image)).tolist()),
        )
        for image in order[:most]
        if errors[image]
    )
