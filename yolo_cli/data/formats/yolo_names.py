"""The names of the classes of a YOLO dataset, and the files that have them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, RENAME_HINT, SPLIT_FOLDERS, brief, is_text
from yolo_cli.data.formats.files import child, read_lines, visible
from yolo_cli.data.formats.scan import Fault, Spot
from yolo_cli.data.formats.yolo_labels import MAX_CLASSES
from yolo_cli.data.formats.yolo_paths import LABEL_FOLDERS
from yolo_cli.errors import UserError
from yolo_cli.text import counted

_FILES = ("classes.txt", "obj.names", "classes.names", "names.txt", "_darknet.labels")


@dataclass(frozen=True)
class Names:
    """The names of the classes.

    Attributes:
        names: in the order of their numbers; None where nothing names them.
        file: where they are; None where nothing does, or only their number is known.
        faults: what else is said about them, and is not so.
    """

    names: tuple[str, ...] | None = None
    file: Path | None = None
    faults: tuple[Fault, ...] = ()


def names_of_yaml(
    path: Path, content: Mapping[object, object], find: Callable[[str], Path | None]
) -> Names:
    """Return the names that a YAML file gives by ``names``, else as many numbers as ``nc`` says.

    Args:
        path: the file.
        content: what is in it.
        find: finds a file of names.

    Raises:
        UserError: there is no such file, or what is there is no list of names.
    """
    names = content.get("names")
    if isinstance(names, str) and names:
        file = find(names)
        if file is not None:
            return with_count(read_names(file), path, "nc", content.get("nc"))
        if content.get("nc") != "1":
            raise UserError(f"'names' is {names[:80]!r}, neither a list nor a file", path=path)
        names = [names]  # the only class, written without brackets
    if isinstance(names, dict):
        listed, counts = _numbered(path, names), {len(names)}
    elif isinstance(names, list):
        if not all(isinstance(name, str) for name in names):
            raise UserError("'names' must be a list of names", path=path)
        listed, counts = names, set()
    else:
        count = class_number(content.get("nc"))
        return Names(tuple(map(str, range(count)))) if count else Names()
    return with_count(Names(_checked(path, listed), path), path, "nc", content.get("nc"), counts)


def with_count(
    names: Names, path: Path, key: str, stated: object, others: set[int] | None = None
) -> Names:
    """Note it where a description states another number of classes than there are names.

    Args:
        names: of the classes.
        path: the description.
        key: that states the number.
        stated: what it is; None where it is missing.
        others: further numbers that are right.
    """
    if names.names is None or stated in (None, ""):
        return names
    right = {len(names.names), *(others or ())}
    if class_number(stated) in right:
        return names
    named = f"{counted(len(names.names), 'class')} {'is' if len(names.names) == 1 else 'are'} named"
    number = class_number(stated)
    what = f"{key!r} is {brief(stated) if number is None else number}, but {named}: the names count"
    fault = Fault("class-count", Spot(path, line_of(path, key)), what, "warning")
    return Names(names.names, names.file, (*names.faults, fault))


def line_of(path: Path, key: str) -> int:
    """Return the line in which a key of a description stands, from 1; 0 if that is not clear."""
    try:
        lines = read_lines(path)
    except UserError:
        return 0
    start = re.compile(rf"['\"]?{re.escape(key)}['\"]?\s*[:=]")
    found = [i for i, line in enumerate(lines, start=1) if start.match(line)]
    return found[0] if len(found) == 1 else 0


def class_number(text: object) -> int | None:
    """Return the number of a class, or of classes, that a scalar of a YAML file is."""
    if not isinstance(text, str) or not text.isdecimal() or len(text) > len(str(MAX_CLASSES)):
        return None
    return int(text) if int(text) < MAX_CLASSES else None


def read_names(path: Path, *, again: bool = False) -> Names:
    """Read a file with a name in each line.

    Args:
        path: of the file.
        again: whether a name may come again, as "crane" does among ImageNet's; the second is then
            "crane (2)".

    Raises:
        UserError: it cannot be read, or its lines are no names.
    """
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    if again:
        seen: Counter[str] = Counter()
        for i, name in enumerate(lines):
            seen[name] += 1
            lines[i] = f"{name} ({seen[name]})" if seen[name] > 1 else name
    return Names(_checked(path, lines), path)


def find_names(root: Path) -> Path | None:
    """Find a file of names in a dataset: in its folder, those of splits, and those of labels."""
    splits = [path for path in visible(root) if path.name.lower() in SPLIT_FOLDERS]
    places = [root, child(root, "data"), *splits]
    kinds = [
        child(place, *names)
        for place in places
        if place is not None
        for names in (LABEL_FOLDERS, IMAGE_FOLDERS)
    ]
    places += kinds
    places += [path for place in kinds if place is not None for path in _split_folders(place)]
    for place in places:
        for path in visible(place) if place is not None and place.is_dir() else []:
            if path.name.lower() in _FILES and path.is_file():
                return path
    alone = [path for path in visible(root) if path.suffix.lower() == ".names" and path.is_file()]
    return alone[0] if len(alone) == 1 else None


def _split_folders(folder: Path) -> Iterator[Path]:
    return (path for path in visible(folder) if path.name.lower() in SPLIT_FOLDERS)


def _numbered(path: Path, names: Mapping[object, object]) -> list[str]:
    numbered: dict[int, str] = {}
    for key, name in names.items():
        index = class_number(key)
        if index is None:
            raise UserError(f"'names' has the key {key!r:.40}, not a class number", path=path)
        if not isinstance(name, str):
            raise UserError(f"the name of class {key} is not text", path=path)
        numbered[index] = name
    return [numbered.get(index, str(index)) for index in range(max(numbered, default=-1) + 1)]


def _checked(path: Path, names: list[str]) -> tuple[str, ...]:
    if not names:
        raise UserError("no class names in it", path=path)
    stripped = [" ".join(name.split()) for name in names]
    if "" in stripped:
        raise UserError(f"class {stripped.index('')} has no name", path=path)
    odd = next((name for name in stripped if not is_text(name)), None)
    if odd is not None:
        raise UserError(f"class name {odd!r} is not valid Unicode", RENAME_HINT, path=path)
    counts = Counter(stripped)
    twice = next((name for name in stripped if counts[name] > 1), None)
    if twice is not None:
        raise UserError(f"two classes are called {twice!r}", "rename one of them", path=path)
    return tuple(stripped)
