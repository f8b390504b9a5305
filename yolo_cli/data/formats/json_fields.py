"""Values in JSON label files: numbers, points and names, however other programs write them."""

from __future__ import annotations

import math
from pathlib import Path

from yolo_cli.data.formats.common import brief, is_text, number
from yolo_cli.data.formats.hulls import Point
from yolo_cli.data.formats.json_read import JsonSpot, is_number, kind
from yolo_cli.data.formats.repeated import Notes


class JsonFields:
    """Reads values of one file.

    Args:
        path: of the file.

    Attributes:
        notes: what is said once of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes = Notes()
        self._spots = 0

    def spot(self, place: str) -> JsonSpot:
        """Return a place in the file, behind those before it."""
        self._spots += 1
        return JsonSpot(self.path, self._spots, place=place)

    def number(self, value: object, spot: JsonSpot) -> float | None:
        """Return a number, also one that is written as text; None if it is neither."""
        if is_number(value):
            try:
                return float(value)
            except OverflowError:  # hundreds of digits
                return math.inf
        found = number(value) if isinstance(value, str) else None
        if found is not None:
            self.notes.add("number-as-text", spot, f"{brief(value)} is a text, not a number")
        return found

    def numbers(
        self, record: dict[str, object], keys: tuple[str, ...], spot: JsonSpot
    ) -> list[float] | str:
        """Return the numbers of some keys, or what is wrong with them."""
        found: list[float] = []
        for key in keys:
            value = self.number(record.get(key), spot)
            if value is None:
                written = brief(record.get(key))
                return f"its {key} is {written}, not a number" if key in record else f"has no {key}"
            found.append(value)
        return found

    def points(self, value: object, spot: JsonSpot, least: int = 1) -> list[Point] | str:
        """Return points ``[[x, y], …]``, or what is wrong with them."""
        if not isinstance(value, list):
            return "missing" if value is None else f"{kind(value)} where a list of points should be"
        found: list[Point] = []
        for index, pair in enumerate(value):
            if not isinstance(pair, list) or len(pair) != 2:
                return f"point {index} (from 0) is {brief(pair)}, not [x, y]"
            x, y = self.number(pair[0], spot), self.number(pair[1], spot)
            if x is None or y is None:
                return f"point {index} (from 0) is {brief(pair)}, not two numbers"
            found.append((x, y))
        if len(found) < least:
            return f"{len(found)} of the {least} points that it needs"
        return found

    def size(self, record: object, width: str, height: str) -> Point | None:
        """Return the width and height that a record states; None if it does not state both."""
        if not isinstance(record, dict):
            return None
        sides = [record.get(key) for key in (width, height)]
        spot = JsonSpot(self.path, self._spots, place=f"{width}, {height}")
        found = [None if side is None else self.number(side, spot) for side in sides]
        return None if found[0] is None or found[1] is None else (found[0], found[1])


def class_name(value: object) -> str | None:
    """Return a class's name; a whole number is one too. None if it is no name."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = brief(value)
    name = " ".join(value.split()) if isinstance(value, str) else ""
    return name if name and is_text(name) else None


def image_name(value: object) -> str | None:
    """Return the name of an image as a label has it; None if it is none."""
    return value if isinstance(value, str) and value.strip() and is_text(value) else None
