"""The one exception that a user ever sees, and the exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Any


class ExitCode(IntEnum):
    """Exit codes of every ``yolo`` command."""

    OK = 0
    FAILURE = 1  # the tool or the machine failed: disk full, no permission, out of memory
    USAGE = 2  # wrong options
    BAD_INPUT = 3  # an image, label, dataset or weights file is bad
    INTERRUPTED = 130


class UserError(Exception):
    """Something that the user can cause and fix; printed as one or two lines, never a traceback.

    Args:
        reason: what is wrong.
        hint: the way out, one line; empty when the message says it all.
        code: exit code of the command.
        path: the file or folder at fault; the message begins with it.
        line: line of the file, counted from 1; 0 where there is none.

    Attributes:
        message: ``path:line: reason``, or the reason alone where no path is given.
    """

    def __init__(
        self,
        reason: str,
        hint: str = "",
        code: ExitCode = ExitCode.BAD_INPUT,
        *,
        path: Path | None = None,
        line: int = 0,
    ) -> None:
        place = "" if path is None else f"{path}:{line}: " if line else f"{path}: "
        self.reason = reason
        self.message = place + reason
        self.hint = hint
        self.code = code
        self.path = path
        self.line = line
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # What an exception is pickled by is its message alone.
        return _again, (type(self), self.reason, self.hint, self.code, self.path, self.line)

    def with_hint(self, hint: str) -> UserError:
        """Return the same error with another way out."""
        return type(self)(self.reason, hint, self.code, path=self.path, line=self.line)


def _again(
    kind: type[UserError], reason: str, hint: str, code: ExitCode, path: Path | None, line: int
) -> UserError:
    """Return a pickled error."""
    return kind(reason, hint, code, path=path, line=line)
