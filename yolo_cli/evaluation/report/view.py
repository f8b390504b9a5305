"""What the report's page says: numbers in words and rows, ready for the template."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from yolo_cli.evaluation.breakdown import KINDS
from yolo_cli.evaluation.confusion import Confusion
from yolo_cli.evaluation.evaluation import Evaluation
from yolo_cli.evaluation.fixes import Fix
from yolo_cli.evaluation.missed import FATES
from yolo_cli.evaluation.operating_point import OperatingPoint
from yolo_cli.evaluation.understanding import Understanding
from yolo_cli.evaluation.voc import IOU_THRESHOLD
from yolo_cli.text import counted

KIND_TITLES = {
    "correct": ("correct", "right class, and the box fits (IoU 0.5 or more)"),
    "localization": (
        "localization",
        "right class, but the box is misplaced (IoU 0.1 to 0.5), or the object has one already",
    ),
    "similar": ("similar class", "on an object of a class that is easily taken for it"),
    "other": ("other class", "on an object of any other class"),
    "background": ("background", "on no object at all (IoU below 0.1)"),
    "lacking": ("no detection", "there are fewer detections than objects"),
}
FATE_TITLES = {
    "found": ("found", "right class, and the box fits"),
    "wrong_class": ("wrong class", "the box fits, the class is another one"),
    "poorly_localized": ("misplaced box", "right class, but the box does not fit"),
    "not_found": ("not found", "nothing near it"),
}
_TOP_CONFUSIONS = 6


@dataclass(frozen=True)
class Headline:
    """A number with what it means."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class ClassRow:
    """A row of the class table; nan where a number is not defined."""

    name: str
    objects: int
    voc07: float
    voc: float
    coco: float
    precision: float
    recall: float
    f1: float
    best_f1: float
    best_conf: float


@dataclass(frozen=True)
class Stack:
    """A stacked bar: a name, what it counts, and (kind, percent) from left to right."""

    name: str
    number: int
    parts: tuple[tuple[str, float], ...]
    is_class: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix: its count, and its share of the row in percent."""

    count: int
    share: float


@dataclass(frozen=True)
class Mixup:
    """One class taken for another, and how often."""

    count: int
    true: str
    detected: str


def number(value: float, digits: int = 1) -> str:
    """Return a number for people; a dash where there is none."""
    return "—" if math.isnan(value) else f"{value:.{digits}f}"


def headlines(evaluation: Evaluation) -> list[Headline]:
    """Return the numbers that people quote, each with one sentence that says what it means."""
    voc07, voc = evaluation.voc07[IOU_THRESHOLD], evaluation.voc[IOU_THRESHOLD]
    point, best = evaluation.points_of_all.at_conf, evaluation.points_of_all.best
    conf = f"{evaluation.conf:g}"
    return [
        Headline(
            "VOC07 mAP@0.5",
            number(voc07.mean_ap),
            "How well each class is found and ranked, mean over "
            f"{counted(len(voc07.ap), 'class')}; 100 is perfect. The rules of Pascal VOC 2007: "
            "11 recalls, IoU 0.5.",
        ),
        Headline(
            "VOC mAP@0.5",
            number(voc.mean_ap),
            "The same by the rules of Pascal VOC 2010 and later: the whole area under the "
            "curve of precision over recall.",
        ),
        Headline(
            "COCO AP",
            number(evaluation.coco.metrics["AP"]),
            "The rules of COCO: the mean over IoU 0.50 to 0.95, which rewards boxes that fit "
            "tightly.",
        ),
        Headline(
            f"Precision at {conf}",
            number(_of(point).precision),
            f"How many of 100 boxes shown at a confidence of {conf} or more are right.",
        ),
        Headline(
            f"Recall at {conf}",
            number(_of(point).recall),
            f"How many of 100 objects are found at a confidence of {conf} or more.",
        ),
        Headline(
            "Best confidence",
            number(_of(best).threshold, 2),
            f"Here F1, the balance of precision and recall, is highest ({number(_of(best).f1)}): "
            "a good --conf for yolo detect.",
        ),
    ]


def findings(evaluation: Evaluation, understanding: Understanding) -> list[str]:
    """Return what stands out, in sentences."""
    lines = []
    kinds = [fix for fix in understanding.fixes if not fix.name.startswith("all ")]
    best = max(kinds, key=lambda fix: fix.gain if not math.isnan(fix.gain) else -1.0)
    if best.gain > 0:
        lines.append(
            f"Most is lost to {_loss(best)}: if that were fixed, mAP would be "
            f"{best.mean_ap:.1f} ({best.gain:+.1f})."
        )
    sizes = {n: s for n, s in understanding.sizes.items() if s.objects}
    if len(sizes) > 1:
        weakest = min(sizes, key=lambda name: sizes[name].mean_ap)
        lines.append(
            f"{weakest.capitalize()} objects are the hardest: mAP {sizes[weakest].mean_ap:.1f}, "
            f"{sizes[weakest].found} of {sizes[weakest].objects} found at any confidence."
        )
    total = understanding.misses.total
    objects = sum(total.values())
    if objects:
        far = total["not_found"]
        lines.append(
            f"At a confidence of {evaluation.conf:g}, {total['found']} of "
            f"{counted(objects, 'object')} found"
            + (f"; no detection is near {far} of the rest." if far else ".")
        )
    return lines


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """Return one row per class, in the order of the classes."""
    voc07, voc = evaluation.voc07[IOU_THRESHOLD], evaluation.voc[IOU_THRESHOLD]
    nan = float("nan")
    rows = []
    for name in evaluation.classes:
        points = evaluation.points.get(name)
        at_conf, best = _of(points and points.at_conf), _of(points and points.best)
        rows.append(
            ClassRow(
                name=name,
                objects=voc07.per_class[name].objects,
                voc07=voc07.ap.get(name, nan),
                voc=voc.ap.get(name, nan),
                coco=evaluation.coco.ap.get(name, nan),
                precision=at_conf.precision,
                recall=at_conf.recall,
                f1=at_conf.f1,
                best_f1=best.f1,
                best_conf=best.threshold,
            )
        )
    return rows


def breakdown_stacks(understanding: Understanding) -> list[Stack]:
    """Return figure 4: the mean, then the classes, best first."""
    breakdown = understanding.breakdown
    kinds = (*KINDS, "lacking")
    stacks = [
        Stack(name, one.objects, tuple((kind, one.percent(kind)) for kind in kinds))
        for name, one in breakdown.per_class.items()
    ]
    stacks.sort(key=lambda stack: -stack.parts[0][1])
    if not stacks:
        return []
    total = sum(stack.number for stack in stacks)
    mean = tuple((kind, breakdown.mean[kind]) for kind in kinds)
    return [Stack("mean of classes", total, mean, is_class=False), *stacks]


def fate_stacks(understanding: Understanding) -> list[Stack]:
    """Return what became of the objects: all of them, then the classes, best first."""
    misses = understanding.misses

    def stack(name: str, counts: Mapping[str, int], *, is_class: bool = True) -> Stack:
        total = sum(counts.values())
        parts = tuple((fate, 100 * counts[fate] / total) for fate in FATES)
        return Stack(name, total, parts, is_class)

    stacks = [stack(name, counts) for name, counts in misses.per_class.items()]
    stacks.sort(key=lambda one: -one.parts[0][1])
    return [stack("all objects", misses.total, is_class=False), *stacks] if stacks else []


def cells(confusion: Confusion) -> list[list[Cell]]:
    """Return the confusion matrix, row by row."""
    totals = confusion.matrix.sum(axis=1)
    return [
        [Cell(count, 100 * count / total if total else 0.0) for count in row]
        for row, total in zip(confusion.matrix.tolist(), totals.tolist(), strict=True)
    ]


def mixups(confusion: Confusion) -> list[Mixup]:
    """Return the most frequent confusions of one class with another."""
    matrix = confusion.matrix[:-1, :-1].copy()
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:_TOP_CONFUSIONS]
    pairs = zip(*np.unravel_index(order, matrix.shape), strict=True) if matrix.size else ()
    names = confusion.classes
    return [
        Mixup(int(matrix[row, column]), names[row], names[column])
        for row, column in pairs
        if matrix[row, column]
    ]


def _of(point: OperatingPoint | None) -> OperatingPoint:
    nan = float("nan")
    return OperatingPoint(nan, nan, nan, nan) if point is None else point


def _loss(fix: Fix) -> str:
    return {
        "localization": "misplaced boxes (localization)",
        "duplicates": "second boxes on one object (duplicates)",
        "similar": "confusion with similar classes",
        "other": "confusion with other classes",
        "background": "detections on background",
        "missed": "objects that are not found at all",
    }[fix.name]
