"""The table of commands; the module of each is imported when it is asked for by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Listed(NamedTuple):
    """A row of the table.

    Attributes:
        place: module of :mod:`yolo_cli.cli` and function, with a colon between.
        summary: first line of the function's docstring: what ``yolo --help`` shows.
    """

    place: str
    summary: str


TABLE = {
    "train": Listed(
        "train:train",
        "Train a network on a folder of labelled images: boxes, a folder a class, masks.",
    ),
    "detect": Listed(
        "detect:detect",
        "Find objects in images and videos: annotated copies, tables, files for other tools.",
    ),
    "classify": Listed(
        "classify:classify",
        "Say what is on images and videos, one class for each: annotated copies, tables, JSON.",
    ),
    "segment": Listed(
        "segment:segment",
        "Find the class of every pixel: colours laid over the picture, masks, tables.",
    ),
    "eval": Listed(
        "evaluate:evaluate",
        "Score weights, or any tool's detections: VOC2007, VOC2010+ and COCO in one run.",
    ),
    "check": Listed(
        "check:check",
        "Find what is wrong with a dataset: labels, images, splits. Nothing is changed.",
    ),
    "convert": Listed(
        "convert:convert",
        "Write a dataset in another layout, or a network from or for Darknet.",
    ),
    "label": Listed(
        "label:label", "Label images on a page in the browser, which only this machine can open."
    ),
    "demo": Listed(
        "demo:demo",
        "Show a detector on a page in the browser: drop photographs, or let the camera look.",
    ),
    "prune": Listed(
        "prune:prune",
        "Make a network smaller: drop channels, and solve its layers again for what is left.",
    ),
    "export": Listed(
        "export:export", "Write a network for another runtime, and compare it with torch at once."
    ),
    "bench": Listed("bench:bench", "Measure how fast networks are here: every backend, in turn."),
    "info": Listed("info:info", "Show a network's layers and what a weights file says of itself."),
}


class Command(TyperCommand):
    """A command whose help says nothing of the type of flags, which take no value."""

    def get_params(self, ctx: Any) -> Any:
        """Return options and arguments; flags have no name of a value."""
        params = super().get_params(ctx)
        for param in params:
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
        return params


class Commands(TyperGroup):
    """A group that knows its commands by name and summary until one of them is run.

    The functions have dozens of options, and to make commands of them all takes longer than to
    print the help.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in TABLE.items():
            self.add_command(TyperCommand(name, callback=None, help=entry.summary))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the real command in the place of its entry."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in TABLE else command, rest


def load(name: str) -> Any:
    """Return the command of a name in :data:`TABLE`, with its options."""
    module, function = TABLE[name].place.split(":")
    one = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    one.command(name, cls=Command)(getattr(import_module(f"yolo_cli.cli.{module}"), function))
    return typer.main.get_command(one)
