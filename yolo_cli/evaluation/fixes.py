"""What mAP would be if one kind of error were fixed: which one is worth working on.

After Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020,
section 2: each kind is fixed by itself, all else left as it is, over all detections and not only
the first N. The kinds are those of :mod:`.breakdown`; the mAP is that of the VOC protocol. The
gains do not add up to what is missing to 100, as one error hides another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from yolo_cli.data.sample import BoolArray, IntArray
from yolo_cli.evaluation.breakdown import Judgement, Kind
from yolo_cli.evaluation.ranking import Ranking, class_ap, mean_ap
from yolo_cli.evaluation.voc import Rule


@dataclass(frozen=True)
class Fix:
    """A kind of error, and mAP with it fixed.

    Attributes:
        name: of the kind.
        meaning: what was done.
        mean_ap: mAP then, 0-100; nan if no class has an object.
        gain: how much more that is.
        errors: how many detections (or, of misses, objects) are of this kind.
    """

    name: str
    meaning: str
    mean_ap: float
    gain: float
    errors: int

    def to_json(self) -> dict[str, object]:
        """Return plain values; None where a number is not defined."""
        known = not np.isnan(self.mean_ap)
        return {
            "mAP": self.mean_ap if known else None,
            "gain": self.gain if known else None,
            "errors": self.errors,
        }


MEANINGS = {
    "localization": "boxes moved onto their object; what is then a second detection, removed",
    "duplicates": "second detections of an object removed",
    "similar": "right class given where the box fits (IoU ≥ 0.5), else removed",
    "other": "right class given where the box fits (IoU ≥ 0.5), else removed",
    "background": "detections on background removed",
    "missed": "objects that none of these repairs would find taken out of the count",
    "all false positives": "every false positive removed",
    "all misses": "every object that was not found taken out of the count",
}
"""What is done about each kind, in the order in which they are shown; 0.5 stands for the IoU
threshold of the match."""


@dataclass(frozen=True, eq=False)
class _State:
    """A ranking in which some errors have been fixed."""

    labels: IntArray
    true_positive: BoolArray
    keep: BoolArray
    to_find: IntArray


def fix_each(ranking: Ranking, judgement: Judgement, *, rule: Rule = "voc07") -> tuple[Fix, ...]:
    """Fix one kind of error after another, each by itself.

    - *localization*: a poorly placed box is moved onto its object (IoU 0.1 and more, its own class)
      if that is found by no other detection; of several, the one with the highest score; the
      rest are removed. Duplicates are a kind of their own here, as another step fixes them (NMS).
    - *similar*, *other*: a box that fits an object of the wrong class takes that class, under the
      same conditions; else it is removed.
    - *duplicates*, *background*: removed.
    - *missed*: objects which no detection finds and none of these repairs would find do not
      count. A class in which nothing is left to find then has an AP of 100.

    Args:
        ranking: of a dataset.
        judgement: of its detections.
        rule: of average precision; see :func:`.score_voc`.

    Returns:
        The fixes, in the order of :data:`MEANINGS`.
    """
    start = _State(ranking.labels, ranking.true_positive, ranking.counts, ranking.to_find)
    false = ranking.false_positive
    masks = _masks(judgement)
    fits = judgement.target_iou >= ranking.iou_threshold
    repairable = {
        "localization": masks["localization"],
        "similar": masks["similar"] & fits,
        "other": masks["other"] & fits,
    }
    unfound = ~ranking.found() & ~ranking.objects.ignored
    repaired = {name: _first_of_each(mask, judgement, unfound) for name, mask in repairable.items()}
    hopeless = unfound.copy()
    for winners in repaired.values():
        hopeless[judgement.target[winners]] = False

    states = {
        name: _fix(start, ranking, judgement, mask, repaired.get(name))
        for name, mask in masks.items()
    }
    states["missed"] = _forgive(start, ranking, hopeless)
    states["all false positives"] = _fix(start, ranking, judgement, false, None)
    states["all misses"] = _forgive(start, ranking, unfound)
    errors = {name: int(mask.sum()) for name, mask in masks.items()}
    errors |= {
        "missed": int(hopeless.sum()),
        "all false positives": int(false.sum()),
        "all misses": int(unfound.sum()),
    }
    before = _score(start, ranking, rule)
    return tuple(
        Fix(
            name,
            meaning,
            after := _score(states[name], ranking, rule),
            after - before,
            errors[name],
        )
        for name, meaning in MEANINGS.items()
    )


def _masks(judgement: Judgement) -> dict[str, BoolArray]:
    """Return the detections of each kind of error."""
    kind, duplicate = judgement.kind, judgement.duplicate
    return {
        "localization": (kind == Kind.LOCALIZATION) & ~duplicate,
        "duplicates": duplicate,
        "similar": kind == Kind.SIMILAR,
        "other": kind == Kind.OTHER,
        "background": kind == Kind.BACKGROUND,
    }


def _first_of_each(mask: BoolArray, judgement: Judgement, unfound: BoolArray) -> IntArray:
    """Return, of the detections in the mask, the surest one for each object that is to be found."""
    rows = np.flatnonzero(mask)
    rows = rows[unfound[judgement.target[rows]]]
    return rows[np.unique(judgement.target[rows], return_index=True)[1]]


def _fix(
    state: _State,
    ranking: Ranking,
    judgement: Judgement,
    mask: BoolArray,
    winners: IntArray | None,
) -> _State:
    """Turn the winners into true positives of their object's class; remove the others."""
    keep, true_positive, labels = (
        state.keep & ~mask,
        state.true_positive.copy(),
        state.labels.copy(),
    )
    if winners is not None:
        keep[winners] = true_positive[winners] = True
        labels[winners] = ranking.objects.labels[judgement.target[winners]]
    return replace(state, keep=keep, true_positive=true_positive, labels=labels)


def _forgive(state: _State, ranking: Ranking, objects: BoolArray) -> _State:
    gone = np.bincount(ranking.objects.labels[objects], minlength=len(ranking.classes))
    return replace(state, to_find=state.to_find - gone)


def _score(state: _State, ranking: Ranking, rule: Rule) -> float:
    keep = state.keep
    ap = class_ap(state.labels[keep], state.true_positive[keep], state.to_find, rule)
    ap[(state.to_find == 0) & (ranking.to_find > 0)] = 100.0  # nothing is left to be missed
    return mean_ap(ap)
