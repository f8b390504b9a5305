"""Reads the YAML file of a YOLO dataset."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from yolo_cli.data.formats.files import read_bytes
from yolo_cli.errors import UserError

_MAX_YAML_BYTES = 512 * 1024
_MAX_YAML_DEPTH = 20

# Of the safe loaders the one that keeps text as it is: names "yes" and "no" are no truths. The
# one written in C, which not every build has, is ten times faster.
_YAML_LOADER: type[yaml.BaseLoader] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_QUOTED_PATH = re.compile(rb'(?m)^\s*(-|(path|train|val|valid|test)\s*:)\s*"[^"\n]*"')


def read_yaml(path: Path) -> dict[object, object]:
    """Read a YAML file; what is no mapping is an empty one.

    All scalars are text, as they are written.

    Raises:
        UserError: the file cannot be read, or is not YAML.
    """
    data = read_bytes(path, _MAX_YAML_BYTES)
    try:
        return _parsed(path, data)
    except UserError:
        # "C:\data" is no YAML, as \d is no escape: but what is meant is plain.
        slashed = _QUOTED_PATH.sub(lambda found: found[0].replace(b"\\", b"/"), data)
        if slashed == data:
            raise
        return _parsed(path, slashed)


def _parsed(path: Path, data: bytes) -> dict[object, object]:
    try:
        _check_depth(path, data)
        content = yaml.load(data, Loader=_YAML_LOADER)
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark)
        raise UserError(f"broken YAML ({error.problem})", path=path, line=line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:80]
        raise UserError(f"broken YAML ({reason})", path=path) from error
    return content if isinstance(content, dict) else {}


def _check_depth(path: Path, data: bytes) -> None:
    """Refuse what is nested too deeply: the loader calls itself for each level."""
    depth, line = 0, 0
    try:
        for event in yaml.parse(data, Loader=_YAML_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_YAML_DEPTH:
                line = _line(event.start_mark)
                break
    except yaml.MarkedYAMLError as error:  # newer parsers have a limit, and look ahead
        if "nesting depth" not in str(error):
            raise
        depth, line = _MAX_YAML_DEPTH + 1, _line(error.problem_mark)
    if depth > _MAX_YAML_DEPTH:
        raise UserError("YAML nested too deeply to describe a dataset", path=path, line=line)


def _line(mark: Any) -> int:
    """Line of a mark, of which the parsers in C and Python have a class each."""
    return int(mark.line) + 1 if mark else 0
