"""``yolo classify``."""

from __future__ import annotations

from typing import Annotated

import typer

from yolo_cli.cli import options
from yolo_cli.cli.inference import Folder, NetworkOptions, run_sources
from yolo_cli.cli.sources import (
    DRAWING,
    FOLDER,
    Every,
    HideScores,
    JsonLines,
    Out,
    Recursive,
    SkipExisting,
    Sources,
    Threads,
)
from yolo_cli.inference.formats import IMAGE

TOP = 5


def classify(  # typer calls it by name
    sources: Sources,
    weights: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Weights file or export of a classifier; there is none to start with.",
            show_default=False,
        ),
    ] = "default",
    top: Annotated[
        int, typer.Option(metavar="N", min=1, help="List this many of the likeliest classes.")
    ] = TOP,
    json_lines: JsonLines = False,
    recursive: Recursive = False,
    every: Every = 1,
    out: Out = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FORMATS",
            help="Write these, separated by commas: image (annotated copies), json, jsonl, csv.",
            show_default=IMAGE,
            rich_help_panel=FOLDER,
        ),
    ] = None,
    skip_existing: SkipExisting = False,
    hide_labels: Annotated[
        bool, typer.Option("--hide-labels", help="Draw no labels.", rich_help_panel=DRAWING)
    ] = False,
    hide_scores: HideScores = False,
    batch: options.Batch = options.BATCH,
    threads: Threads = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "auto",
) -> int:
    """Say what is on images and videos, one class for each: annotated copies, tables, JSON.

    The weights are those of a classifier, which yolo train makes from a folder a
    class.

    [b]Examples[/b]
    yolo classify photo.jpg --weights runs/train-1/best.safetensors
    yolo classify holiday/ -r --weights cats.safetensors --top 1 --json
    yolo classify "*.png" --weights cats.safetensors --save image,csv --out sorted
    """
    from yolo_cli.tasks.classify.writers import WRITERS
    from yolo_cli.tasks.result import Style

    return run_sources(
        sources,
        NetworkOptions("classify", weights, device, precision, backend, batch, threads),
        Folder.of("classify", out, save, WRITERS, resume=skip_existing, json_lines=json_lines),
        {"top": top},
        recursive=recursive,
        every=every,
        json_lines=json_lines,
        style=Style(show_labels=not hide_labels, show_scores=not hide_scores),
    )
