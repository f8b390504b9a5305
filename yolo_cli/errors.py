"""The one exception that a user ever sees, and the exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every ``yolo`` command."""

    OK = 0
    FAILURE = 1  # the tool or the machine failed: disk full, no permission, out of memory
    USAGE = 2  # wrong options
    BAD_INPUT = 3  # an image, label, dataset or weights file is bad
    INTERRUPTED = 130


class UserError(Exception):
    """Something that the user can cause and mend; printed as one or two lines, never a traceback.

    Args:
        message: what is wrong, with the path (and line) of the culprit.
        hint: the way out, one line; empty when the message says it all.
        code: exit code of the command; :attr:`ExitCode.BAD_INPUT` unless told.
    """

    def __init__(self, message: str, hint: str = "", code: ExitCode = ExitCode.BAD_INPUT) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
