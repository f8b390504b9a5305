"""``yolo check``: options in, one report out."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from yolo_cli.cli import options
from yolo_cli.cli.console import cell, phases, plain_table, say, stderr
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted, printable

if TYPE_CHECKING:
    from yolo_cli.data.check.check import Report
    from yolo_cli.data.check.finding import Finding

DEFAULT_PREVIEW = Path("preview.jpg")
LIMIT = 20  # findings of a kind: whoever has more wants to know of the kind
TABLE_CLASSES = 30  # longer tables are not read
SEED = 0

_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def check(  # typer calls it by name
    data: options.DataFolder,
    json_out: Annotated[
        bool, typer.Option("--json", help="Print all findings as one JSON document.")
    ] = False,
    limit: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Print at most N lines for each kind of finding; 0 prints all."
        ),
    ] = LIMIT,
    preview: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Draw N labelled images on one sheet."),
    ] = 0,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="A/B/C",
            help="Divide the images into train, val and test by these shares, such as 80/10/10. "
            "Each class is divided alike; images of the same picture, and augmented copies "
            "(NAME.rf.HASH), stay together. Shares that this does not allow are refused.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write --split to this new folder, --preview to this file "
            f"(default: {DEFAULT_PREVIEW}).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of --split.")] = SEED,
    format: options.Format = None,  # noqa: A002  # the option's name
    class_attribute: options.ClassAttribute = None,
    task: options.Task = None,
) -> int:
    """Find what is wrong with a dataset: labels, images, splits. Nothing is changed.

    Exit code 0 without errors (there may be warnings), 3 with errors.

    [b]Examples[/b]
    yolo check DATA
    yolo check DATA --preview 12 --out sheet.jpg
    yolo check DATA --split 80/10/10 --out DATA-divided
    """
    from yolo_cli.data.check.check import check_dataset
    from yolo_cli.data.check.divide import (
        check_out,
        divide,
        division_notes,
        parse_shares,
        write_division,
    )
    from yolo_cli.model.config import ModelConfig

    shares = None if split is None else parse_shares(split)
    sheet = _sheet_path(data, out, divided=split is not None) if preview else None
    if out is None and split is not None:
        raise UserError("--split needs --out DIR", "name a new folder for it", ExitCode.USAGE)
    if out is not None and split is None and not preview:
        raise UserError("--out is for --preview or --split", code=ExitCode.USAGE)
    if out is not None and shares is not None:
        check_out(data, out)
    console = stderr()
    with phases(console, shown=not (json_out and sys.stdout.isatty())) as phase:
        report = check_dataset(
            data,
            format=format,
            class_attribute=class_attribute,
            task=task,
            input_size=ModelConfig.image_size,
            phase=phase,
        )
    if json_out:
        print(json.dumps(_as_json(data, report), indent=2))
    else:
        _print_findings(report.findings, limit)
        _show(console, data, report, divided=shares is not None)
    if sheet is not None:
        _save_sheet(console, report, preview, sheet)
    if out is not None and shares is not None:
        division = divide(report, shares, seed)
        written = write_division(report, division, out)
        _show_division(console, report, division)
        for note in division_notes(report, division):
            say(console, note)
        form = "" if written == report.format else f" in the layout of {written}"
        say(console, f"written to {out}{form}; yolo train {out}")
    errors = any(one.severity == "error" for one in report.findings)
    return ExitCode.BAD_INPUT if errors else ExitCode.OK


def _sheet_path(data: Path, out: Path | None, *, divided: bool) -> Path:
    """Where the contact sheet goes: never into the dataset."""
    from yolo_cli.pictures.save import check_suffix

    path = out or DEFAULT_PREVIEW
    if out is not None and divided:
        path = out / DEFAULT_PREVIEW
    base = (data if data.is_dir() else data.parent).resolve()
    if base in path.resolve().parents:
        raise UserError(
            f"{path}: inside the dataset, which is never written to",
            "name another file with --out",
            ExitCode.USAGE,
        )
    if path.is_dir():
        raise UserError(f"--out {path}: is a folder", "name a file", ExitCode.USAGE)
    check_suffix(path)
    return path


def _print_findings(findings: list[Finding], limit: int) -> None:
    console = Console(highlight=False)
    printed: Counter[str] = Counter()
    kinds = Counter(one.code for one in findings)
    for one in findings:
        printed[one.code] += 1
        if not limit or printed[one.code] <= limit:
            line = f":{one.spot.line}" if one.spot.line else ""
            text = Text.assemble(
                f"{printable(str(one.spot.path))}{line}: ",
                (one.severity, _STYLES[one.severity]),
                f" [{one.code}] {printable(one.message)}; {one.remedy}",
            )
            console.print(text, soft_wrap=True)
        elif printed[one.code] == kinds[one.code]:
            more = kinds[one.code] - limit
            console.print(f"… and {more:,} more [{one.code}]; --limit 0 shows all", markup=False)


def _show(console: Console, data: Path, report: Report, *, divided: bool) -> None:
    """The summary: findings by kind, classes by split, and what the grid can hold."""
    if report.findings:
        kinds = Counter((one.severity, one.code) for one in report.findings)
        table = plain_table(["finding", "severity"], ["count"])
        for (severity, code), count in kinds.items():
            table.add_row(cell(code), Text(severity, _STYLES[severity]), f"{count:,}")
        console.print(table)
    if report.reader is None:
        return
    _show_classes(console, report, heading=divided)
    _show_ceilings(console, report)
    objects = report.counts.total.total()
    what = f"{counted(report.images, 'image')}"
    if report.task == "detect":
        what += f" ({report.background} without objects), {counted(objects, 'object')}"
    say(
        console,
        f"{data}: {report.format}, {what}, {counted(len(report.counts.total), 'class')}"
        + ("" if report.task == "detect" else f", to {report.task}"),
    )
    if report.note:
        say(console, report.note)
    severities = Counter(one.severity for one in report.findings)
    parts = [counted(severities[one], one) for one in ("error", "warning") if severities[one]]
    if severities["info"]:
        parts.append(f"{severities['info']} for information")
    say(console, ", ".join(parts) or "nothing is wrong")


def _show_classes(console: Console, report: Report, *, heading: bool) -> None:
    if heading:
        say(console, "as it is:")
    splits = [name for name in report.counts.by_split if name]
    table = plain_table(["class"], [*splits, "objects" if report.task == "detect" else "images"])
    if splits:
        images = [str(report.splits[name]) for name in splits]
        table.add_row("(images)", *images, str(report.images))
    ranked = report.counts.total.most_common()
    for name, count in ranked[:TABLE_CLASSES]:
        numbers = [report.counts.by_split[split][name] for split in splits]
        table.add_row(cell(name), *map(str, numbers), str(count))
    console.print(table)
    if len(ranked) > TABLE_CLASSES:
        say(console, f"… and {counted(len(ranked) - TABLE_CLASSES, 'class')} more")


def _show_ceilings(console: Console, report: Report) -> None:
    names = [*next(iter(report.ceilings.values()), ())]
    if not names:
        return  # no objects
    table = plain_table(["grid ceiling, %"], names)
    for size, ceilings in report.ceilings.items():
        numbers = [f"{ceilings[name].recall:.1f}" for name in names]
        table.add_row(f"{size}×{size} cells", *numbers)
    console.print(table)


def _save_sheet(console: Console, report: Report, count: int, path: Path) -> None:
    from yolo_cli.pictures.save import save_annotated
    from yolo_cli.pictures.sheet import labelled_sheet

    if not report.samples:
        raise UserError(f"{report.root}: no image to draw", "none of them can be read")
    image = labelled_sheet(report.samples, [*report.counts.total], count)
    say(console, f"labelled images: {save_annotated(image, path)}")


def _show_division(console: Console, report: Report, division: dict[str, list[int]]) -> None:
    import numpy as np

    say(console, "divided:")
    names = [*report.counts.total]
    boxes = report.task == "detect"  # of masks and class folders images are counted
    table = plain_table(["class"], [*division, "objects" if boxes else "images"])
    table.add_row("(images)", *(str(len(part)) for part in division.values()), "")
    found = {split: np.zeros(len(names), int) for split in division}
    for split, part in division.items():
        for one in (report.samples[i] for i in part):
            np.add.at(found[split], one.labels if boxes else one.present, 1)
    ranked = sorted(range(len(names)), key=lambda index: -report.counts.total[names[index]])
    for index in ranked[:TABLE_CLASSES]:
        numbers = [int(found[split][index]) for split in division]
        table.add_row(cell(names[index]), *map(str, numbers), str(sum(numbers)))
    console.print(table)


def _as_json(data: Path, report: Report) -> dict[str, object]:
    counts = report.counts
    by_class = {
        name: {"all": total, **{s: counts.by_split[s][name] for s in counts.by_split if s}}
        for name, total in counts.total.items()
    }
    severities = Counter(one.severity for one in report.findings)
    return {
        "dataset": str(data),
        "format": report.format or None,
        "task": report.task,
        "note": report.note or None,
        "images": report.images,
        "background": report.background,
        "objects": counts.total.total(),
        "splits": report.splits,
        "classes": by_class,
        "grid": {
            str(size): {split: one.recall for split, one in ceilings.items()}
            for size, ceilings in report.ceilings.items()
        },
        "counts": {severity: severities[severity] for severity in ("error", "warning", "info")},
        "findings": [
            {
                "code": one.code,
                "severity": one.severity,
                "file": str(one.spot.path),
                "line": one.spot.line or None,
                "message": one.message,
                "remedy": one.remedy,
            }
            for one in report.findings
        ],
    }
