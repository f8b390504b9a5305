"""What options of ``yolo eval`` mean, and which of them go together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import typer

from yolo_cli.cli import options
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import printable

# What a network is run with, and what files are read with: the one is of no use to the other.
OF_NETWORK = ("iou", "max_det", "vote", "batch", "device", "precision", "backend")
OF_ENGINE = ("engine", "actors", "address")  # changes no number
OF_FILES = ("detections_format", "boxes", "class_base", "ignore_unknown")


def check_given(context: typer.Context, *, network: bool) -> None:
    """Refuse options that would have no effect.

    Raises:
        UserError: names the first of them.
    """
    useless = OF_FILES if network else ("weights", *OF_NETWORK, *OF_ENGINE)
    where = "is for --detections alone" if network else "is of no use to --detections"
    for name in useless:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UserError(f"--{name.replace('_', '-')} {where}", "leave it out", ExitCode.USAGE)


def parse_ious(values: Sequence[str]) -> tuple[float, ...]:
    """Return ``0.5,0.75`` as numbers, ascending.

    Raises:
        UserError: for what is no IoU.
    """
    found = []
    for part in (part.strip() for value in values for part in value.split(",")):
        try:
            number = float(part)
        except ValueError:
            number = math.nan
        if not 0 < number <= 1:
            raise UserError(
                f"--iou-thresholds: {printable(part)!r} is no number above 0 and up to 1",
                "for example --iou-thresholds 0.5,0.75",
                ExitCode.USAGE,
            )
        found.append(number)
    return tuple(sorted(set(found))) or (0.5,)


def one_or_two(names: Sequence[str]) -> Sequence[str]:
    """Return the names of what is scored.

    Raises:
        UserError: for more than two, and for the same one twice.
    """
    if len(names) > 2 or len(set(names)) < len(names):
        raise UserError(
            f"cannot score {', '.join(map(printable, names))} together",
            "name one, or two different ones to compare them",
            ExitCode.USAGE,
        )
    return names


def settings(context: typer.Context, *, network: bool) -> dict[str, str]:
    """Return what the numbers depend on, by option, without options that were not given."""
    used = ("conf", "min_conf", "iou_thresholds", "similar")
    values = {
        name: context.params[name] for name in (*used, *(OF_NETWORK if network else OF_FILES))
    }
    if network and values["min_conf"] is None:
        values["min_conf"] = options.EVAL_CONF
    return {
        f"--{name.replace('_', '-')}": " ".join(map(str, value))
        if isinstance(value, list | tuple)
        else str(value)
        for name, value in values.items()
        if value is not None and value != ()
    }
