"""Reads a JSON file whole; what is wrong with it is one kind of error that names the file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from yolo_cli.data.formats.files import read_bytes
from yolo_cli.data.formats.scan import Spot
from yolo_cli.errors import ExitCode, UserError

MAX_JSON_BYTES = 2 * 1024**3
"""Largest annotation file that is read."""


@dataclass(frozen=True)
class JsonSpot(Spot):
    """A place in a JSON document.

    Attributes:
        number: what places of one file are sorted by.
        place: in the document: ``"shapes[3].points"``.
    """

    place: str = field(kw_only=True)

    @property
    def line(self) -> int:
        """No line: many such files have one line only."""
        return 0

    @property
    def item(self) -> str:
        """The place."""
        return self.place


def read_json(path: Path) -> object:
    """Read a JSON file.

    Raises:
        UserError: it cannot be read, is larger than ``MAX_JSON_BYTES``, or is not JSON.
    """
    data = read_bytes(path, MAX_JSON_BYTES)
    if not data.strip():
        raise UserError("empty annotation file", path=path)
    try:
        content: object = json.loads(data)
    except json.JSONDecodeError as error:
        raise UserError(
            f"broken JSON (column {error.colno}: {error.msg})",
            "the file is cut off or was edited by hand: get an intact copy",
            path=path,
            line=error.lineno,
        ) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("not UTF-8 text", "save the file as UTF-8", path=path, line=line) from error
    except RecursionError as error:
        raise UserError("JSON nested too deeply to be a dataset", path=path) from error
    except MemoryError as error:
        raise UserError("not enough memory to read it", code=ExitCode.FAILURE, path=path) from error
    except ValueError as error:  # a number of thousands of digits
        raise UserError(f"broken JSON ({error})", path=path) from error
    return content


def kind(value: object) -> str:
    """Return what sort of JSON value something is, with its article."""
    names: dict[type, str] = {list: "a list", dict: "an object", str: "a text", type(None): "null"}
    return names.get(type(value), "a number")


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a JSON value is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
