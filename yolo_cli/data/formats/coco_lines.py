"""The lines on which the entries of a COCO annotation file stand; looked for when one is needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from yolo_cli.data.formats.common import brief
from yolo_cli.data.formats.files import read_bytes
from yolo_cli.data.formats.json_read import MAX_JSON_BYTES
from yolo_cli.data.formats.scan import Spot

ListName: TypeAlias = Literal["image", "annotation", "category"]
"""What a list of the file holds."""

_LISTS: dict[str, ListName] = {
    "images": "image",
    "annotations": "annotation",
    "categories": "category",
}


class EntryLines:
    """The lines of a file's entries; the file has been parsed, hence is sound."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, kind: ListName, index: int) -> int:
        """Return the line on which an entry begins."""
        lines = self._lines[kind]
        return lines[index] if index < len(lines) else 0  # the file may have changed since

    @cached_property
    def _lines(self) -> dict[ListName, list[int]]:
        data = read_bytes(self._path, MAX_JSON_BYTES)
        text = data.decode(json.detect_encoding(data), "surrogatepass")  # as json.loads does
        decoder = json.JSONDecoder()
        lines: dict[ListName, list[int]] = {name: [] for name in _LISTS.values()}
        at = _skip(text, text.index("{") + 1)
        while text[at] != "}":
            key, at = decoder.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # the colon
            if key in _LISTS and text[at] == "[":
                starts, at = _entries(text, at, decoder)
                lines[_LISTS[key]] = list(_line_numbers(text, starts))
            else:
                _, at = decoder.raw_decode(text, at)
            at = _skip(text, at)
            if text[at] == ",":
                at = _skip(text, at + 1)
        return lines


@dataclass(frozen=True)
class EntrySpot(Spot):
    """An entry of an annotation file.

    Attributes:
        number: its index in the list, from 0.
        kind: what the list holds.
        key: the entry's ``id``, if it has one.
        lines: of the file.
    """

    kind: ListName = field(kw_only=True)
    key: object = field(kw_only=True, compare=False)
    lines: EntryLines = field(kw_only=True, compare=False, repr=False)

    @property
    def line(self) -> int:
        """Line on which the entry begins, counted from 1."""
        return self.lines.of(self.kind, self.number)

    @property
    def item(self) -> str:
        """The entry by its place and id."""
        return f"{self.kind} {self.number} (from 0; id {brief(self.key)})"


def _entries(text: str, at: int, decoder: json.JSONDecoder) -> tuple[list[int], int]:
    """Where the entries of the list at `at` begin, and where it ends."""
    starts: list[int] = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        starts.append(at)
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return starts, at + 1


def _line_numbers(text: str, starts: Iterable[int]) -> Iterator[int]:
    line, before = 1, 0
    for start in starts:
        line += text.count("\n", before, start)
        before = start
        yield line


def _skip(text: str, at: int) -> int:
    """The first place from `at` on that is no white space."""
    while text[at] in " \t\r\n":
        at += 1
    return at
