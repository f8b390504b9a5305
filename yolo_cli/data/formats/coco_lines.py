"""The lines on which the entries of a COCO annotation file stand; looked for when one is needed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from yolo_cli.data.formats.common import brief
from yolo_cli.data.formats.files import read_bytes
from yolo_cli.data.formats.json_read import MAX_JSON_BYTES
from yolo_cli.data.formats.scan import Spot

ListName: TypeAlias = Literal["images", "annotations", "categories"]
"""A list of the file."""

_LISTS: tuple[ListName, ...] = get_args(ListName)


class EntryLines:
    """The lines of a file's entries; the file has been parsed, hence is sound."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, kind: ListName, index: int) -> int:
        """Return the line on which an entry begins; 0 if others begin on the same one.

        Many programs write such a file as one line, whose number says nothing.
        """
        lines = self._lines[kind]
        line = lines[index] if index < len(lines) else 0  # the file may have changed since
        return line if self._entries_by_line[line] == 1 else 0

    @cached_property
    def _entries_by_line(self) -> Counter[int]:
        return Counter(line for lines in self._lines.values() for line in lines)

    @cached_property
    def _lines(self) -> dict[ListName, list[int]]:
        data = read_bytes(self._path, MAX_JSON_BYTES)
        lines: dict[ListName, list[int]] = {name: [] for name in _LISTS}
        if data.count(b"\n") < 2:
            return lines
        text = data.decode(json.detect_encoding(data), "surrogatepass")  # as json.loads does
        decoder = json.JSONDecoder()
        at = _skip(text, text.index("{") + 1)
        while text[at] != "}":
            key, at = decoder.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # the colon
            if key in _LISTS and text[at] == "[":
                starts, at = _entries(text, at, decoder)
                lines[key] = list(_line_numbers(text, starts))
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
        kind: the list.
        key: the entry's ``id``; None if it has none.
        lines: of the file.
        part: the key of the entry that is meant; "" for the whole entry.
    """

    kind: ListName = field(kw_only=True)
    key: object = field(kw_only=True, compare=False)
    lines: EntryLines = field(kw_only=True, compare=False, repr=False)
    part: str = field(default="", kw_only=True, compare=False)

    @property
    def line(self) -> int:
        """Line on which the entry begins, counted from 1; 0 if others begin there as well."""
        return self.lines.of(self.kind, self.number)

    @property
    def item(self) -> str:
        """The place in the document and the entry's id: ``annotations[12].bbox (id 7)``."""
        place = f"{self.kind}[{self.number}]" + (f".{self.part}" if self.part else "")
        return place if self.key is None else f"{place} (id {brief(self.key)})"

    def at(self, part: str) -> EntrySpot:
        """Return the place of a value in the entry."""
        return replace(self, part=part)


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
