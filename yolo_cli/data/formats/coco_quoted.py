"""Numbers that an annotation file has in quotes: some exports write them so, and mean them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from yolo_cli.data.formats.coco_lines import EntrySpot
from yolo_cli.data.formats.common import Key, brief, number
from yolo_cli.data.formats.json_read import is_number
from yolo_cli.data.formats.repeated import Notes
from yolo_cli.data.formats.scan import Fault

_MAX_DIGITS = 18  # of an id that may be a number


def is_key(value: object) -> TypeGuard[Key]:
    """Whether a JSON value can be an id, which true and false cannot."""
    return isinstance(value, int | str) and not isinstance(value, bool)


class Quoted:
    """Counts the numbers of a file that are written as texts, and reads them."""

    def __init__(self) -> None:
        self._notes = Notes()

    def number(self, value: object, spot: EntrySpot, part: str) -> int | float | None:
        """Return the number that a value is, also in quotes; None if it is none."""
        if is_number(value):
            return value
        found = number(value) if isinstance(value, str) else None
        if found is not None:
            self._note(value, spot, part)
        return found

    def known(
        self, value: object, among: Mapping[Key, object], spot: EntrySpot, part: str
    ) -> Key | None:
        """Return the key that a reference means: a number and the same in quotes are one."""
        if not is_key(value):
            return None
        if value in among:
            return value
        other: Key | None = str(value)
        if isinstance(value, str):
            plain = value.isdecimal() and len(value) <= _MAX_DIGITS
            other = int(value) if plain and str(int(value)) == value else None
        if other not in among:
            return None
        self._note(value if isinstance(value, str) else other, spot, part)
        return other

    def _note(self, value: object, spot: EntrySpot, part: str) -> None:
        what = f"{brief(value)} is a text, not a number"
        self._notes.add("number-as-text", spot.at(part), what)

    @property
    def faults(self) -> list[Fault]:
        """One fault that counts them, if there are any."""
        return self._notes.faults
