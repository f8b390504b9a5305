"""Darknet's cfg files: sections of options, each with its line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.errors import ExitCode, UserError

MOST_BYTES = 10_000_000
SHORT = {
    "network": "net",
    "conv": "convolutional",
    "conn": "connected",
    "max": "maxpool",
    "avg": "avgpool",
    "soft": "softmax",
}
"""Darknet's other names of sections."""


@dataclass(frozen=True)
class Option:
    """A value as it is written, and its line, counted from 1."""

    value: str
    line: int


@dataclass(frozen=True)
class Section:
    """A part of a cfg file: a layer, or the network as a whole.

    Attributes:
        path: of the file.
        name: in full, without brackets.
        line: of the name.
        options: by name; of one that is given twice the first, as in Darknet.
    """

    path: Path
    name: str
    line: int
    options: Mapping[str, Option]

    def integer(self, name: str, default: int) -> int:
        """Return an option as a whole number.

        Raises:
            UserError: it is none.
        """
        option = self.options.get(name)
        if option is None:
            return default
        try:
            return int(option.value)
        except ValueError as error:
            raise self.wrong(name, f"{name}={option.value:.40}: not a whole number") from error

    def number(self, name: str, default: float) -> float:
        """Return an option as a number.

        Raises:
            UserError: it is none.
        """
        option = self.options.get(name)
        try:
            value = default if option is None else float(option.value)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            text = "" if option is None else option.value
            raise self.wrong(name, f"{name}={text:.40}: not a number")
        return value

    def text(self, name: str, default: str) -> str:
        """Return an option as it is written."""
        option = self.options.get(name)
        return default if option is None else option.value

    def wrong(self, name: str, reason: str, hint: str = "") -> UserError:
        """Return the error of an option, or of the section where the option is not given."""
        option = self.options.get(name)
        line = self.line if option is None else option.line
        return UserError(f"[{self.name}] {reason}", hint, path=self.path, line=line)

    def __str__(self) -> str:
        return f"[{self.name}] in {self.path}:{self.line}"


@dataclass(frozen=True)
class Cfg:
    """A cfg file.

    Attributes:
        path: where it is.
        text: as it is written.
        sections: in order; the first is ``net``.
    """

    path: Path
    text: str
    sections: tuple[Section, ...]


def read_cfg(path: Path) -> Cfg:
    """Read a cfg file.

    Raises:
        UserError: it cannot be read, or is no cfg file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError("too long for a cfg file of Darknet", path=path)
        text = path.read_bytes().decode("utf-8", errors="surrogateescape")
    except OSError as error:
        code = ExitCode.FAILURE if isinstance(error, PermissionError) else ExitCode.BAD_INPUT
        raise UserError(error.strerror or str(error), code=code, path=path) from error
    return parse_cfg(text, path)


def parse_cfg(text: str, path: Path) -> Cfg:
    """Take the text of a cfg file apart.

    Args:
        text: of the file.
        path: that errors name.

    Raises:
        UserError: a line is neither a section, an option nor a comment; there is no layer.
    """
    sections: list[tuple[str, int, dict[str, Option]]] = []
    for number, whole in enumerate(text.split("\n"), 1):
        line = "".join(whole.split())  # as Darknet, which drops all white space
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            name = line.strip("[]")
            sections.append((SHORT.get(name, name), number, {}))
            continue
        name, equals, value = line.partition("=")
        if not equals or not sections or "\0" in line:
            raise UserError(
                f"neither [section] nor option=value: {whole.strip()[:40]!r}",
                "name a cfg file of Darknet",
                path=path,
                line=number,
            )
        sections[-1][2].setdefault(name, Option(value, number))
    if not sections or sections[0][0] != "net":
        raise UserError(
            "the first section is not [net]",
            "name a cfg file of Darknet",
            path=path,
            line=sections[0][1] if sections else 0,
        )
    if len(sections) == 1:
        raise UserError("a network without layers", path=path)
    return Cfg(path, text, tuple(Section(path, *section) for section in sections))
