"""``yolo label``: options in, one page that is served until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from yolo_cli.cli import options
from yolo_cli.cli.console import say, stderr
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.optional import optional
from yolo_cli.text import counted

if TYPE_CHECKING:
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
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Label this split alone.", show_default="all images"),
    ] = None,
    port: Port = PORT,
    browser: Browser = True,
    format: options.Format = None,  # noqa: A002  # the option's name
) -> None:
    """Label images on a page in the browser, which only this machine can open.

    What is labelled is on disk at once, as a dataset that yolo train takes;
    FOLDER itself stays as it is. ? on the page shows its keys. Ctrl-C here
    ends it, and the same command goes on.

    [b]Examples[/b]
    yolo label photos/
    yolo label photos/ --classes cat,dog --out cats --save yolo
    """
    require_server()
    from yolo_cli.label.app import Pages, application
    from yolo_cli.label.open import Wish, opened_session
    from yolo_cli.label.serve import serve

    names = [] if classes is None else [one for one in classes.split(",") if one.strip()]
    if classes is not None and not names:
        raise UserError("--classes: no names", "for example --classes cat,dog", ExitCode.USAGE)
    wish = Wish(folder, out, save, names, format, split)
    console = stderr()
    with opened_session(wish) as (session, _):
        say(console, f"{counted(len(session.entries), 'image')}; labels go to {wish.place}")

        def ready(address: str) -> None:
            say(console, address, title="open")
            say(console, "Ctrl-C ends it")

        serve(application(Pages(session).routes()), port, ready, browser=browser)
        _say_end(session)


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
