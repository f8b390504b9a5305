"""The command line: options in, one call, result out.

Nothing here imports torch before a command runs, so that ``--help`` is instant.
"""

from yolo_cli.cli.app import main

__all__ = ["main"]
