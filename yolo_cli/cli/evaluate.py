"""``yolo eval``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import image_progress, stderr

if TYPE_CHECKING:
    from yolo_cli.evaluation.voc import VocScore


def evaluate(  # typer calls it by name
    data: Annotated[Path, typer.Argument(help="Dataset folder: Pascal VOC, YOLO or COCO layout.")],
    split: Annotated[
        str | None, typer.Option(help="val, test, train …; val where there is one unless told.")
    ] = None,
    weights: options.Weights = "default",
    conf: options.Conf = options.EVAL_CONF,
    iou: options.Iou = options.EVAL_IOU,
    max_det: options.MaxDet = options.MAX_DET,
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
        console.print(f"skipped: {line}", markup=False, soft_wrap=True)

    from yolo_cli.detection.detector import Detector
    from yolo_cli.detection.labelled import detect_dataset
    from yolo_cli.evaluation.voc import evaluate_voc
    from yolo_cli.model.thresholds import Thresholds

    detector = Detector.load(weights, device=device, precision=precision)
    with image_progress(console) as bar:
        task = bar.add_task("detecting", total=len(dataset))
        found = detect_dataset(
            detector,
            dataset,
            Thresholds(conf, iou, max_det),
            batch=batch,
            skip_bad=skip_bad,
            progress=lambda count: bar.advance(task, count),
        )
    for line in found.skipped:
        console.print(f"skipped: {line}", markup=False, soft_wrap=True)
    _say_unmatched(console, found.matching.only_weights, found.matching.only_dataset)
    score = evaluate_voc(found.samples, found.detections, found.classes)
    if json_out:
        print(json.dumps({"voc07": _as_json(score)}, ensure_ascii=False, indent=2))
    _show(console, score, f"{data} ({dataset.split}, {len(found.samples)} images)")


def _say_unmatched(
    console: Console, only_weights: tuple[str, ...], only_dataset: tuple[str, ...]
) -> None:
    for names, where in (
        (only_dataset, "not scored, as the weights do not know it"),
        (only_weights, "not scored, as the dataset does not have it"),
    ):
        if names:
            console.print(f"{where}: {', '.join(names)}", markup=False, soft_wrap=True)


def _as_json(score: VocScore) -> dict[str, object]:
    """The scores with nan, which JSON does not know, as null."""
    return {"mAP": None if math.isnan(score.mean_ap) else score.mean_ap, "AP": score.ap}


def _show(console: Console, score: VocScore, title: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), box=None, pad_edge=False, title_justify="left")
    for name in ("class", "objects", "detections", "found", "AP"):
        table.add_column(name, justify="left" if name == "class" else "right")
    for name, details in score.per_class.items():
        if name in score.ap:
            table.add_row(
                escape(name),
                str(details.objects),
                str(details.detections),
                str(details.true_positives),
                f"{details.ap:.1f}",
            )
    console.print(table)
    if score.without_objects:
        console.print(
            f"no object, left out of the mean: {', '.join(score.without_objects)}",
            markup=False,
            soft_wrap=True,
        )
    console.print(
        f"VOC07 mAP@0.5: [b]{score.mean_ap:.2f}[/b] (11-point average precision, mean of "
        f"{len(score.ap)} classes; difficult objects ignored)",
        soft_wrap=True,
    )
