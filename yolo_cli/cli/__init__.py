"""The command line: options in, one call, result out.

Nothing here imports torch before a command runs, so that ``--help`` is instant.
"""

import os
import signal
import sys

from yolo_cli.errors import ExitCode


def main() -> None:
    """Run ``yolo`` and leave with its exit code."""
    _open_streams()
    try:
        from yolo_cli.cli.app import run
        from yolo_cli.cli.startup import keep_memory, use_large_pages
    except KeyboardInterrupt:  # Ctrl-C before anything has begun
        raise SystemExit(ExitCode.INTERRUPTED) from None
    use_large_pages()
    if sys.argv[1:2] == ["train"]:
        keep_memory()
    code = run(sys.argv[1:])
    # All is written and said; only the interpreter's own end could be interrupted now.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(code)


def _open_streams() -> None:
    """Open what a shell's ``>&-`` has closed: the next file would get its number, and its output.

    What nobody reads is written to nowhere.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
