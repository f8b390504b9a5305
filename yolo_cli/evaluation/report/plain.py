"""The report of a task without boxes: one page to read, and its numbers as data."""

from __future__ import annotations

import base64
import csv
import json
import math
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from yolo_cli.evaluation.plain import Example, PlainScores
from yolo_cli.evaluation.report.provenance import Provenance
from yolo_cli.files import atomic_write_text
from yolo_cli.text import counted, printable

PAGE = "report.html"
TEMPLATE = "plain.html"
_CONFUSIONS = 10  # that are named
_WORST = 8  # images
_MOST_CELLS = 40  # classes of a matrix that is shown whole; a larger one is in report.json


def write_plain_report(
    folder: Path, scores: PlainScores, images: int, provenance: Provenance
) -> Path:
    """Write ``report.html``, which needs no other file, ``report.json`` and ``classes.csv``.

    Args:
        folder: made if it is not there; files of an earlier report in it are replaced.
        scores: what to show.
        images: how many were scored.
        provenance: where they come from.

    Returns:
        The page.

    Raises:
        UserError: a file cannot be written.
    """
    page = folder / PAGE
    atomic_write_text(page, _html(scores, images, provenance))
    document = {"provenance": provenance.to_json(), "images": images, **scores.to_json()}
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    atomic_write_text(folder / "report.json", text)
    atomic_write_text(folder / "classes.csv", _csv(scores))
    return page


def _html(scores: PlainScores, images: int, provenance: Provenance) -> str:
    environment = Environment(
        loader=PackageLoader("yolo_cli.evaluation.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters["n"] = _number
    return environment.get_template(TEMPLATE).render(
        provenance=provenance,
        images=counted(images, "image"),
        scores=scores,
        rows=[
            (name, [values[index] for values in scores.columns.values()])
            for index, name in enumerate(scores.classes)
        ],
        mixups=scores.confused(_CONFUSIONS),
        worst=[_shown(one) for one in scores.worst(_WORST)],
        matrix=_matrix(scores),
        facts={
            **provenance.facts,
            "date": provenance.date,
            "versions": ", ".join(f"{name} {v}" for name, v in provenance.versions.items()),
        },
    )


def _matrix(scores: PlainScores) -> list[tuple[str, list[tuple[int, float]]]]:
    """A row for each class: its counts, and what share of the class each is."""
    if scores.confusion is None or len(scores.classes) > _MOST_CELLS:
        return []
    totals = np.maximum(scores.confusion.sum(axis=1), 1)
    shares = scores.confusion / totals[:, None]
    return [
        (name, list(zip(counts.tolist(), parts.tolist(), strict=True)))
        for name, counts, parts in zip(scores.classes, scores.confusion, shares, strict=True)
    ]


def _shown(example: Example) -> dict[str, object]:
    """Return an example for the template; in words where there is no picture."""
    shown: dict[str, object] = {"id": example.id, "text": example.text, "problem": example.problem}
    if example.image is None:
        return {**shown, "src": ""}
    file = BytesIO()
    example.image.save(file, format="JPEG", quality=82, optimize=True)
    source = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    return {**shown, "src": source, "width": example.image.width, "height": example.image.height}


def _number(value: float) -> str:
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return "-" if math.isnan(value) else f"{value:.1f}"


def _csv(scores: PlainScores) -> str:
    """Return a row per class; what is not defined is empty."""
    text = StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["class", *scores.columns])
    for index, name in enumerate(scores.classes):
        numbers = (values[index] for values in scores.columns.values())
        table.writerow([printable(name), *("" if math.isnan(v) else v for v in numbers)])
    return text.getvalue()
