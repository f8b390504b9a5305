"""The table of commands, and what every command does with errors."""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import Annotated

import typer

import yolo_cli
from yolo_cli.cli.commands import Commands
from yolo_cli.cli.console import say, say_error, stderr
from yolo_cli.errors import ExitCode, UserError

app = typer.Typer(
    cls=Commands,
    name="yolo",
    help="A YOLOv1 object detector: train it, run it, score it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"yolo-cli {yolo_cli.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def run(arguments: list[str]) -> int:
    """Run one command.

    Returns:
        The exit code.
    """
    try:
        _refuse_key_value(arguments)
        result = app(args=arguments, prog_name="yolo", standalone_mode=False)
        if sys.stdout:  # there is none after ">&-"
            sys.stdout.flush()
        if result == ExitCode.INTERRUPTED:  # typer answers a KeyboardInterrupt with this code
            raise KeyboardInterrupt
        return int(result) if isinstance(result, int) else ExitCode.OK
    except typer.TyperException as error:
        from typer.rich_utils import rich_format_error  # slow to import, and seldom needed

        rich_format_error(error)  # type: ignore[arg-type]  # takes what typer raises
        return ExitCode.USAGE
    except UserError as error:
        say_error(stderr(), error.message, error.hint)
        return error.code
    except (KeyboardInterrupt, typer.Abort):
        say(stderr(), "interrupted")
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # The reader of our output has gone (yolo … | head), to which typer and rich answer with
        # SystemExit: nothing to say, nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except MemoryError:
        say_error(stderr(), "out of memory", "use a smaller --batch or --image-size")
        return ExitCode.FAILURE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        hint = "free some space or choose another folder" if error.errno == errno.ENOSPC else ""
        say_error(stderr(), f"{place}{error.strerror or error}", hint)
        return ExitCode.FAILURE


# Names of another tool's settings that are called otherwise here; "" for what takes no flag.
_OTHER_NAMES = {
    "data": "",
    "source": "",
    "model": "--weights ",
    "imgsz": "--image-size ",
    "lr0": "--lr ",
    "name": "--out ",
}


def _refuse_key_value(arguments: list[str]) -> None:
    """``epochs=3``, another tool's habit, gets a suggestion instead of a puzzle."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        match = re.fullmatch(r"([a-z][a-z0-9_-]*)=(.*)", argument, re.DOTALL)
        is_value = before.startswith("-")  # --out lr=0.1 is a folder's name
        if match and not is_value and not os.path.exists(argument):  # noqa: PTH110  # no pathlib
            name, value = match.groups()
            flag = _OTHER_NAMES.get(name, f"--{name.replace('_', '-')} ")
            raise UserError(
                f"{argument}: options are ordinary flags",
                f"did you mean {flag}{value}?",
                ExitCode.USAGE,
            )
