"""``yolo eval`` for tasks without boxes: scores by name, and a table of the classes."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from yolo_cli.cli.candidates import Running, run_weights
from yolo_cli.cli.console import cell, plain_table, say
from yolo_cli.data.task_names import LEARNERS, TaskName
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.data.sample import Dataset
    from yolo_cli.evaluation.plain import PlainScores

# Options that are about boxes.
OF_BOXES = (
    *("detections", "detections_format", "boxes", "class_base", "ignore_unknown", "similar"),
    *("conf", "min_conf", "iou_thresholds", "iou", "max_det", "vote"),
)
CONFUSIONS = 3  # that are named
NOTHING = "-"  # for a number that is not defined


@dataclass(frozen=True, eq=False)
class PlainRun:
    """Scores of some weights.

    Attributes:
        scores: what was scored.
        images: how many.
        notes: what was left out, a line each.
    """

    scores: PlainScores
    images: int
    notes: tuple[str, ...]


def task_of_weights(context: typer.Context, names: Sequence[str]) -> TaskName:
    """Return what weights are for.

    Raises:
        UserError: two are for different tasks, or an option is about boxes and they are not.
    """
    from yolo_cli.inference.backends.choose import task_in

    tasks = {name: task_in(name) for name in names}
    if len({*tasks.values()}) > 1:
        said = " and ".join(f"{name} is {LEARNERS[task]}" for name, task in tasks.items())
        raise UserError(f"cannot be compared: {said}", "score them one by one", ExitCode.USAGE)
    task = tasks[names[0]]
    if task != "detect":
        _refuse_boxes(context, task)
    return task


def _refuse_boxes(context: typer.Context, task: TaskName) -> None:
    for name in OF_BOXES:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            flag = f"--{name.replace('_', '-')}"
            raise UserError(
                f"{flag} is about boxes, and {LEARNERS[task]} has none",
                f"leave out {flag}",
                ExitCode.USAGE,
            )


def facts_of(dataset: Dataset, weights: str, detections: Path | None = None) -> dict[str, str]:
    """Return what a report says of where its numbers come from."""
    from yolo_cli.evaluation.report.provenance import identify
    from yolo_cli.model.embedded import weights_path

    source = weights_path(weights) if detections is None else detections
    return {
        "dataset": f"{dataset.root} ({dataset.format})",
        "split": dataset.split,
        "weights" if detections is None else "detections": identify(source),
        "command": shlex.join(["yolo", *sys.argv[1:]]),
    }


def score_weights(console: Console, dataset: Dataset, weights: str, how: Running) -> PlainRun:
    """Run weights over a dataset and score what they say.

    Raises:
        UserError: the weights or an image cannot be read, or no class is common to both.
    """
    from yolo_cli.tasks.task import task_named

    found = run_weights(console, dataset, weights, how)
    scores = task_named(dataset.task).score_outputs(found.detections, found.samples, found.classes)
    return PlainRun(scores, len(found.samples), found.notes)


def show_plain(console: Console, runs: Mapping[str, PlainRun], title: str) -> None:
    """Print the scores of one network, or of two side by side.

    Args:
        console: where to.
        runs: by the name of the weights.
        title: what was scored, without the number of images.
    """
    for name, run in runs.items():
        scores = run.scores
        line = f"{title}, {counted(run.images, 'image')})"
        say(console, line if len(runs) == 1 else f"{line}: {name}")
        if scores.columns:
            console.print(_classes(scores))
        pairs = scores.confused(CONFUSIONS)
        if pairs:
            named = ", ".join(f"{true} for {taken} {count:,}" for true, taken, count in pairs)
            say(console, named, title="Taken most often:")
    console.print(_metrics(runs))


def plain_document(runs: Mapping[str, PlainRun]) -> dict[str, object]:
    """Return what ``--json`` prints: the scores, or those of both by the name of the weights."""
    scores = {name: {"images": one.images, **one.scores.to_json()} for name, one in runs.items()}
    return next(iter(scores.values())) if len(scores) == 1 else {"scores": scores}


def finish_plain(
    console: Console,
    runs: Mapping[str, PlainRun],
    dataset: Dataset,
    *,
    json_out: bool,
    report: Path | None,
) -> None:
    """Say, print and write what was scored.

    Args:
        console: for people.
        runs: by the name of the weights.
        dataset: what they were scored on.
        json_out: whether a JSON document is printed.
        report: folder of a page about the first one; None for none.

    Raises:
        UserError: a file cannot be written.
    """
    title = f"{dataset.root} ({dataset.split}"
    for line in dict.fromkeys(note for one in runs.values() for note in one.notes):
        say(console, line)
    if json_out:
        print(json.dumps(plain_document(runs), indent=2, allow_nan=False))
    show_plain(console, runs, title)
    if report is not None:
        from yolo_cli.evaluation.report.plain import write_plain_report
        from yolo_cli.evaluation.report.provenance import Provenance

        name, run = next(iter(runs.items()))
        about = Provenance(f"{name} on {title})", facts_of(dataset, name), run.notes)
        page = write_plain_report(report, run.scores, run.images, about)
        say(console, str(page), title="report:")


def _classes(scores: PlainScores) -> Table:
    table = plain_table(["class"], list(scores.columns))
    for index, name in enumerate(scores.classes):
        table.add_row(cell(name), *(_number(values[index]) for values in scores.columns.values()))
    return table


def _metrics(runs: Mapping[str, PlainRun]) -> Table:
    first, *others = (run.scores for run in runs.values())
    table = plain_table(["score"], ["%"] if not others else ["A", "B", "B - A"])
    for name, value in first.metrics.items():
        values = [value, *(other.metrics.get(name, math.nan) for other in others)]
        row = [_number(one) for one in values]
        if others:
            row.append(_number(values[1] - values[0]))
        table.add_row(name, *row, style="bold" if name == first.name else "")
    return table


def _number(value: float) -> str:
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return NOTHING if math.isnan(value) else f"{value:.2f}"
