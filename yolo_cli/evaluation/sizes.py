"""mAP by the size of objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_cli.evaluation.ranking import Ranking, class_ap, mean_ap
from yolo_cli.evaluation.voc import Rule

SIZES = {
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, float("inf")),
}
"""COCO's ranges of area in square pixels; both ends belong to a range, as in pycocotools."""


@dataclass(frozen=True)
class SizeScore:
    """The score of objects of one size.

    Attributes:
        objects: of this size, ignored ones not among them.
        found: how many of these were found, by detections of any score.
        mean_ap: mean over the classes that have objects of this size, 0-100; nan if none has.
        ap: of these classes.
    """

    objects: int
    found: int
    mean_ap: float
    ap: dict[str, float]

    def to_json(self) -> dict[str, object]:
        """Return plain values; None where there is no object."""
        return {
            "objects": self.objects,
            "found": self.found,
            "mAP": self.mean_ap if self.ap else None,
            "AP": self.ap,
        }


def score_sizes(ranking: Ranking, *, rule: Rule = "voc07") -> dict[str, SizeScore]:
    """Compute the average precision by size of object.

    As COCO does it: objects of other sizes are ignored, and so is a detection that finds nothing
    and is itself of another size. Matching is VOC's, so that the numbers compare with the mAP over
    all sizes; of an object the annotated area counts, of a detection that of its box.

    Args:
        ranking: of a dataset.
        rule: of average precision; see :func:`.score_voc`.
    """
    objects = ranking.objects
    box_area = np.prod(ranking.boxes[:, 2:] - ranking.boxes[:, :2], axis=1)
    scores = {}
    for name, (least, most) in SIZES.items():
        counted = ~objects.ignored & (objects.area >= least) & (objects.area <= most)
        on_counted = np.zeros(len(ranking.scores), dtype=np.bool_)
        hit = ranking.matched >= 0
        on_counted[hit] = counted[ranking.matched[hit]]
        true_positive = ranking.claims & on_counted
        of_size = (box_area >= least) & (box_area <= most)
        keep = true_positive | (of_size & (on_counted | ~hit))
        to_find = np.bincount(objects.labels[counted], minlength=len(ranking.classes))
        ap = class_ap(ranking.labels[keep], true_positive[keep], to_find, rule)
        scores[name] = SizeScore(
            objects=int(counted.sum()),
            found=int(true_positive.sum()),
            mean_ap=mean_ap(ap),
            ap={c: float(v) for c, v in zip(ranking.classes, ap, strict=True) if not np.isnan(v)},
        )
    return scores
