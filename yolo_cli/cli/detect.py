"""``yolo detect``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import cell, image_progress, plain_table, say, say_error, stderr
from yolo_cli.errors import ExitCode
from yolo_cli.files import check_folder
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.detection.pipeline import Outcome

DEFAULT_OUT = Path("detections")
TABLE_IMAGES = 30  # longer tables are not read; the totals are
TABLE_OBJECTS = 6  # likewise


def detect(  # typer calls it by name
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Images, folders or patterns.")
    ],
    weights: options.Weights = "default",
    conf: options.Conf = options.DETECT_CONF,
    iou: options.Iou = options.DETECT_IOU,
    max_det: options.MaxDet = options.MAX_DET,
    vote: options.Vote = True,
    classes: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Only these, with commas between: person,dog."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Folder for annotated copies; {DEFAULT_OUT} unless told."
        ),
    ] = None,
    json_lines: Annotated[
        bool,
        typer.Option(
            "--json", help="Print a JSON line for each image; copies only if --out is given."
        ),
    ] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Folders with all that is below them.")
    ] = False,
    batch: options.Batch = options.BATCH,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
) -> int:
    """Find objects in images: annotated copies, a table, JSON.

    [b]Examples[/b]
    yolo detect photo.jpg
    yolo detect holiday/ -r --conf 0.4 --classes person,dog --out found
    yolo detect "*.png" --json > detections.jsonl
    """
    from yolo_cli.detection.sources import expand_sources

    paths = expand_sources(sources, recursive=recursive)
    folder = out or (None if json_lines else DEFAULT_OUT)
    if folder is not None:
        check_folder(folder, "--out")
    console = stderr()

    from yolo_cli.detection.classes import class_indices
    from yolo_cli.detection.detector import Detector
    from yolo_cli.detection.pipeline import Failure, detect_files
    from yolo_cli.detection.writers import taken_by
    from yolo_cli.model.thresholds import VOTE, Thresholds

    detector = Detector.load(weights, device=device, precision=precision)
    chosen = None if classes is None else class_indices(classes, detector.classes)
    report = _Report(console, detector.classes)
    taken = taken_by(paths)
    outcomes = detect_files(
        detector,
        paths,
        Thresholds(conf, iou, max_det, VOTE if vote else None, chosen),
        batch=min(batch, len(paths)),
        keep_images=folder is not None,
    )
    # On one terminal, bar and JSON lines would be in each other's way.
    with image_progress(console, shown=not (json_lines and sys.stdout.isatty())) as bar:
        for outcome in bar.track(outcomes, total=len(paths), description="detecting"):
            if isinstance(outcome, Failure):
                report.failed(outcome.error.message)
                continue
            if json_lines:
                _print_json(outcome, detector.classes)
            if folder is not None:
                _save(outcome, detector.classes, folder, taken)
            report.add(outcome)
    report.show(folder, table=not json_lines)
    return ExitCode.BAD_INPUT if report.failures else ExitCode.OK


def _print_json(outcome: Outcome, names: tuple[str, ...]) -> None:
    from yolo_cli.detection.writers import detection_record

    found = outcome.detection
    record = detection_record(
        outcome.path,
        outcome.width,
        outcome.height,
        found["boxes"],
        found["scores"],
        found["labels"],
        names,
    )
    print(json.dumps(record), flush=True)


def _save(outcome: Outcome, names: tuple[str, ...], folder: Path, taken: set[str]) -> None:
    from yolo_cli.detection.drawing import draw_detections
    from yolo_cli.detection.writers import output_path, save_annotated

    assert outcome.image is not None
    found = outcome.detection
    drawn = draw_detections(outcome.image, found["boxes"], found["scores"], found["labels"], names)
    save_annotated(drawn, output_path(folder, outcome.path, taken))


class _Report:
    """What is said at the end: a row for each image, and totals."""

    def __init__(self, console: Console, names: tuple[str, ...]) -> None:
        self.console = console
        self.names = names
        self.rows: list[tuple[str, str, str]] = []
        self.images = 0
        self.failures = 0
        self.totals: Counter[str] = Counter()

    def failed(self, message: str) -> None:
        """One image could not be read; the rest goes on."""
        self.failures += 1
        say_error(self.console, message)

    def add(self, outcome: Outcome) -> None:
        """One image is done."""
        self.images += 1
        names = [self.names[i] for i in outcome.detection["labels"].tolist()]
        self.totals.update(names)
        if len(self.rows) < TABLE_IMAGES:
            scores = outcome.detection["scores"].tolist()
            found = [f"{n} {s:.0%}" for n, s in zip(names, scores, strict=True)]
            objects = ", ".join(found[:TABLE_OBJECTS]) or "nothing"
            if len(found) > TABLE_OBJECTS:
                objects += f" and {len(found) - TABLE_OBJECTS} more"
            size = f"{outcome.width}×{outcome.height}"
            self.rows.append((outcome.path.name, size, objects))

    def show(self, folder: Path | None, *, table: bool) -> None:
        """Print the table, unless standard output has it all as JSON, and the totals."""
        if table and self.rows:
            grid = plain_table(["image", "size", "found"])
            for row in self.rows:
                grid.add_row(*map(cell, row))
            self.console.print(grid)
            if self.images > len(self.rows):
                say(self.console, f"… and {counted(self.images - len(self.rows), 'more image')}")
        found = ", ".join(f"{count} {name}" for name, count in self.totals.most_common())
        line = f"{counted(self.images, 'image')}: {found or 'nothing found'}"
        if self.failures:
            line += f"; {self.failures} could not be read"
        say(self.console, line)
        if folder is not None and self.images:
            say(self.console, f"annotated copies: {folder}")
