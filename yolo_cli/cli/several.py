"""Training on several processes: how they are started, and how they end together."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from yolo_cli.cli.console import say, say_error, stderr
from yolo_cli.errors import ExitCode, UserError

if TYPE_CHECKING:
    from yolo_cli.training.ranks import Ranks

RESTARTS = 3  # after so many deaths something is wrong with the machine
BEGAN = "YOLO_CLI_BEGAN"  # environment: when the command was given, on the system's clock
BEREFT = 75  # exit code (EX_TEMPFAIL) of a process that another one has left alone


def started_by_torchrun() -> bool:
    """Return whether this process is one that torchrun has started."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def restarted() -> bool:
    """Return whether torchrun has started the processes again because one of them died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def check_restarts(out: Path | None) -> None:
    """Check that processes which torchrun starts again will find their run.

    Raises:
        UserError: if they cannot.
    """
    if out is None and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0:
        raise UserError(
            "torchrun --max-restarts: processes that start again would not find their run",
            "name its folder with --out",
            ExitCode.USAGE,
        )


def launch(count: int, folder: Path | None, *, resumed: bool, began: float) -> int:
    """Train on several processes of this machine, and start them again where one is killed.

    Args:
        count: of processes.
        folder: of the run; None for the next free one.
        resumed: the run in the folder goes on.
        began: when a time budget began, by :func:`time.monotonic`.

    Returns:
        The exit code.
    """
    from yolo_cli.training.ranks import cores
    from yolo_cli.training.run.folder import RunFolder

    run = RunFolder.choose(folder) if not resumed else RunFolder(folder or Path())
    arguments = without_option(sys.argv[1:], "--nproc")
    if not resumed:
        run.claim()
        if folder is None:
            arguments += ["--out", str(run.path)]
    os.environ[BEGAN] = str(began)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // count)))
    try:
        for attempt in range(RESTARTS + 1):
            if attempt and run.config.exists():
                arguments = ["train", "--resume", str(run.path)]
            codes = _start(count, arguments)
            final = [code for code in codes if code >= 0 and code != BEREFT]
            if not codes or final:
                return final[0] if final else ExitCode.OK
            if attempt < RESTARTS:
                say(stderr(), f"a process was killed ({_names(codes)}): all start again")
        raise UserError(
            f"processes were killed {RESTARTS + 1} times ({_names(codes)})",
            f"go on with: yolo train --resume {run.path}",
            ExitCode.FAILURE,
        )
    finally:
        if not resumed and folder is None:
            with suppress(OSError):  # it is there, and holds a run
                run.path.rmdir()


def _start(count: int, arguments: Sequence[str]) -> list[int]:
    """Run the processes to their end; return the exit codes of those that failed first.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when they have saved what there was.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.CRITICAL)  # it logs each death with a page of text
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,  # which would start again after bad input, too
        local_addr="localhost",
    )
    try:
        elastic_launch(config, sys.executable)("-m", "yolo_cli", *arguments)
    except ChildFailedError as error:
        return [failure.exitcode for failure in error.failures.values()]
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from error
        return [128 + error.sigval]
    finally:
        logging.disable(logging.NOTSET)
    return []


def _names(codes: Sequence[int]) -> str:
    """Name the signals that ended processes; with SIGTERM the others are stopped after that."""
    names = {signal.Signals(-code).name for code in codes if code < 0}
    return ", ".join(sorted(names - {"SIGTERM"})) or "SIGTERM"


def without_option(arguments: Sequence[str], option: str) -> list[str]:
    """Return arguments without an option and its value."""
    rest: list[str] = []
    skip = False
    for argument in arguments:
        if skip or argument.startswith(f"{option}="):
            skip = False
        elif argument == option:
            skip = True
        else:
            rest.append(argument)
    return rest


@contextmanager
def together(device: str) -> Iterator[Ranks]:
    """Train with the other processes, if there are any; a fault is told once, and ends them all.

    Raises:
        UserError: in the process that tells it.
    """
    from yolo_cli.training.ranks import ALONE, joined

    ranks = ALONE
    try:
        with joined(device) as ranks:
            yield ranks
    except UserError as error:
        if not ranks.tell(error.code, cause=True):
            raise SystemExit(int(error.code)) from error
        if ranks.first:
            raise
        message = f"process {ranks.rank}: {error.message}"
        raise UserError(message, error.hint, error.code) from error
    except KeyboardInterrupt as error:
        if ranks.first and BEGAN not in os.environ:  # else the launcher says it
            raise
        raise SystemExit(int(ExitCode.INTERRUPTED)) from error
    except RuntimeError as error:
        if ranks.size == 1 or not _is_lost_connection(error):
            raise
        if ranks.tell(BEREFT, cause=False):
            say_error(stderr(), f"process {ranks.rank}: another process of the training has ended")
        raise SystemExit(BEREFT) from error


def _is_lost_connection(error: RuntimeError) -> bool:
    """Return whether an error says that another process does not answer any more."""
    text = f"{type(error).__name__} {error}".lower()
    return any(word in text for word in ("gloo", "nccl", "connection", "socket", "distbackend"))
