"""How ``yolo eval`` shows scores: every line fits a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from yolo_cli.cli.console import cell, plain_table, say
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.evaluation.compare import Comparison, Difference
    from yolo_cli.evaluation.confusion import Confusion
    from yolo_cli.evaluation.evaluation import Evaluation
    from yolo_cli.evaluation.operating_point import OperatingPoint, OperatingPoints
    from yolo_cli.evaluation.understanding import Understanding

# Each protocol's rules in a line.
VOC07_RULES = "11 points; inclusive pixels; difficult objects ignored"
VOC_RULES = "all points; inclusive pixels; difficult objects ignored"
COCO_RULES = "101 points; IoU .5 to .95; 100 detections; crowd, difficult ignored"

NOTHING = "-"  # for a number that is not defined
CONFUSIONS = 3  # that are named


def show_scores(console: Console, evaluation: Evaluation, title: str) -> None:
    """Print the scores of one detector.

    Args:
        console: where to.
        evaluation: the scores.
        title: what was scored.
    """
    say(console, title)
    voc = evaluation.voc[0.5]
    if voc.ap:
        console.print(_classes(evaluation))
        console.print()
        console.print(_points(evaluation))
    if voc.without_objects:
        say(console, f"no object, left out of the mean: {', '.join(voc.without_objects)}")
    if not voc.ap:
        say(console, "mAP: none, as there is no object to find")
        return
    console.print()
    for name, rules, scores in (
        ("VOC2007", VOC07_RULES, evaluation.voc07),
        ("VOC2010+", VOC_RULES, evaluation.voc),
    ):
        say(console, f"({rules})", title=name)
        thresholds = sorted({0.5, *evaluation.iou_thresholds})
        console.print(_pairs([(f"mAP@{t:g}", scores[t].mean_ap) for t in thresholds], columns=4))
    say(console, f"({COCO_RULES})", title="COCO")
    console.print(_pairs(list(evaluation.coco.metrics.items())))
    _say_points(console, evaluation.points_of_all)
    _say_confusion(console, evaluation.confusion)


def _classes(evaluation: Evaluation) -> Table:
    """Average precision of each class."""
    table = plain_table(["class"], ["objects", "detections", "VOC07", "VOC", "COCO"])
    voc07, voc, coco = evaluation.voc07[0.5], evaluation.voc[0.5], evaluation.coco
    for name, ap in voc.ap.items():
        details = voc.per_class[name]
        table.add_row(
            cell(name),
            str(details.objects),
            str(details.detections),
            *map(_rate, (voc07.ap[name], ap, coco.ap.get(name, math.nan))),
        )
    scored = [voc.per_class[name] for name in voc.ap]
    table.add_row(
        f"mean of {counted(len(scored), 'class')}",
        str(sum(details.objects for details in scored)),
        str(sum(details.detections for details in scored)),
        *map(_rate, (voc07.mean_ap, voc.mean_ap, coco.metrics["AP"])),
        style="bold",
    )
    return table


def _points(evaluation: Evaluation) -> Table:
    """Precision, recall and F1 of each class where F1 is best, and at ``--conf``."""
    conf = f"at {evaluation.conf:g}:"
    table = plain_table(
        ["class"], ["best F1 at", "prec.", "recall", "F1", conf, "prec.", "recall", "F1"]
    )
    for name, points in evaluation.points.items():
        table.add_row(cell(name), *_both(points))
    table.add_row("all together", *_both(evaluation.points_of_all), style="bold")
    return table


def _both(points: OperatingPoints) -> list[str]:
    best = NOTHING if points.best is None else f"{points.best.threshold:.3f}"
    return [best, *_point(points.best), "", *_point(points.at_conf)]


def _point(point: OperatingPoint | None) -> list[str]:
    values = (math.nan,) * 3 if point is None else (point.precision, point.recall, point.f1)
    return [_rate(value) for value in values]


def _rate(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.1f}"


def _pairs(pairs: Sequence[tuple[str, float]], columns: int = 6) -> Table:
    """Named numbers, some to a line, one below the other."""
    columns = min(len(pairs), columns)
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 1))
    for _ in range(columns):
        table.add_column()
        table.add_column(justify="right")
    for start in range(0, len(pairs), columns):
        row = [(n, NOTHING if math.isnan(v) else f"{v:.2f}") for n, v in pairs[start:][:columns]]
        table.add_row(*(part for pair in row for part in pair))
    return table


def _say_points(console: Console, points: OperatingPoints) -> None:
    at, best = points.at_conf, points.best
    if at is not None:
        say(
            console,
            f"precision {_rate(at.precision)}, recall {_rate(at.recall)}, F1 {_rate(at.f1)}"
            + ("" if best is None else f"; best F1 {_rate(best.f1)} at {best.threshold:.3f}"),
            title=f"At confidence {at.threshold:g}:",
        )


def _say_confusion(console: Console, confusion: Confusion) -> None:
    """Print the pairs of classes that are mixed up most."""
    matrix, names = confusion.matrix, confusion.classes
    between = matrix[:-1, :-1].copy()
    between[range(len(names)), range(len(names))] = 0
    worst = [divmod(int(i), len(names)) for i in (-between).ravel().argsort(kind="stable")]
    named = [
        f"{names[true]} for {names[taken]} {between[true, taken]}"
        for true, taken in worst[:CONFUSIONS]
        if between[true, taken]
    ]
    say(console, f"{int(matrix[-1].sum())} of no object", title="Detections:")
    if named:
        say(console, ", ".join(named), title="Taken most often:")


def show_understanding(console: Console, understanding: Understanding) -> None:
    """Print what became of the objects, the kinds of error, and mAP without each and by size."""
    if not understanding.breakdown.mean:
        return
    total = understanding.misses.total
    say(
        console,
        f"{total['found']} found, {total['wrong_class']} as another class, "
        f"{total['poorly_localized']} with a misplaced box, {total['not_found']} not at all",
        title="Objects:",
    )
    say(console, "(per class the N surest detections, N its objects; % of N)", title="Errors")
    console.print(_pairs(list(understanding.breakdown.mean.items()), columns=3))
    say(console, "without a kind of error", title="VOC2007 mAP@0.5")
    console.print(_pairs([(fix.name, fix.mean_ap) for fix in understanding.fixes], columns=3))
    say(console, "by size of object (below 32², to 96², above)", title="VOC2007 mAP@0.5")
    console.print(_pairs([(name, one.mean_ap) for name, one in understanding.sizes.items()]))


def show_comparison(console: Console, comparison: Comparison, names: Sequence[str]) -> None:
    """Print two detectors side by side.

    Args:
        console: where to.
        comparison: of the two.
        names: of the first and of the second.
    """
    for letter, name in zip("AB", names, strict=True):
        say(console, name, title=f"{letter}:")
    table = plain_table([""], ["A", "B", "B - A", "95 % interval", ""])
    table.columns[-1].justify = "left"
    for name, one in (
        ("VOC2007 mAP@0.5", comparison.voc07),
        ("VOC2010+ mAP@0.5", comparison.voc),
        ("COCO AP", comparison.coco),
    ):
        table.add_row(name, *_difference(one), style="bold")
    for name, one in comparison.per_class.items():
        table.add_row(cell(name), *_difference(one))
    console.print(table)
    say(
        console,
        f"classes: VOC2007 AP; interval: {comparison.resamples} bootstrap draws of the images",
    )


def _difference(one: Difference) -> list[str]:
    known = not math.isnan(one.low)
    return [
        _rate(one.first),
        _rate(one.second),
        NOTHING if math.isnan(one.difference) else f"{one.difference:+.1f}",
        f"{one.low:+.1f} to {one.high:+.1f}" if known else NOTHING,
        "may be chance" if known and not one.certain else "",
    ]
