"""``yolo label``: options in, one page that is served until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from yolo_cli.cli import options
from yolo_cli.cli.console import say, stderr
from yolo_cli.cli.early import check_network
from yolo_cli.cli.startup import importing
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.optional import optional
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.label.proposals import Proposer
    from yolo_cli.label.session import Session

PORT = 8765
EXTRA = "label"
SERVER = ("starlette", "uvicorn")

Port = Annotated[
    int,
    typer.Option(
        metavar="N", min=1, max=65535, help="Port of the page; where it is in use, the next."
    ),
]
Browser = Annotated[bool, typer.Option(help="Open the page in the browser.")]


def label(  # typer calls it by name
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder of images; labels in any layout that is read are shown with them.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the labels here, with links to the images; FOLDER itself for beside them.",
            show_default="FOLDER-labels",
        ),
    ] = None,
    save: Annotated[
        Literal["voc", "yolo"] | None,
        typer.Option(
            help="Layout of the labels: VOC XML or YOLO text.",
            show_default="voc, or what is there",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="Classes, in the order of their keys 1, 2, …; more can be made on the page.",
            show_default="those of FOLDER's labels",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Propose the boxes that these weights find, to be accepted with a key; a file, an "
            "export, or the name of embedded weights.",
            show_default="no proposals",
        ),
    ] = None,
    conf: Annotated[
        float,
        typer.Option(
            metavar="X", min=0, max=1, help="Propose boxes with at least this score (--weights)."
        ),
    ] = options.DETECT_CONF,
    order: Annotated[
        Literal["name", "uncertain"],
        typer.Option(
            help="Show images by name, or those first that --weights would learn most from: their "
            "boxes' scores have the highest sum of entropies (a score near one half counts most). "
            "All images are looked at for it, while you label."
        ),
    ] = "name",
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Label this split alone.", show_default="all images"),
    ] = None,
    port: Port = PORT,
    browser: Browser = True,
    format: options.Format = None,  # noqa: A002  # the option's name
    device: options.Device = "auto",
) -> None:
    """Label images on a page in the browser, which only this machine can open.

    What is labelled is on disk at once, as a dataset that yolo train takes;
    FOLDER itself stays as it is. ? on the page shows its keys. Ctrl-C here
    ends it, and the same command goes on.

    [b]Examples[/b]
    yolo label photos/
    yolo label photos/ --classes cat,dog --out cats --save yolo
    yolo label photos/ --weights runs/train-1/best.safetensors
    """
    require_server()
    names = [] if classes is None else [one for one in classes.split(",") if one.strip()]
    if classes is not None and not names:
        raise UserError("--classes: no names", "for example --classes cat,dog", ExitCode.USAGE)
    if order == "uncertain" and weights is None:
        raise UserError(
            "--order uncertain: whose doubts?", "name the detector with --weights", ExitCode.USAGE
        )
    check_network(weights, device)
    from yolo_cli.label.open import Wish, opened_session

    wish = Wish(folder, out, save, names, format, split)
    console = stderr()
    with opened_session(wish) as (session, dataset):
        say(console, f"{counted(len(session.entries), 'image')}; labels go to {wish.place}")
        proposer = None
        if weights is not None:
            proposer = _proposer(session, weights, device, conf, rate=order == "uncertain")
            if dataset is None and not session.classes:
                session.add_classes(proposer.classes)
        _serve(session, proposer, port, browser=browser)
        _say_end(session)


def _proposer(session: Session, weights: str, device: str, conf: float, *, rate: bool) -> Proposer:
    with importing():
        from yolo_cli.label.proposals import Proposer, load_detector

    return Proposer(load_detector(weights, device=device), session, conf, rate=rate)


def _serve(session: Session, proposer: Proposer | None, port: int, *, browser: bool) -> None:
    from yolo_cli.label.app import Pages, application
    from yolo_cli.label.serve import serve

    def ready(address: str) -> None:
        say(stderr(), address, title="open")
        say(stderr(), "Ctrl-C ends it")

    serve(application(Pages(session, proposer).routes()), port, ready, browser=browser)


def require_server() -> None:
    """Refuse to go on without the packages of the extra.

    Raises:
        UserError: names the command that installs them.
    """
    for module in SERVER:
        optional(module, EXTRA)


def _say_end(session: Session) -> None:
    done = sum(entry.state == "done" for entry in session.entries)
    out = session.place.out
    then = f"; yolo train {out}" if done else ""
    say(stderr(), f"{done} of {counted(len(session.entries), 'image')} labelled in {out}{then}")
