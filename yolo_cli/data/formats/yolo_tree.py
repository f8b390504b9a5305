"""Finds what a path in a description or a list means, which another machine has written."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from yolo_cli.data.formats.common import SPLIT_FOLDERS, canonical_split
from yolo_cli.data.formats.files import exists, walk
from yolo_cli.data.formats.leftovers import is_left_below
from yolo_cli.data.formats.tree import MAX_FILES
from yolo_cli.data.images import IMAGE_SUFFIXES

# YAML's escapes in double quotes, of which no path has the meaning: "images\train", "images\val".
_ESCAPES = str.maketrans(
    {
        **{"\0": "/0", "\a": "/a", "\b": "/b", "\t": "/t", "\n": "/n", "\v": "/v", "\f": "/f"},
        **{"\r": "/r", "\x1b": "/e", "\x85": "/N", "\xa0": "/_", "\u2028": "/L", "\u2029": "/P"},
    }
)
_SPLITS = {canonical_split(name) for name in SPLIT_FOLDERS}


class Tree:
    """The folder of a dataset, in which the paths of its descriptions are looked for.

    Datasets are moved, so a path is taken for what it leads to inside of the folder:

    1. as it is written, from each folder that it may be relative to;
    2. without its leading ``../``, which Roboflow writes;
    3. by its last parts, wherever in the folder they are: the longest match counts, then the one
       that is least deep; what two places match equally well is not found. Upper and lower case
       are the same only where nothing else matches. A folder matches only if it belongs to the
       split that the path names (``valid/images``), an image only if it belongs to no other.

    Nothing outside of the folder is used, not even if it exists, with two exceptions. Where the
    user names the description itself, its paths are used as they are written, if they exist:
    absolute ones first, others after 2. And a list may name images by absolute paths that exist,
    unless one inside matches in the name of its folder as well.

    Args:
        root: the folder.
        outside: whether the user named the description itself, rather than the folder.
    """

    def __init__(self, root: Path, *, outside: bool = False) -> None:
        self.root = root
        self.outside = outside
        self._real = os.path.realpath(root)
        self._absolute = os.path.abspath(root)  # noqa: PTH100  # links stay

    def find(self, text: str, bases: Sequence[Path], wanted: Callable[[Path], bool]) -> Path | None:
        """Return the file or folder that a path means; None if there is none.

        Args:
            text: path as written; backslashes separate folders as well, also those that YAML took
                for escapes.
            bases: folders that it may be relative to, the likeliest first.
            wanted: whether what only the last parts of the path match will do.
        """
        paths = _spellings(text)
        parts = path_parts(paths[-1])
        found = chain(
            _absolute(paths) if self.outside else (),
            self._direct(paths, bases),
            _relative(paths, bases) if self.outside else (),
            self._by_last_parts(parts, wanted, strict=not _is_file_name(parts)),
        )
        return next(found, None)

    def find_image(self, text: str, bases: Sequence[Path]) -> Path | None:
        """Return the image that a line of a list means, likewise; None if there is none."""
        paths = _spellings(text)
        parts = path_parts(paths[-1])
        found = chain(
            _absolute(paths) if self.outside else (),
            self._direct(paths, bases),
            _relative(paths, bases) if self.outside else (),
            self._by_last_parts(parts, Path.is_file, fewest=2),
            _absolute(paths),
            self._by_last_parts(parts, Path.is_file),
        )
        return next((path for path in found if not path.is_dir()), None)

    def named(self, name: str) -> list[Path]:
        """Return the files and folders inside that have a name, in upper or lower case."""
        return [self.root / one for one in self._by_name.get(name.lower(), ())]

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[str]]:
        """Paths below the root by their last part in lower case; the root itself is ``.``.

        Of a larger tree than is looked at, the first files: a description may lie anywhere.
        """
        found: dict[str, list[str]] = defaultdict(list)
        folders: set[Path] = set()
        for path in islice(walk(self.root), MAX_FILES):
            inside = path.relative_to(self.root)
            if not is_left_below(inside, Path()):
                found[inside.name.lower()].append(str(inside))
                folders.update(inside.parents)
        for folder in sorted(folders):
            found[(folder.name or Path(self._absolute).name).lower()].append(str(folder))
        return found

    def _direct(self, paths: Sequence[Path], bases: Sequence[Path]) -> Iterator[Path]:
        """What a path leads to inside, as it is written and without leading ``../``."""
        for path in paths:
            short = Path(*path_parts(path))
            for candidate in (path, short) if short.parts and short != path else (path,):
                yield from filter(None, (self._inside(base / candidate) for base in bases))

    def _inside(self, path: Path) -> Path | None:
        """The path below the root, if it exists there: whatever it calls the root."""
        if not exists(path):
            return None
        if ".." not in path.parts and path.is_relative_to(self.root):
            return path
        plain = os.path.abspath(path)  # noqa: PTH100
        for place, root in ((plain, self._absolute), (os.path.realpath(path), self._real)):
            if Path(place).is_relative_to(root):
                found = self.root / Path(place).relative_to(root)
                if exists(found) and found.samefile(path):
                    return found
        return None

    def _by_last_parts(
        self,
        parts: Sequence[str],
        wanted: Callable[[Path], bool],
        *,
        fewest: int = 1,
        strict: bool = False,
    ) -> Iterator[Path]:
        """The place that matches best, if there is one."""
        own = _split_of(parts)
        for fold in (False, True):
            ranked: dict[tuple[int, int], list[str]] = defaultdict(list)
            for place in self._by_name.get(parts[-1].lower(), ()) if parts else ():
                same, split = self._match(parts, place, fold=fold)
                alike = split == own or (not strict and None in (split, own))
                if same >= fewest and alike and wanted(self.root / place):
                    ranked[-same, len(Path(place).parts)].append(place)
            if ranked:
                best = ranked[min(ranked)]
                if len(best) == 1:
                    yield self.root / best[0]
                return

    def _match(self, parts: Sequence[str], place: str, *, fold: bool) -> tuple[int, str | None]:
        """How many last parts are the same, and the split that a place inside belongs to."""
        below = Path(place).parts
        whole = (*Path(self._absolute).parts[1:], *below)
        same = 0
        for one, other in zip(reversed(parts), reversed(whole), strict=False):
            if one != other and not (fold and one.lower() == other.lower()):
                break
            same += 1
        return same, _split_of(whole[len(whole) - max(same, len(below)) :])


def path_parts(path: Path) -> list[str]:
    """Return the parts of a path without drive, root and leading ``../``."""
    parts = [part for part in path.parts if part != path.anchor]
    if parts and len(parts[0]) == 2 and parts[0].endswith(":"):
        parts.pop(0)
    while parts and parts[0] == "..":
        parts.pop(0)
    return parts


def _spellings(text: str) -> list[Path]:
    """A path as it is written, and as Windows and YAML may have meant it; the last is in parts."""
    slashed = text.replace("\\", "/")
    return [Path(one) for one in dict.fromkeys((text, slashed, slashed.translate(_ESCAPES)))]


def _absolute(paths: Iterable[Path]) -> Iterator[Path]:
    return (_plain(path) for path in paths if path.is_absolute() and exists(path))


def _relative(paths: Iterable[Path], bases: Sequence[Path]) -> Iterator[Path]:
    places = (base / path for path in paths for base in bases)
    return (_plain(place) for place in places if exists(place))


def _is_file_name(parts: Sequence[str]) -> bool:
    return bool(parts) and Path(parts[-1]).suffix.lower() in {".txt", ".names", *IMAGE_SUFFIXES}


def _split_of(parts: Sequence[str]) -> str | None:
    """The split that the last of some folders is called by, of those that are."""
    names = map(canonical_split, reversed(parts))
    return next((name for name in names if name in _SPLITS), None)


def _plain(path: Path) -> Path:
    """Without ``..`` inside, if that leads to the same place in spite of links."""
    plain = Path(os.path.normpath(path))
    return plain if exists(plain) and plain.samefile(path) else path
