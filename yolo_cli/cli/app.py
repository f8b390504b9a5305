"""The table of commands, and what every command does with errors."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated

import typer

from yolo_cli.cli.commands import Commands
from yolo_cli.cli.console import say, say_error, stderr
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import os_hint
from yolo_cli.version import __version__

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
        print(f"yolo-cli {__version__}")
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
    if not os.environ.get("COLUMNS", "1").strip("0"):
        del os.environ["COLUMNS"]  # no terminal is 0 wide, and nothing would be printed
    try:
        _refuse_key_value(arguments)
        _refuse_empty(arguments)
        result = app(args=arguments, prog_name="yolo", standalone_mode=False)
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
    except BrokenPipeError:
        return _nobody_reads()
    except SystemExit as error:
        # typer and rich answer a closed pipe with it.
        if isinstance(error.__context__, BrokenPipeError):
            return _nobody_reads()
        return _exit_code(error)
    except ImportError as error:
        reason = " ".join(str(error).split())
        say_error(stderr(), f"a library cannot be loaded: {reason}", _import_hint(reason))
        return ExitCode.FAILURE
    except MemoryError:
        say_error(stderr(), "out of memory", "use a smaller --batch or --image-size")
        return ExitCode.FAILURE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        say_error(stderr(), f"{place}{error.strerror or error}", os_hint(error))
        return ExitCode.FAILURE


def _nobody_reads() -> int:
    """End in peace: the reader of our output has gone (yolo … | head)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.OK


def _exit_code(error: SystemExit) -> int:
    """Return the code of whatever ended the program, as Python itself would."""
    if error.code is None or isinstance(error.code, int):
        return error.code or ExitCode.OK
    say_error(stderr(), str(error.code))
    return ExitCode.FAILURE


def _import_hint(reason: str) -> str:
    """Return what helps against a library that cannot be loaded."""
    if "memory" in reason.lower() or "map segment" in reason:
        return "free some memory: close other programs, or raise the limit (ulimit -v)"
    return "install it again: pip install --force-reinstall yolo-cli"


def _refuse_empty(arguments: list[str]) -> None:
    """Refuse ``--out ""``, where a shell's variable is empty: the current folder is not meant."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option, equals, value = argument.partition("=")
        if not argument:
            option = before
        elif not (option.startswith("--") and equals and not value):
            continue
        what = f"{option}: its value is empty" if option.startswith("-") else "an empty argument"
        raise UserError(what, "name what is meant, or leave it out", ExitCode.USAGE)


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
    """Answer ``epochs=3``, another tool's habit, with a suggestion instead of a puzzle."""
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
