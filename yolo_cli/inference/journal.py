"""Results as JSON lines, as they come: what a run that was interrupted goes on from.

Each line is whole, and written when its picture is done, however the run ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from yolo_cli.files import atomic_write, unwritable, write_json_list
from yolo_cli.tasks.result import Document, Record

JOURNAL = "detections.jsonl"  # of a detector


class Journal:
    """A file of JSON lines that is appended to.

    Args:
        path: the file, in a folder that is there.
        keep: which of its records stay; None to start with none.
    """

    def __init__(self, path: Path, keep: Callable[[Record], bool] | None = None) -> None:
        self.path = path
        self._keep = keep
        self._file: IO[bytes] | None = None
        self._end = 0

    def names(self) -> set[str]:
        """Return the names of the pictures whose records stay."""
        if self._keep is None:
            return set()
        return {record["image"] for record in read_journal(self.path) if self._keep(record)}

    def add(self, record: Record) -> None:
        """Append a record, whole or not at all.

        Raises:
            UserError: it cannot be written.
        """
        try:
            file = self._file or self._begin()
            line = json.dumps(record).encode() + b"\n"
            file.write(line)
            file.flush()
            self._end += len(line)
        except OSError as error:
            self.close()
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Leave whole lines."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()
            with suppress(OSError):  # what a full disk took of the last line
                os.truncate(self.path, self._end)

    def _begin(self) -> IO[bytes]:
        """Open the file, with what stays of it."""
        kept = filter(self._keep, read_journal(self.path)) if self._keep else iter(())
        with atomic_write(self.path, self.path.parent) as file:
            for record in kept:
                file.write(json.dumps(record).encode() + b"\n")
        self._file = self.path.open("ab", buffering=0)
        self._end = self._file.seek(0, os.SEEK_END)
        return self._file


def read_journal(path: Path) -> Iterator[Record]:
    """Yield the records of a file of JSON lines, if it is there, but none that is cut off."""
    try:
        with path.open("rb") as file:
            for line in file:
                with suppress(ValueError, RecursionError):
                    record = json.loads(line)
                    if isinstance(record, dict) and {"image", "width", "height"} <= record.keys():
                        yield record
    except FileNotFoundError:
        return


def _write_json(records: Iterable[Record], path: Path, _names: tuple[str, ...]) -> None:
    write_json_list(path, records)


def json_document(stem: str) -> Document:
    """Return the document that holds all records as one list."""
    return Document(f"{stem}.json", _write_json)
