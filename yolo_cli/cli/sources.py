"""Options of the commands that run a network on sources: ``yolo detect`` and its like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from yolo_cli.cli import options

DRAWING, FOLDER = "Drawing", "Folder of results"

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="Images, folders, patterns, videos, .txt lists of paths, http(s) addresses, or - "
        "for paths on standard input.",
    ),
]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print a JSON line for each image; write files only if --out or --save is given.",
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Search subfolders, too.")]
Every = Annotated[int, typer.Option(metavar="N", min=1, help="Look at every Nth frame of a video.")]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="Skip images whose results are there: go on where an earlier run stopped.",
        rich_help_panel=FOLDER,
    ),
]
LineWidth = Annotated[
    int | None,
    typer.Option(
        metavar="PIXELS",
        min=1,
        help="Draw boxes this wide.",
        show_default="scaled to the image",
        rich_help_panel=DRAWING,
    ),
]
HideScores = Annotated[
    bool,
    typer.Option("--hide-scores", help="Write classes without scores.", rich_help_panel=DRAWING),
]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Use this many threads.",
        show_default="one for each core",
        rich_help_panel=options.SPEED,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write results to this folder.",
        show_default="detections, classes or segments, by the command",
        rich_help_panel=FOLDER,
    ),
]
