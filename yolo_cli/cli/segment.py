"""``yolo segment``."""

from __future__ import annotations

from typing import Annotated

import typer

from yolo_cli.cli import options
from yolo_cli.cli.inference import Folder, NetworkOptions, run_sources
from yolo_cli.cli.sources import (
    DRAWING,
    FOLDER,
    Every,
    JsonLines,
    Out,
    Recursive,
    SkipExisting,
    Sources,
    Threads,
)
from yolo_cli.inference.formats import IMAGE


def segment(  # typer calls it by name
    sources: Sources,
    weights: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Weights file or export of a segmenter; there is none to start with.",
            show_default=False,
        ),
    ] = "default",
    json_lines: JsonLines = False,
    recursive: Recursive = False,
    every: Every = 1,
    out: Out = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FORMATS",
            help="Write these, separated by commas: image (colours laid over the picture), mask "
            "(PNG of indices), json, jsonl, csv, coco.",
            show_default=IMAGE,
            rich_help_panel=FOLDER,
        ),
    ] = None,
    skip_existing: SkipExisting = False,
    hide_labels: Annotated[
        bool,
        typer.Option("--hide-labels", help="Draw colours without names.", rich_help_panel=DRAWING),
    ] = False,
    show_shares: Annotated[
        bool,
        typer.Option(
            "--show-shares",
            help="Write each class's share of the picture behind its name.",
            rich_help_panel=DRAWING,
        ),
    ] = False,
    batch: options.Batch = options.BATCH,
    threads: Threads = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "auto",
) -> int:
    """Find the class of every pixel: colours laid over the picture, masks, tables.

    [b]Examples[/b]
    yolo segment street.jpg --weights runs/train-1/best.safetensors
    yolo segment drive.mp4 --every 5 --weights best.safetensors
    yolo segment photos/ --save mask,csv --out masks --weights best.safetensors
    yolo segment "*.png" --json --weights best.safetensors > segments.jsonl
    """
    from yolo_cli.tasks.result import Style
    from yolo_cli.tasks.segment.writers import WRITERS

    return run_sources(
        sources,
        NetworkOptions("segment", weights, device, precision, backend, batch, threads),
        Folder.of("segment", out, save, WRITERS, resume=skip_existing, json_lines=json_lines),
        {},
        recursive=recursive,
        every=every,
        json_lines=json_lines,
        style=Style(None, not hide_labels, show_shares),
    )
