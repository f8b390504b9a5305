"""Why the score is what it is: everything that is asked of one ranking, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yolo_cli.evaluation.breakdown import Breakdown, Judgement, error_breakdown, judge
from yolo_cli.evaluation.evaluation import Evaluation
from yolo_cli.evaluation.fixes import Fix, fix_each
from yolo_cli.evaluation.missed import Misses, find_misses
from yolo_cli.evaluation.ranking import Ranking, rank
from yolo_cli.evaluation.similar import VOC_GROUPS, similar_classes
from yolo_cli.evaluation.sizes import SizeScore, score_sizes
from yolo_cli.evaluation.worst import WorstImage, worst_images


@dataclass(frozen=True, eq=False)
class Understanding:
    """What stands behind the VOC2007 mAP at IoU 0.5 of a dataset.

    Attributes:
        ranking: all detections by score.
        judgement: what each of them is.
        groups: the classes that were taken to be similar, those of the dataset.
        breakdown: figure 4 of the YOLO paper.
        misses: what became of the objects at the evaluation's confidence.
        fixes: mAP if one kind of error were fixed.
        sizes: mAP by size of object.
        worst: the images with most errors at the evaluation's confidence.
    """

    ranking: Ranking
    judgement: Judgement
    groups: tuple[tuple[str, ...], ...]
    breakdown: Breakdown
    misses: Misses
    fixes: tuple[Fix, ...]
    sizes: dict[str, SizeScore]
    worst: tuple[WorstImage, ...]

    def to_json(self, ids: Sequence[str]) -> dict[str, object]:
        """Return plain values for ``json``.

        Args:
            ids: names of the images.
        """
        return {
            "similar": [list(group) for group in self.groups],
            "breakdown": self.breakdown.to_json(),
            "missed": self.misses.to_json(),
            "fixed": {fix.name: fix.to_json() for fix in self.fixes},
            "by_size": {name: score.to_json() for name, score in self.sizes.items()},
            "worst_images": [
                {
                    "image": ids[one.image],
                    "false_positives": len(one.false),
                    "missed": len(one.missed),
                    "correct": len(one.correct),
                }
                for one in self.worst
            ],
        }


def understand(
    evaluation: Evaluation, groups: Sequence[Sequence[str]] = VOC_GROUPS
) -> Understanding:
    """Break a score down.

    Args:
        evaluation: the scores.
        groups: names of similar classes, as :func:`.parse_similar` returns them.
    """
    ranking = rank(evaluation.matching)
    judgement = judge(ranking, similar_classes(evaluation.classes, groups))
    misses = find_misses(ranking, conf=evaluation.conf)
    known = tuple(tuple(n for n in group if n in evaluation.classes) for group in groups)
    return Understanding(
        ranking=ranking,
        judgement=judgement,
        groups=tuple(group for group in known if len(group) > 1),
        breakdown=error_breakdown(ranking, judgement),
        misses=misses,
        fixes=fix_each(ranking, judgement),
        sizes=score_sizes(ranking),
        worst=worst_images(ranking, judgement, misses),
    )
