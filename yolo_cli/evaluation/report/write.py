"""Write the report of an evaluation into a folder."""

from __future__ import annotations

import csv
import json
import math
from base64 import b64encode
from collections.abc import Callable
from dataclasses import astuple, fields
from io import StringIO
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from yolo_cli.evaluation.evaluation import Evaluation
from yolo_cli.evaluation.report import plots, view
from yolo_cli.evaluation.report.pictures import Picture, draw_worst, sheet
from yolo_cli.evaluation.report.provenance import Provenance
from yolo_cli.evaluation.understanding import Understanding
from yolo_cli.evaluation.voc import IOU_THRESHOLD
from yolo_cli.evaluation.worst import WorstImage
from yolo_cli.files import atomic_write, atomic_write_text
from yolo_cli.text import counted, printable

PAGE = "report.html"
_COLUMNS = (
    "objects", "AP VOC07", "AP VOC", "AP COCO", "precision", "recall", "F1", "best F1", "at conf",
)  # fmt: skip
_SIZES = {
    "small": "up to 32² pixels",
    "medium": "32² to 96² pixels",
    "large": "96² pixels and more",
}


def write_report(
    folder: Path,
    evaluation: Evaluation,
    understanding: Understanding,
    provenance: Provenance,
) -> list[Path]:
    """Write an evaluation as a page to read and as data.

    ``report.html`` needs no other file and fetches nothing. ``report.json`` holds the scores (as
    :meth:`.Evaluation.to_json` gives them), with what stands behind them under ``errors``
    (:meth:`.Understanding.to_json`) and the provenance; ``classes.csv`` a row a class;
    the PNG files the plots and the worst images. Each is written whole or not at all. Images of
    the dataset that cannot be read are named on the page instead of shown.

    Args:
        folder: made if it is not there; files of an earlier report in it are replaced.
        evaluation: the scores.
        understanding: what stands behind them.
        provenance: where they come from.

    Returns:
        The files written, the page first.

    Raises:
        UserError: a file cannot be written.
    """
    pictures = draw_worst(understanding.worst, evaluation.samples, understanding.ranking)
    page = folder / PAGE
    atomic_write_text(page, _html(evaluation, understanding, provenance, pictures))
    atomic_write_text(folder / "report.json", _json(evaluation, understanding, provenance))
    atomic_write_text(folder / "classes.csv", _csv(evaluation))
    written = [page, folder / "report.json", folder / "classes.csv"]
    for name, make in _images(evaluation, understanding, pictures).items():
        content = make()
        if content:
            with atomic_write(folder / name) as file:
                file.write(content)
            written.append(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)  # of an earlier report
    return written


def _images(
    evaluation: Evaluation, understanding: Understanding, pictures: list[Picture]
) -> dict[str, Callable[[], bytes]]:
    now = evaluation.voc07[IOU_THRESHOLD].mean_ap
    return {
        "precision_recall.png": lambda: plots.curves_png(_curves(evaluation)),
        "confusion.png": lambda: plots.confusion_png(evaluation.confusion),
        "breakdown.png": lambda: plots.breakdown_png(understanding.breakdown),
        "fixed.png": lambda: plots.fixes_png(understanding.fixes, now),
        "worst_images.png": lambda: sheet(pictures),
    }


def _html(
    evaluation: Evaluation,
    understanding: Understanding,
    provenance: Provenance,
    pictures: list[Picture],
) -> str:
    environment = Environment(
        loader=PackageLoader("yolo_cli.evaluation.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_one_line,
    )
    environment.filters["n"] = view.number
    environment.filters["v"] = _sort_value
    matching = evaluation.matching
    return environment.get_template(PAGE).render(
        provenance=provenance,
        images=counted(len(evaluation.samples), "image"),
        objects=counted(int((~matching.objects.ignored).sum()), "object"),
        detections=counted(len(matching.detections.scores), "detection"),
        conf=f"{evaluation.conf:g}",
        headlines=view.headlines(evaluation),
        findings=view.findings(evaluation, understanding),
        without_objects=evaluation.voc07[IOU_THRESHOLD].without_objects,
        breakdown=view.breakdown_stacks(understanding),
        kind_titles=view.KIND_TITLES,
        groups=understanding.groups,
        fates=view.fate_stacks(understanding),
        fate_titles=view.FATE_TITLES,
        fixes=understanding.fixes,
        now=evaluation.voc07[IOU_THRESHOLD].mean_ap,
        sizes=understanding.sizes,
        size_titles=_SIZES,
        columns=_COLUMNS,
        class_rows=view.class_rows(evaluation),
        curves=_curve_figures(evaluation),
        mixups=view.mixups(evaluation.confusion),
        matrix_names=[*evaluation.classes, "background"],
        matrix=view.cells(evaluation.confusion),
        worst=[
            _worst(one, picture, evaluation, understanding)
            for one, picture in zip(understanding.worst, pictures, strict=True)
        ],
        facts={
            **provenance.facts,
            "date": provenance.date,
            "versions": ", ".join(f"{name} {v}" for name, v in provenance.versions.items()),
        },
    )


def _curves(evaluation: Evaluation) -> list[plots.Curve]:
    """Return the confusion matrix of the classes that have objects."""
    scores = evaluation.voc07[IOU_THRESHOLD]
    return [
        plots.curve(name, scores.per_class[name], evaluation.points[name].at_conf)
        for name in scores.ap
    ]


def _curve_figures(evaluation: Evaluation) -> list[dict[str, object]]:
    curves = _curves(evaluation)
    ap = evaluation.voc07[IOU_THRESHOLD].ap
    return [
        {"name": curve.name, "ap": ap[curve.name], "src": _data_uri("image/svg+xml", svg)}
        for curve, svg in zip(curves, plots.curve_svg(curves), strict=True)
    ]


def _worst(
    one: WorstImage, picture: Picture, evaluation: Evaluation, understanding: Understanding
) -> dict[str, object]:
    """Return a worst image for the template; in words where there is no picture."""
    ranking, names = understanding.ranking, evaluation.classes
    lines = []
    if picture.image is None:
        lines = [f"✗ {names[ranking.labels[i]]} {ranking.scores[i]:.0%}" for i in one.false]
        lines += [f"○ {names[ranking.objects.labels[i]]}" for i in one.missed]
    width, height = picture.image.size if picture.image is not None else (0, 0)
    return {
        "id": evaluation.samples[one.image].id,
        "src": _data_uri("image/jpeg", picture.jpeg()) if picture.image is not None else "",
        "problem": picture.problem,
        "width": width,
        "height": height,
        "false": len(one.false),
        "missed": len(one.missed),
        "correct": len(one.correct),
        "lines": lines,
    }


def _data_uri(kind: str, content: bytes) -> Markup:
    return Markup("data:{};base64,{}").format(kind, b64encode(content).decode("ascii"))


def _one_line(value: object) -> object:
    """Make text printable: names are other people's, and may hold what no text file can."""
    return printable(value) if type(value) is str else value  # markup is a str of another type


def _sort_value(value: float) -> Markup:
    """Return what a cell is sorted by; nothing where there is no number."""
    return Markup("") if math.isnan(value) else Markup(' data-v="{}"').format(value)


def _json(evaluation: Evaluation, understanding: Understanding, provenance: Provenance) -> str:
    ids = [sample.id for sample in evaluation.samples]
    document = {
        "provenance": provenance.to_json(),
        **evaluation.to_json(),
        "errors": understanding.to_json(ids),
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _csv(evaluation: Evaluation) -> str:
    """Return a row per class; what is not defined is empty."""
    text = StringIO(newline="")
    table = csv.writer(text)
    table.writerow([field.name for field in fields(view.ClassRow)])
    for row in view.class_rows(evaluation):
        _, *numbers = astuple(row)
        table.writerow([printable(row.name), *("" if math.isnan(v) else v for v in numbers)])
    return text.getvalue()
