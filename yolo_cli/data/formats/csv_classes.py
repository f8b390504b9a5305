"""The table of classes beside a table of boxes: RetinaNet's ``classes.csv``, Open Images' codes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.csv_rows import numbered_rows, read_text
from yolo_cli.data.formats.files import visible
from yolo_cli.data.formats.scan import Spot

_NAMES = re.compile(
    r"(class(es)?|class[-_]?(names|list|map|ids)|class-descriptions.*|label[-_]?map)\.csv"
)
_CODE = re.compile(r"/[a-z]/\w+")


@dataclass(frozen=True)
class ClassTable:
    """What the labels of a dataset call its classes.

    Attributes:
        file: the table's name; "" where there is none.
        declared: the classes in the order of their ids, and where; empty for codes, of which
            a dataset uses a few.
        names: by what labels may have in their place.
    """

    file: str = ""
    declared: Mapping[str, Spot] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, label: str) -> str | None:
        """Return the class that a label names; None if it is none of those that are declared."""
        if label in self.declared or (not self.declared and label not in self.names):
            return label
        return self.names.get(label)


def find_class_table(folders: Sequence[Path]) -> ClassTable:
    """Return the first table of classes in some folders; an empty one if there is none.

    Raises:
        UserError: it cannot be read.
    """
    for folder in dict.fromkeys(folders):
        for path in visible(folder):
            if _NAMES.fullmatch(path.name.lower()) and path.is_file():
                found = read_class_table(path)
                if found is not None:
                    return found
    return ClassTable()


def read_class_table(path: Path) -> ClassTable | None:
    """Read ``name,id``, ``id,name`` or ``code,name``, with or without a header; None for others.

    Raises:
        UserError: it cannot be read.
    """
    rows = [
        (line, [" ".join(cell.split()) for cell in cells[:2]])
        for line, cells in numbered_rows(path, read_text(path), ",")
        if len(cells) >= 2 and cells[0] and cells[1]
    ]
    if rows and not any(map(_is_key, rows[0][1])):
        rows = rows[1:]  # the header
    if not rows:
        return None
    for key, name in ((1, 0), (0, 1)):
        if all(_is_key(cells[key]) for _, cells in rows):
            names = {cells[key]: cells[name] for _, cells in rows}
            if _CODE.fullmatch(rows[0][1][key]):
                return ClassTable(path.name, {}, names)
            ordered = sorted(rows, key=lambda row: int(row[1][key]))
            declared = {cells[name]: Spot(path, line) for line, cells in reversed(ordered)}
            return ClassTable(path.name, dict(reversed(declared.items())), names)
    return None


def _is_key(text: str) -> bool:
    return (text.isascii() and text.isdecimal() and len(text) < 10) or bool(_CODE.fullmatch(text))
