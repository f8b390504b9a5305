"""``yolo detect``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from yolo_cli.cli import options
from yolo_cli.cli.engines import Actors, Address, Engine, EngineOption
from yolo_cli.cli.inference import Folder, NetworkOptions, run_sources
from yolo_cli.cli.sources import (
    DRAWING,
    FOLDER,
    Every,
    HideScores,
    JsonLines,
    LineWidth,
    Recursive,
    SkipExisting,
    Sources,
    Threads,
)
from yolo_cli.engine.places import in_bucket
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.formats import IMAGE

if TYPE_CHECKING:
    from yolo_cli.tasks.task import Task

NmsName: TypeAlias = Literal["class", "agnostic"]


def detect(  # typer calls it by name
    context: typer.Context,
    sources: Sources,
    weights: options.Weights = "default",
    conf: options.Conf = options.DETECT_CONF,
    iou: options.Iou = options.DETECT_IOU,
    nms: Annotated[
        NmsName, typer.Option(help="Suppress overlapping boxes of the same class, or of any class.")
    ] = "class",
    max_det: options.MaxDet = options.MAX_DET,
    vote: options.Vote = True,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Find only these classes, separated by commas: person,dog. Default: all.",
        ),
    ] = None,
    json_lines: JsonLines = False,
    recursive: Recursive = False,
    every: Every = 1,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Write results to this folder; with --engine ray also an s3:// or gs:// address.",
            show_default="detections",
            rich_help_panel=FOLDER,
        ),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FORMATS",
            help="Write these, separated by commas: image (annotated copies), crops, json, jsonl, "
            "csv, coco, yolo, voc. With --engine ray parquet (default) or jsonl.",
            show_default=IMAGE,
            rich_help_panel=FOLDER,
        ),
    ] = None,
    skip_existing: SkipExisting = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Draw how it works instead of annotated copies: the grid, all boxes, the class "
            "of each cell, and what is left after NMS.",
            rich_help_panel=DRAWING,
        ),
    ] = False,
    line_width: LineWidth = None,
    hide_labels: Annotated[
        bool,
        typer.Option("--hide-labels", help="Draw boxes without labels.", rich_help_panel=DRAWING),
    ] = False,
    hide_scores: HideScores = False,
    batch: options.Batch = options.BATCH,
    threads: Threads = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "auto",
    engine: EngineOption = "local",
    actors: Actors = None,
    address: Address = None,
) -> int:
    """Find objects in images and videos: annotated copies, tables, files for other tools.

    [b]Examples[/b]
    yolo detect photo.jpg
    yolo detect holiday/ -r --conf 0.4 --classes person,dog --out found
    yolo detect "*.png" --json > detections.jsonl
    yolo detect clip.mp4 --every 5 --save image,csv
    find . -name "*.jpg" | yolo detect - --save coco,crops --skip-existing
    yolo detect photo.jpg --explain --no-vote
    yolo detect s3://bucket/photos --engine ray --actors 16 --out s3://bucket/found
    """
    where = Engine.of(engine, actors, address)
    thresholds = {
        "conf": conf,
        "iou": iou,
        "max_det": max_det,
        "vote": vote,
        "classes": classes,
        "agnostic": nms == "agnostic",
    }
    network = NetworkOptions("detect", weights, device, precision, backend, batch, threads)
    if where.name == "ray":
        from yolo_cli.cli.on_ray import Run, run_on_ray

        asked = Run.of(context, network, where, thresholds, out, save)
        return run_on_ray(sources, asked, recursive=recursive)
    from yolo_cli.tasks.detect.writers import WRITERS
    from yolo_cli.tasks.result import Style

    if out is not None and in_bucket(out):
        raise UserError(
            f"--out {out}: only --engine ray writes into buckets", "name a folder", ExitCode.USAGE
        )
    path = None if out is None else Path(out)
    folder = Folder.of("detect", path, save, WRITERS, resume=skip_existing, json_lines=json_lines)
    if explain and (folder.path is None or IMAGE not in folder.formats):
        raise UserError(
            "--explain draws pictures, and none are written",
            "leave out --json and --save, or add --save image",
            ExitCode.USAGE,
        )
    return run_sources(
        sources,
        replace(network, reading=_explaining) if explain else network,
        folder,
        thresholds,
        recursive=recursive,
        every=every,
        json_lines=json_lines,
        style=Style(line_width, not hide_labels, not hide_scores),
    )


def _explaining() -> Task:
    from yolo_cli.tasks.detect.explain import TASK

    return TASK
