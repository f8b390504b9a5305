"""``yolo convert``: options in; one new dataset out, or a network from or for Darknet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import phases, say, stderr
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted, listed

if TYPE_CHECKING:
    from yolo_cli.data.convert.convert import Converted

_TITLES = {"voc": "Pascal VOC", "yolo": "YOLO", "coco": "COCO"}


def convert(  # typer calls it by name
    what: Annotated[
        Path,
        typer.Argument(
            metavar="DATA|CFG|WEIGHTS",
            help="A dataset's folder; a cfg file of Darknet, followed by its .weights file; or "
            "weights of yolo.",
            show_default=False,
        ),
    ],
    weights: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE.weights]", help="Numbers of CFG.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write this new folder; of a cfg, this file.",
            show_default="for a network, named after its weights",
        ),
    ] = None,
    to: Annotated[
        Literal["voc", "yolo", "coco", "folders", "darknet"] | None,
        typer.Option(
            help="Write the labels in this layout (folders: as --crops), or weights for Darknet.",
            show_default=False,
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With a cfg: the classes' names, one a line.",
            show_default="CFG's .names file, if it is beside it; VOC's, where there are 20",
        ),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the images. By default only labels are written.")
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Link to the images where they are, which takes no room.")
    ] = False,
    crops: Annotated[
        bool,
        typer.Option(
            "--crops",
            help="Instead of --to, cut every object out: SPLIT/CLASS/*.jpg, for a classifier.",
        ),
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Convert this split alone.", show_default="all"),
    ] = None,
    format: options.Format = None,  # noqa: A002  # the option's name
    class_attribute: options.ClassAttribute = None,
    skip_bad: options.SkipBad = False,
) -> None:
    """Write a dataset in another layout, or a network from or for Darknet.

    Without --copy or --link the labels alone are written, and the last line
    says where the images have to go. The dataset itself is never changed.

    A network of Darknet becomes a detector or a classifier, its first layers
    alone a backbone to train on. What came from Darknet goes back byte by byte;
    any other network is written so that Darknet finds the same.

    [b]Examples[/b]
    yolo convert DATA --to yolo --out DATA-yolo --link
    yolo convert DATA --to coco --out DATA-coco --copy --split val
    yolo convert DATA --crops --out DATA-crops
    yolo convert yolov1.cfg yolov1.weights --names voc.names
    yolo convert runs/train-1/best.safetensors --to darknet --out for-darknet
    """
    if to == "folders" and not crops:
        to, crops = None, True
    from yolo_cli.cli.darknet import convert_network, kind_of

    kind = kind_of(what, weights, to)
    if kind != "data":
        labels = {"--copy": copy, "--link": link, "--crops": crops, "--skip-bad": skip_bad}
        layout = {"--split": split, "--format": format, "--class-attribute": class_attribute}
        convert_network(kind, what, weights, out, names, unused={**labels, **layout})
        return
    _check(to, out, crops, copy=copy, link=link, names=names)
    assert out is not None
    assert to != "darknet"
    data = what
    from yolo_cli.data.convert.convert import convert as write
    from yolo_cli.data.dataset import open_dataset

    console = stderr()
    with phases(console) as phase:
        folder = open_dataset(
            data,
            format=format,
            skip_bad=skip_bad,
            class_attribute=class_attribute,
            task="detect",
        )
        done = write(
            folder,
            to or "crops",
            out,
            images="copy" if copy else "link" if link else "leave",
            split=split,
            phase=phase,
        )
    if folder.note:
        say(console, folder.note, title="note:", style="yellow")
    _show(console, data, folder.format, done)
    if to is None:
        say(console, f"crops of the objects, a folder a class, written to {out}; yolo train {out}")
    elif copy or link:
        say(console, f"{_TITLES[to]} written to {out}; yolo train {out}")
    else:
        say(console, f"{_TITLES[to]} labels written to {out}, without images")
        for base, home in done.homes:
            say(console, f"put the images of {base} into {home}, or use --copy or --link")


def _check(
    to: str | None, out: Path | None, crops: bool, *, copy: bool, link: bool, names: Path | None
) -> None:
    """Refuse options of a dataset that do not go together."""
    if names is not None:
        raise UserError("--names goes with a cfg file", "leave it out", ExitCode.USAGE)
    if (to is None) == (not crops):
        raise UserError(
            "--to and --crops are two different conversions" if crops else "convert to what?",
            "use one of --to voc, --to yolo, --to coco and --to folders",
            ExitCode.USAGE,
        )
    if copy and link:
        raise UserError("--copy or --link, not both", "leave one of them out", ExitCode.USAGE)
    if crops and (copy or link):
        raise UserError("--crops writes new images", "leave --copy and --link out", ExitCode.USAGE)
    if out is None:
        raise UserError("where to?", "name a new folder: --out DIR", ExitCode.USAGE)


def _show(console: Console, data: Path, form: str, done: Converted) -> None:
    """What was read, and what is different in the new dataset."""
    splits = ", ".join(f"{count} {name}" for name, count in done.splits.items() if name)
    say(
        console,
        f"{data}: {form}, {counted(done.images, 'image')}{f' ({splits})' if splits else ''}, "
        f"{done.background} without objects, {counted(done.objects, 'object')}, "
        f"{counted(len(done.classes), 'class')} ({listed(done.classes, 5)})",
    )
    for note in done.notes:
        say(console, note, title="note:", style="yellow")
