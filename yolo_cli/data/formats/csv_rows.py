"""Reads a table of comma-separated values: its text, what separates its columns, its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from yolo_cli.data.formats.files import read_bytes
from yolo_cli.errors import UserError

MAX_CSV_BYTES = 512 * 1024**2
"""Largest table that is read."""

DELIMITERS = (",", ";", "\t", "|")

_HEAD_BYTES = 64 * 1024
_HEAD_ROWS = 60
_BROKEN_HINT = "the file is cut off or was edited by hand: get an intact copy"


def read_text(path: Path) -> str:
    """Read a text in UTF-8 (with or without byte order mark) or in UTF-16 with one.

    Raises:
        UserError: it cannot be read, is larger than ``MAX_CSV_BYTES``, or is not text.
    """
    data = read_bytes(path, MAX_CSV_BYTES)
    if not data.strip():
        raise UserError("empty label file", path=path)
    try:
        return data.decode(_encoding(data))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("not UTF-8 text", "save the file as UTF-8", path=path, line=line) from error


def read_head(path: Path) -> str:
    """Return the first lines of a file, none cut in two; empty if they are no text."""
    try:
        with path.open("rb") as file:
            data = file.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return ""
    text = data.decode(_encoding(data), errors="replace")
    if "\ufffd" in text[:-4]:
        return ""
    return text if len(data) < _HEAD_BYTES else text[: text.rfind("\n") + 1]


def head_rows(text: str, delimiter: str) -> list[list[str]]:
    """Return the first rows of a table that are not empty; those before one that is broken."""
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text[:_HEAD_BYTES], newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                found.append([cell.strip() for cell in row])
            if len(found) == _HEAD_ROWS:
                break
    except csv.Error:
        pass  # an error of its own when the file is read
    return found


def numbered_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty with the line it begins in, from 1.

    Raises:
        UserError: a quotation does not end, or a field is longer than the csv module reads.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise UserError(f"broken CSV ({error})", _BROKEN_HINT, path=path, line=line) from error
        if row is None:
            return
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield line, cells
        line = rows.line_num + 1


def _encoding(data: bytes) -> str:
    return "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
