"""``yolo detect``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import cell, image_progress, plain_table, say, say_error, stderr
from yolo_cli.cli.startup import importing
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import check_folder
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.inference.items import Item
    from yolo_cli.inference.outputs import Done, Outputs
    from yolo_cli.inference.sources import Source
    from yolo_cli.tasks.detect.result import Failure, Result

DEFAULT_OUT = Path("detections")
DEFAULT_SAVE = "image"
TABLE_IMAGES = 30  # longer tables are not read; the totals are
TABLE_OBJECTS = 6  # likewise
DRAWING, FOLDER = "Drawing", "Folder of results"

NmsName: TypeAlias = Literal["class", "agnostic"]


def detect(  # typer calls it by name
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Images, folders, patterns, videos, .txt lists, http(s) addresses, - (paths on "
            "standard input).",
        ),
    ],
    weights: options.Weights = "default",
    conf: options.Conf = options.DETECT_CONF,
    iou: options.Iou = options.DETECT_IOU,
    nms: Annotated[
        NmsName, typer.Option(help="Boxes suppress those of their class, or of any.")
    ] = "class",
    max_det: options.MaxDet = options.MAX_DET,
    vote: options.Vote = True,
    classes: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Only these, with commas between: person,dog."),
    ] = None,
    json_lines: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a JSON line for each image; files only if --out or --save is given.",
        ),
    ] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Folders with all that is below them.")
    ] = False,
    every: Annotated[int, typer.Option(metavar="N", min=1, help="Of a video, each Nth frame.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help=f"{DEFAULT_OUT} unless told.", rich_help_panel=FOLDER),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FORMATS",
            help="What it gets, with commas between: image (annotated copies), crops, json, jsonl, "
            f"csv, coco, yolo, voc; {DEFAULT_SAVE} unless told.",
            rich_help_panel=FOLDER,
        ),
    ] = None,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Go on where an earlier run stopped.",
            rich_help_panel=FOLDER,
        ),
    ] = False,
    line_width: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            min=1,
            help="Scaled to the image unless told.",
            rich_help_panel=DRAWING,
        ),
    ] = None,
    hide_labels: Annotated[
        bool,
        typer.Option("--hide-labels", help="Draw boxes alone.", rich_help_panel=DRAWING),
    ] = False,
    hide_scores: Annotated[
        bool,
        typer.Option("--hide-scores", help="Write classes alone.", rich_help_panel=DRAWING),
    ] = False,
    batch: options.Batch = options.BATCH,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="All cores unless told.", rich_help_panel=options.SPEED
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
    from yolo_cli.inference.sources import list_sources, without_results

    stdin = sys.stdin.buffer if sys.stdin else None
    found = list_sources(sources, recursive=recursive, stdin=stdin)
    folder = out or (None if json_lines and save is None else DEFAULT_OUT)
    if folder is not None:
        check_folder(folder, "--out")
        found = without_results(found, sources, folder)
    _check_options(found, folder, skip_existing)
    console = stderr()

    with importing():
        import torch

        from yolo_cli.inference.detector import Detector
        from yolo_cli.inference.outputs import Outputs, Style, parse_formats
        from yolo_cli.inference.pipeline import detect_items
        from yolo_cli.tasks.detect.classes import class_indices
        from yolo_cli.tasks.detect.thresholds import VOTE, Thresholds

    formats = parse_formats(save or DEFAULT_SAVE)
    if threads is not None:
        torch.set_num_threads(threads)
    count = None if any(source.kind == "video" for source in found) else len(found)
    detector = Detector.load(
        weights, device=device, precision=precision, backend=backend, images=count
    )
    chosen = None if classes is None else class_indices(classes, detector.classes)
    report = _Report(console, detector.classes)
    outputs = None
    if folder is not None:
        outputs = Outputs(
            folder,
            formats,
            found,
            detector.classes,
            style=Style(line_width, not hide_labels, not hide_scores),
            every=every,
            resume=skip_existing,
        )
        if skip_existing:
            done = outputs.is_done(found)
            report.skipped = sum(done)
            found = [source for source, known in zip(found, done, strict=True) if not known]
            count = None if count is None else len(found)
    outcomes = detect_items(
        detector,
        _items(found, every),
        Thresholds(conf, iou, max_det, VOTE if vote else None, chosen, nms == "agnostic"),
        outputs.finish if outputs is not None else _nothing_to_write,
        batch=batch if count is None else max(1, min(batch, count)),
        keep_images=outputs is not None and outputs.needs_pictures,
        count=count,
    )
    # On one terminal, bar and JSON lines would be in each other's way.
    shown = not (json_lines and sys.stdout.isatty())
    with outputs or nullcontext(), image_progress(console, shown=shown) as bar:
        for outcome in bar.track(outcomes, total=count, description="detecting"):
            _take(outcome, report, outputs, json_lines=json_lines)
        if outputs is not None:
            outputs.end_video()
    what = "annotated copies" if formats == {DEFAULT_SAVE} else "results"
    report.show("" if folder is None else f"{what}: {folder}", table=not json_lines)
    return ExitCode.BAD_INPUT if report.failures else ExitCode.OK


def _check_options(found: Sequence[Source], folder: Path | None, skip_existing: bool) -> None:
    if skip_existing and folder is None:
        raise UserError(
            "--skip-existing without a folder of results",
            "name it with --out, or say with --save what it gets",
            ExitCode.USAGE,
        )
    if any(source.kind == "video" for source in found):
        from yolo_cli.inference.video import require_library

        require_library()


def _items(sources: Sequence[Source], every: int) -> Iterator[Item | Failure]:
    from yolo_cli.inference.items import FileItem, WebItem
    from yolo_cli.tasks.detect.result import Origin

    for source in sources:
        if source.kind == "video":
            from yolo_cli.inference.video import frames

            yield from frames(source.file, every)
        elif source.kind == "address":
            yield WebItem(Origin(source.name))
        else:
            yield FileItem(Origin(source.name, source.file))


def _nothing_to_write(result: Result) -> Done:
    from yolo_cli.inference.outputs import Done

    return Done(result)


def _take(
    outcome: Done | Failure, report: _Report, outputs: Outputs | None, *, json_lines: bool
) -> None:
    from yolo_cli.tasks.detect.result import Failure

    if isinstance(outcome, Failure):
        report.failed(outcome.error.message)
        return
    if outputs is not None:
        outputs.record(outcome)
    if json_lines:
        print(outcome.result.to_json(), flush=True)
    report.add(outcome.result)


class _Report:
    """What is said at the end: a row for each image, and totals."""

    def __init__(self, console: Console, names: tuple[str, ...]) -> None:
        self.console = console
        self.names = names
        self.rows: list[tuple[str, str, str]] = []
        self.images = 0
        self.frames = 0
        self.failures = 0
        self.skipped = 0
        self.totals: Counter[str] = Counter()

    def failed(self, message: str) -> None:
        """One image could not be read; the rest goes on."""
        self.failures += 1
        say_error(self.console, message)

    def add(self, result: Result) -> None:
        """One image is done."""
        frame = result.origin.frame
        if frame is None:
            self.images += 1
        else:
            self.frames += 1
        names = [self.names[i] for i in result.labels.tolist()]
        self.totals.update(names)
        if len(self.rows) < TABLE_IMAGES:
            scores = result.scores.tolist()
            found = [f"{n} {s:.0%}" for n, s in zip(names, scores, strict=True)]
            objects = ", ".join(found[:TABLE_OBJECTS]) or "nothing"
            if len(found) > TABLE_OBJECTS:
                objects += f" and {len(found) - TABLE_OBJECTS} more"
            name = result.origin.path.name if result.origin.path else result.origin.name
            if frame is not None:
                name = f"{Path(name).name} {result.origin.time or 0:.2f} s"
            self.rows.append((name, f"{result.width}×{result.height}", objects))

    def show(self, results: str, *, table: bool) -> None:
        """Print the table, unless standard output has it all as JSON, and the totals."""
        if table and self.rows:
            grid = plain_table(["image", "size", "found"])
            for row in self.rows:
                grid.add_row(*map(cell, row))
            self.console.print(grid)
            if self.images + self.frames > len(self.rows):
                more = self.images + self.frames - len(self.rows)
                say(self.console, f"… and {counted(more, 'more image')}")
        what = [counted(self.images, "image")] if self.images or not self.frames else []
        if self.frames:
            what.append(counted(self.frames, "frame"))
        found = ", ".join(f"{count} {name}" for name, count in self.totals.most_common())
        line = f"{' and '.join(what)}: {found or 'nothing found'}"
        if self.failures:
            line += f"; {self.failures} could not be read"
        if self.skipped:
            line += f"; {self.skipped} done before"
        say(self.console, line)
        if results and self.images + self.frames:
            say(self.console, results)
