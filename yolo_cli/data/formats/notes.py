"""What is to be said of a dataset before it is used: its description is not right in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from yolo_cli.data.formats.scan import Fault, Reader


@runtime_checkable
class Noting(Protocol):
    """A reader that has something to say of the dataset as a whole.

    Attributes:
        notes: no errors; ``check`` has them among its findings, ``train`` says them.
    """

    @property
    def notes(self) -> Sequence[Fault]:
        """Warnings, known without reading a label."""


def notes_of(reader: Reader) -> Sequence[Fault]:
    """Return what a reader has to say of its dataset as a whole."""
    return reader.notes if isinstance(reader, Noting) else ()
