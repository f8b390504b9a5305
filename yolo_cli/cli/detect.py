"""``yolo detect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from yolo_cli.cli import options
from yolo_cli.cli.inference import DEFAULT_OUT, Folder, NetworkOptions, run_sources
from yolo_cli.inference.formats import IMAGE

DRAWING, FOLDER = "Drawing", "Folder of results"

NmsName: TypeAlias = Literal["class", "agnostic"]


def detect(  # typer calls it by name
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Images, folders, patterns, videos, .txt lists of paths, http(s) addresses, or - "
            "for paths on standard input.",
        ),
    ],
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
    json_lines: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a JSON line for each image; write files only if --out or --save is given.",
        ),
    ] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Search subfolders, too.")
    ] = False,
    every: Annotated[
        int, typer.Option(metavar="N", min=1, help="Look at every Nth frame of a video.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write results to this folder.",
            show_default=str(DEFAULT_OUT),
            rich_help_panel=FOLDER,
        ),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FORMATS",
            help="Write these, separated by commas: image (annotated copies), crops, json, jsonl, "
            "csv, coco, yolo, voc.",
            show_default=IMAGE,
            rich_help_panel=FOLDER,
        ),
    ] = None,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Skip images whose results are there: go on where an earlier run stopped.",
            rich_help_panel=FOLDER,
        ),
    ] = False,
    line_width: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            min=1,
            help="Draw boxes this wide.",
            show_default="scaled to the image",
            rich_help_panel=DRAWING,
        ),
    ] = None,
    hide_labels: Annotated[
        bool,
        typer.Option("--hide-labels", help="Draw boxes without labels.", rich_help_panel=DRAWING),
    ] = False,
    hide_scores: Annotated[
        bool,
        typer.Option(
            "--hide-scores", help="Write classes without scores.", rich_help_panel=DRAWING
        ),
    ] = False,
    batch: options.Batch = options.BATCH,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Use this many threads.",
            show_default="one for each core",
            rich_help_panel=options.SPEED,
        ),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "auto",
) -> int:
    """Find objects in images and videos: annotated copies, tables, files for other tools.

    [b]Examples[/b]
    yolo detect photo.jpg
    yolo detect holiday/ -r --conf 0.4 --classes person,dog --out found
    yolo detect "*.png" --json > detections.jsonl
    yolo detect clip.mp4 --every 5 --save image,csv
    find . -name "*.jpg" | yolo detect - --save coco,crops --skip-existing
    """
    from yolo_cli.tasks.detect.writers import WRITERS
    from yolo_cli.tasks.result import Style

    thresholds = {
        "conf": conf,
        "iou": iou,
        "max_det": max_det,
        "vote": vote,
        "classes": classes,
        "agnostic": nms == "agnostic",
    }
    return run_sources(
        sources,
        NetworkOptions(weights, device, precision, backend, batch, threads),
        Folder.of(out, save, WRITERS, resume=skip_existing, json_lines=json_lines),
        thresholds,
        recursive=recursive,
        every=every,
        json_lines=json_lines,
        style=Style(line_width, not hide_labels, not hide_scores),
    )
