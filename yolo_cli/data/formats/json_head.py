"""What a JSON file looks like at its beginning: enough to tell formats apart unparsed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

HEAD_BYTES = 1024**2
"""How much of a file is looked at."""

# Strings may be megabytes long (LabelMe keeps images in them): the first alternative is quick.
_STRING = rb'"([^"]*(?<!\\)|[^"\\]*(?:\\.[^"\\]*)*)"'
_TOKEN = re.compile(_STRING + rb"(\s*:\s*([\[{])?)?|[{}\[\]]", re.DOTALL)
_OPEN, _CLOSE = (b"{", b"["), (b"}", b"]")


@dataclass(frozen=True)
class JsonHead:
    """The outline of a JSON file.

    Attributes:
        opens: ``"{"`` or ``"["``; empty if the file begins with neither.
        keys: of the outermost object; empty for a list.
        lists: those of `keys` whose value is a list.
        inner: keys of the objects one level down, in the list or in the outermost object.
    """

    opens: str = ""
    keys: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    inner: frozenset[str] = frozenset()


def json_head(path: Path) -> JsonHead:
    """Return the outline of a file; an empty one if it cannot be read or is not JSON."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return JsonHead()
    return _head(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4096)
def _head(path: Path, _modified: int, _size: int) -> JsonHead:
    try:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except OSError:
        return JsonHead()
    opens = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if opens not in _OPEN:
        return JsonHead()
    if len(data) == HEAD_BYTES:
        data = data[: data.rfind(b'"') + 1]  # a string that is cut off would be searched in vain
    keys: set[str] = set()
    lists: set[str] = set()
    inner: set[str] = set()
    depth = 0
    for token in _TOKEN.finditer(data):
        text = token[0]
        if token[2]:
            key = token[1].decode(errors="replace")
            if depth == 1:
                keys.add(key)
                if token[3] == b"[":
                    lists.add(key)
            elif depth == 2:
                inner.add(key)
        opened = text in _OPEN or token[3] is not None
        depth += opened - (text in _CLOSE)
    return JsonHead(opens.decode(), frozenset(keys), frozenset(lists), frozenset(inner))
