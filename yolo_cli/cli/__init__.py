"""The command line: options in, one call, result out.

Nothing here imports torch before a command runs, so that ``--help`` is instant.
"""

import signal
import sys

from yolo_cli.errors import ExitCode


def main() -> None:
    """Run ``yolo`` and leave with its exit code."""
    try:
        from yolo_cli.cli.app import run
    except KeyboardInterrupt:  # Ctrl-C before anything has begun
        raise SystemExit(ExitCode.INTERRUPTED) from None
    code = run(sys.argv[1:])
    # All is written and said; only the interpreter's own end could be interrupted now.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(code)
