"""``yolo eval``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import say, stderr
from yolo_cli.cli.early import check_network
from yolo_cli.cli.engines import Actors, Address, Engine, EngineOption
from yolo_cli.cli.eval_options import check_given, one_or_two, parse_ious, settings
from yolo_cli.cli.eval_tasks import facts_of, finish_plain, score_weights, task_of_weights
from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.evaluation.result_forms import (
    BOXES_FLAG,
    CLASS_BASE_FLAG,
    FORMAT_FLAG,
    IGNORE_FLAG,
    BoxForm,
    ResultFormat,
)
from yolo_cli.files import check_folder
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.cli.candidates import Candidate
    from yolo_cli.evaluation.compare import Comparison
    from yolo_cli.evaluation.evaluation import Evaluation
    from yolo_cli.evaluation.report.provenance import Provenance
    from yolo_cli.evaluation.understanding import Understanding

SCORING, FILES = "Scoring", "Detections of other tools"


def evaluate(  # typer calls it by name
    context: typer.Context,
    data: options.DataFolder,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Score this split: val, test, train …",
            show_default="val, else test, else all",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Weights file or export, or the name of embedded weights, of any task; give two "
            "to compare.",
            show_default="default",
        ),
    ] = None,
    detections: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Score another tool's detections instead, a file or folder; give two to compare.",
        ),
    ] = None,
    json_out: Annotated[
        bool, typer.Option("--json", help="Print the scores as one JSON document.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write an HTML page with curves, errors and pictures, and its data."
        ),
    ] = None,
    conf: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Report precision, recall, F1 and confusion at this score.",
            rich_help_panel=SCORING,
        ),
    ] = options.DETECT_CONF,
    iou_thresholds: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,X",
            help="Report the mAP of the VOC protocols at these IoUs, separated by commas.",
            show_default="0.5",
            rich_help_panel=SCORING,
        ),
    ] = None,
    similar: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B",
            help="Treat these classes as similar when sorting errors; repeat for each group.",
            show_default="the groups of VOC",
            rich_help_panel=SCORING,
        ),
    ] = None,
    format: options.Format = None,  # noqa: A002  # the option's name
    class_attribute: options.ClassAttribute = None,
    skip_bad: options.SkipBad = False,
    detections_format: Annotated[
        ResultFormat | None,
        typer.Option(
            FORMAT_FLAG,
            help="Read --detections in this format.",
            show_default="recognised",
            rich_help_panel=FILES,
        ),
    ] = None,
    boxes: Annotated[
        BoxForm | None,
        typer.Option(
            BOXES_FLAG,
            help="Read the four numbers of a box as these; n: fractions of the image; voc: pixels "
            "counted from 1.",
            rich_help_panel=FILES,
        ),
    ] = None,
    class_base: Annotated[
        int | None,
        typer.Option(
            CLASS_BASE_FLAG,
            metavar="N",
            min=0,
            help="Number of the first class, where classes are numbers.",
            rich_help_panel=FILES,
        ),
    ] = None,
    ignore_unknown: Annotated[
        bool,
        typer.Option(
            IGNORE_FLAG,
            help="Skip detections for images and classes that DATA does not have.",
            rich_help_panel=FILES,
        ),
    ] = False,
    min_conf: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Keep detections with at least this score: average precision counts unsure ones.",
            show_default=f"{options.EVAL_CONF}; --detections: all",
        ),
    ] = None,
    iou: options.Iou = options.EVAL_IOU,
    max_det: options.MaxDet = options.MAX_DET,
    vote: options.Vote = True,
    batch: options.Batch = options.BATCH,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "auto",
    engine: EngineOption = "local",
    actors: Actors = None,
    address: Address = None,
) -> None:
    """Score weights, or any tool's detections: VOC2007, VOC2010+ and COCO in one run.

    All rates are 0 to 100. Precision, recall, F1, confusion and errors are at IoU 0.5.

    [b]Examples[/b]
    yolo eval DATA --split test
    yolo eval DATA --iou-thresholds 0.5,0.75 --conf 0.4 --json > scores.json
    yolo eval DATA --weights runs/train-1/best.safetensors --weights default
    yolo eval instances.json --detections results.json --json
    """
    thresholds = parse_ious(iou_thresholds or [])
    check_given(context, network=not detections)
    where = Engine.of(engine, actors, address)
    names = one_or_two([str(path) for path in detections or []] or weights or ["default"])

    if report is not None:
        _check_report(report, names)
    if not detections:
        for name in names:
            check_network(name, device)

    task: TaskName = "detect" if detections else task_of_weights(context, names)
    from yolo_cli.cli.candidates import Files, Running, from_files, from_weights
    from yolo_cli.data.dataset import open_dataset
    from yolo_cli.data.splits import evaluation_split
    from yolo_cli.evaluation.similar import parse_similar
    from yolo_cli.tasks.detect.thresholds import VOTE, Thresholds

    console = stderr()
    folder = open_dataset(
        data,
        format=format,
        skip_bad=skip_bad,
        images=not detections,
        class_attribute=class_attribute,
        task=task,
    )
    dataset = evaluation_split(folder, split)
    if folder.note:
        say(console, folder.note)
    skipped = [f"skipped: {line}" for line in dataset.skipped]
    for line in skipped:
        say(console, line)
    if task != "detect":
        from yolo_cli.tasks.task import task_named

        how = Running(task_named(task).scoring, batch, device, precision, backend, skip_bad, where)
        plain = {name: score_weights(console, dataset, name, how) for name in names}
        finish_plain(console, plain, dataset, json_out=json_out, report=report)
        return
    groups = parse_similar(similar or [], dataset.classes)
    if detections:
        files = Files(detections_format, boxes, class_base, ignore_unknown, min_conf)
        found = [from_files(dataset, path, files) for path in detections]
    else:
        # At --conf everything has to be there; what is kept beyond it changes nothing there.
        least = min(conf, options.EVAL_CONF if min_conf is None else min_conf)
        kept = Thresholds(least, iou, max_det, VOTE if vote else None)
        how = Running(kept, batch, device, precision, backend, skip_bad, where)
        found = [from_weights(console, dataset, name, how) for name in names]
    for line in dict.fromkeys(note for one in found for note in one.notes):
        say(console, line)
    _same_classes(found)
    runs = {one.name: _score(one, thresholds, conf, groups) for one in found}
    comparison = _compare(runs) if len(runs) > 1 else None
    if json_out:
        print(json.dumps(_document(runs, comparison), indent=2, allow_nan=False))
    _show(console, runs, comparison, f"{data} ({dataset.split}")
    if report is not None:
        from yolo_cli.evaluation.report.provenance import Provenance

        facts = {
            **facts_of(dataset, names[0], detections[0] if detections else None),
            **settings(context, network=not detections),
        }
        title = f"{names[0]} on {data} ({dataset.split})"
        provenance = Provenance(title, facts, [*skipped, *found[0].notes])
        _write(console, report, runs[names[0]], provenance)


@dataclass(frozen=True, eq=False)
class _Run:
    """One candidate, scored."""

    scores: Evaluation
    understanding: Understanding


def _check_report(folder: Path, names: Sequence[str]) -> None:
    if len(names) > 1:
        raise UserError(
            "--report shows one detector, not two", "write a report of each", ExitCode.USAGE
        )
    check_folder(folder, "--report")


def _same_classes(found: Sequence[Candidate]) -> None:
    """Two can only be compared by what both know."""
    for one in found[1:]:
        if one.classes != found[0].classes:
            odd = sorted({*one.classes} ^ {*found[0].classes})
            raise UserError(
                f"{found[0].name} and {one.name} cannot be compared: "
                f"only one of them knows {', '.join(odd)}",
                "score them one by one",
            )


def _score(
    one: Candidate, thresholds: Sequence[float], conf: float, groups: Sequence[Sequence[str]]
) -> _Run:
    from yolo_cli.evaluation.evaluation import evaluate as evaluate_all
    from yolo_cli.evaluation.understanding import understand

    scores = evaluate_all(
        one.samples, one.detections, one.classes, iou_thresholds=thresholds, conf=conf
    )
    return _Run(scores, understand(scores, groups))


def _document(runs: Mapping[str, _Run], comparison: Comparison | None) -> dict[str, object]:
    """Return what ``--json`` prints: the scores, or both and their comparison."""
    scores = {
        name: {
            **run.scores.to_json(),
            "errors": run.understanding.to_json([s.id for s in run.scores.samples]),
        }
        for name, run in runs.items()
    }
    if comparison is None:
        return next(iter(scores.values()))
    return {"scores": scores, "comparison": comparison.to_json()}


def _compare(runs: Mapping[str, _Run]) -> Comparison:
    from yolo_cli.evaluation.compare import compare

    first, second = (run.scores for run in runs.values())
    return compare(first, second)


def _show(
    console: Console, runs: Mapping[str, _Run], comparison: Comparison | None, what: str
) -> None:
    from yolo_cli.cli.scores import show_comparison, show_scores, show_understanding

    for name, run in runs.items():
        title = f"{what}, {counted(len(run.scores.samples), 'image')})"
        show_scores(console, run.scores, title if comparison is None else f"{title}: {name}")
        show_understanding(console, run.understanding)
    if comparison is not None:
        show_comparison(console, comparison, list(runs))


def _write(console: Console, folder: Path, run: _Run, provenance: Provenance) -> None:
    from yolo_cli.evaluation.report.write import write_report

    page = write_report(folder, run.scores, run.understanding, provenance)[0]
    say(console, str(page), title="report:")
