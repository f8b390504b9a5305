"""``yolo eval``."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import cell, image_progress, plain_table, say, stderr
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.evaluation.voc import VocScore


def evaluate(  # typer calls it by name
    data: options.DataFolder,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="val, test, train …; unless told val, else test, else all.",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    weights: options.Weights = "default",
    conf: options.Conf = options.EVAL_CONF,
    iou: options.Iou = options.EVAL_IOU,
    max_det: options.MaxDet = options.MAX_DET,
    vote: options.Vote = True,
    json_out: Annotated[
        bool, typer.Option("--json", help="Print the scores as one JSON document.")
    ] = False,
    format: options.Format = None,  # noqa: A002  # the option's name
    skip_bad: options.SkipBad = False,
    batch: options.Batch = options.BATCH,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
) -> None:
    """Score weights on a labelled dataset: VOC2007 mAP at IoU 0.5.

    [b]Examples[/b]
    yolo eval DATA --split test
    yolo eval DATA --weights runs/train-1/best.safetensors --json > scores.json
    """
    from yolo_cli.data.dataset import open_dataset
    from yolo_cli.data.splits import evaluation_split

    console = stderr()
    dataset = evaluation_split(open_dataset(data, format=format, skip_bad=skip_bad), split)
    for line in dataset.skipped:
        say(console, line, title="skipped:")

    from yolo_cli.detection.detector import Detector
    from yolo_cli.detection.labelled import detect_dataset
    from yolo_cli.evaluation.voc import evaluate_voc
    from yolo_cli.model.thresholds import VOTE, Thresholds

    detector = Detector.load(weights, device=device, precision=precision)
    with image_progress(console) as bar:
        task = bar.add_task("detecting", total=len(dataset))
        found = detect_dataset(
            detector,
            dataset,
            Thresholds(conf, iou, max_det, VOTE if vote else None),
            batch=min(batch, len(dataset)),
            skip_bad=skip_bad,
            progress=lambda count: bar.advance(task, count),
        )
    for line in found.skipped:
        say(console, line, title="skipped:")
    _say_unmatched(console, found.matching.only_weights, found.matching.only_dataset)
    score = evaluate_voc(found.samples, found.detections, found.classes)
    if json_out:
        print(json.dumps({"voc07": _as_json(score)}, indent=2))
    _show(console, score, f"{data} ({dataset.split}, {counted(len(found.samples), 'image')})")


def _say_unmatched(
    console: Console, only_weights: tuple[str, ...], only_dataset: tuple[str, ...]
) -> None:
    for names, where in (
        (only_dataset, "not scored, as the weights do not know it:"),
        (only_weights, "not scored, as the dataset does not have it:"),
    ):
        if names:
            say(console, ", ".join(names), title=where, style="none")


def _as_json(score: VocScore) -> dict[str, object]:
    """The scores with nan, which JSON does not know, as null."""
    return {"mAP": None if math.isnan(score.mean_ap) else score.mean_ap, "AP": score.ap}


def _show(console: Console, score: VocScore, title: str) -> None:
    say(console, title)
    table = plain_table(["class"], ["objects", "detections", "found", "AP"])
    for name, details in score.per_class.items():
        if name in score.ap:
            numbers = (details.objects, details.detections, details.true_positives)
            table.add_row(cell(name), *map(str, numbers), f"{details.ap:.1f}")
    if table.row_count:
        console.print(table)
    if score.without_objects:
        say(console, f"no object, left out of the mean: {', '.join(score.without_objects)}")
    if not score.ap:
        say(console, "VOC07 mAP@0.5: none, as there is no object to find")
        return
    say(
        console,
        f"{score.mean_ap:.2f} (11-point average precision, mean over "
        f"{counted(len(score.ap), 'class')}; difficult objects ignored)",
        title="VOC07 mAP@0.5:",
    )
