"""The detections of all files as columns: what every format is read into."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import TypeVar

import numpy as np

from yolo_cli.data.formats.common import Key, number
from yolo_cli.data.sample import FloatArray, IntArray
from yolo_cli.errors import UserError

MAX_RESULT_BYTES = 1024**3
"""Largest file of detections of many images that is read."""

_T = TypeVar("_T", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Rows:
    """N detections, in the order of the files.

    Attributes:
        images: the names or numbers that occur.
        image: ``[N]`` index into `images`.
        classes: the names or numbers that occur.
        label: ``[N]`` index into `classes`.
        scores: ``[N]`` finite.
        values: ``[N, 4]`` finite, the boxes as they are written.
        where: file and line of a row, for messages.
    """

    images: Sequence[Key]
    image: IntArray
    classes: Sequence[Key]
    label: IntArray
    scores: FloatArray
    values: FloatArray
    where: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Lines:
    """The lines of several text files in columns: a name, and five numbers after it.

    Attributes:
        files: the files, in order.
        starts: index of the first row of each file.
        lines: number of the line of each row.
        names: what stands before the numbers, spaces included.
        numbers: ``[N, 5]`` finite.
    """

    files: Sequence[Path]
    starts: Sequence[int]
    lines: Sequence[int]
    names: Sequence[str]
    numbers: FloatArray

    def where(self, row: int) -> str:
        """Return the ``path:line`` of a row."""
        return f"{self.files[bisect_right(self.starts, row) - 1]}:{self.lines[row]}"

    def file_of_row(self) -> IntArray:
        """Return the ``[N]`` index of the file."""
        ends = [*self.starts[1:], len(self.lines)]
        counts = np.array(ends, dtype=np.int64) - np.array(self.starts, dtype=np.int64)
        return np.repeat(np.arange(len(self.files)), counts)


def numbered(values: Iterable[_T]) -> tuple[list[_T], IntArray]:
    """Return the distinct values in the order in which they come, and the index of each value."""
    index: dict[_T, int] = {}
    places = [index.setdefault(value, len(index)) for value in values]
    return list(index), np.array(places, dtype=np.int64)


def split_lines(
    files: Sequence[Path], read: Callable[[Path], Sequence[str]], expected: str
) -> Lines:
    """Cut the lines of text files into a name and five numbers; blank lines are skipped.

    Args:
        files: what to read.
        read: gives the lines of a file.
        expected: what a line should be, for messages.

    Raises:
        UserError: a line has fewer columns, or what should be a number is none or not finite.
    """
    starts: list[int] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    for path in files:
        starts.append(len(rows))
        for line, text in enumerate(read(path), start=1):
            columns = text.rsplit(None, 5)  # the name may have spaces in it
            if len(columns) == 6:
                rows.append(columns)
                lines.append(line)
            elif columns:
                raise UserError(
                    f"{path}:{line}: {len(columns)} columns where {expected!r} was expected",
                    "is there no score? Ultralytics' tools write one with save_conf=True"
                    if len(columns) == 5
                    else "are these detections?",
                )
    numbers = _numbers(rows)
    found = Lines(files, starts, lines, [row[0] for row in rows], numbers)
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers).all(axis=1))[0])
        raise UserError(f"{found.where(row)}: {_culprit(rows[row])}", f"a line is {expected!r}")
    return found


def _numbers(rows: Sequence[Sequence[str]]) -> FloatArray:
    """Return the last five columns; nan for what is not a number."""
    texts = chain.from_iterable(row[1:] for row in rows)
    try:
        flat = [*map(float, texts)]
    except ValueError:
        values = (number(text) for row in rows for text in row[1:])
        flat = [float("nan") if value is None else value for value in values]
    return np.array(flat, dtype=np.float64).reshape(-1, 5)


def _culprit(row: Sequence[str]) -> str:
    for text in row[1:]:
        value = number(text)
        if value is None:
            return f"{text[:40]!r} is not a number"
        if not isfinite(value):
            return f"{text[:40]!r} is not finite"
    raise AssertionError(row)
