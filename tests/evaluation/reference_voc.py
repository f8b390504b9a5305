"""The rules of VOCevaldet.m and VOCap.m, spelt out one object at a time: slow and literal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Truth(NamedTuple):
    """One annotated object, box in VOC's own 1-based inclusive pixels."""

    image: int
    label: int
    box: tuple[float, float, float, float]
    difficult: bool


class Found(NamedTuple):
    """One detection, box in VOC's own 1-based inclusive pixels."""

    image: int
    label: int
    box: tuple[float, float, float, float]
    score: float


class Result(NamedTuple):
    """Average precision (0-1, nan without objects) and the marks of the detections, ranked."""

    ap: float
    marks: list[str]


def overlap(bb: Sequence[float], bbgt: Sequence[float]) -> float:
    """Intersection over union of inclusive boxes, or -inf where they share no pixel."""
    iw = min(bb[2], bbgt[2]) - max(bb[0], bbgt[0]) + 1
    ih = min(bb[3], bbgt[3]) - max(bb[1], bbgt[1]) + 1
    if not (iw > 0 and ih > 0):
        return -math.inf
    ua = (
        (bb[2] - bb[0] + 1) * (bb[3] - bb[1] + 1)
        + (bbgt[2] - bbgt[0] + 1) * (bbgt[3] - bbgt[1] + 1)
        - iw * ih
    )
    return iw * ih / ua


def evaluate(
    truths: Sequence[Truth],
    found: Sequence[Found],
    label: int,
    rule: str,
    threshold: float = 0.5,
) -> Result:
    """Score one class."""
    objects = [t for t in truths if t.label == label]
    claimed = [False] * len(objects)
    marks = []
    for detection in sorted(
        (f for f in found if f.label == label), key=lambda f: f.score, reverse=True
    ):
        ovmax, jmax = -math.inf, -1
        for j, t in enumerate(objects):
            if t.image == detection.image:
                ov = overlap(detection.box, t.box)
                if ov > ovmax:
                    ovmax, jmax = ov, j
        if ovmax < threshold:
            marks.append("fp")
        elif objects[jmax].difficult:
            marks.append("ignored")
        elif claimed[jmax]:
            marks.append("fp")
        else:
            marks.append("tp")
            claimed[jmax] = True
    npos = sum(not t.difficult for t in objects)
    if npos == 0:
        return Result(math.nan, marks)
    points = curve(marks, npos)
    return Result(ap_11_points(points) if rule == "voc07" else ap_all_points(points), marks)


def curve(marks: Sequence[str], npos: int) -> list[tuple[Fraction, Fraction]]:
    """(recall, precision) after each detection; none while nothing has counted yet (0/0)."""
    points = []
    tp = fp = 0
    for mark in marks:
        tp += mark == "tp"
        fp += mark == "fp"
        if tp + fp:
            points.append((Fraction(tp, npos), Fraction(tp, tp + fp)))
    return points


def ap_11_points(points: Sequence[tuple[Fraction, Fraction]]) -> float:
    """The mean of the best precision at recall t or more, t = 0:0.1:1.

    Exactly, but for the comparison: both sides are float64 there, and MATLAB's loop over
    0:0.1:1 has the values k * 0.1, some of which are not the number nearest to k/10.
    """
    total = Fraction(0)
    for k in range(11):
        reaching = [precision for recall, precision in points if float(recall) >= k * 0.1]
        total += max(reaching) if reaching else Fraction(0)
    return float(total / 11)


def ap_all_points(points: Sequence[tuple[Fraction, Fraction]]) -> float:
    """The area under the curve made monotone from its end, exactly."""
    mrec = [Fraction(0), *(recall for recall, _ in points), Fraction(1)]
    mpre = [Fraction(0), *(precision for _, precision in points), Fraction(0)]
    for i in range(len(mpre) - 2, -1, -1):
        mpre[i] = max(mpre[i], mpre[i + 1])
    area = Fraction(0)
    for i in range(1, len(mrec)):
        area += (mrec[i] - mrec[i - 1]) * mpre[i]
    return float(area)
