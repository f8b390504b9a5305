"""What lies in a folder that may be a dataset: counted by folder and suffix, nothing is opened."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats.files import is_visible, walk_folders
from yolo_cli.data.formats.leftovers import is_leftover
from yolo_cli.data.images import IMAGE_SUFFIXES
from yolo_cli.errors import ExitCode, UserError

MAX_FILES = 1_000_000
"""Most files of a tree that is looked at."""

LABEL_SUFFIXES = frozenset({".txt", ".xml", ".json", ".csv", ".tsv"})
"""Suffixes, in lower case, of files that labels may be in."""


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder of a tree.

    Attributes:
        path: of it.
        suffixes: number of its own files by suffix, in lower case; what a training run has left
            behind is not counted.
        inside: its folders.
    """

    path: Path
    suffixes: Counter[str] = field(default_factory=Counter)
    inside: list[Folder] = field(default_factory=list)

    @cached_property
    def below(self) -> Counter[str]:
        """Number of files by suffix, those of all folders inside included."""
        found = Counter(self.suffixes)
        for folder in self.inside:
            found += folder.below
        return found

    @property
    def images(self) -> int:
        """Number of images in it and below."""
        return sum(self.below[suffix] for suffix in IMAGE_SUFFIXES)

    @property
    def labels(self) -> int:
        """Number of files in it and below that labels may be in."""
        return sum(self.below[suffix] for suffix in LABEL_SUFFIXES)

    def walk(self) -> Iterator[Folder]:
        """Yield the folders below, nearest first."""
        level = self.inside
        while level:
            yield from level
            level = [one for folder in level for one in folder.inside]


def look(root: Path) -> Folder:
    """Count what lies in a folder.

    Hidden files and what training runs have left behind are passed over; links to folders are
    followed, but not round in a circle.

    Raises:
        UserError: a folder cannot be read, or there are more than ``MAX_FILES`` files.
    """
    folders: dict[str, Folder] = {}
    files_left = MAX_FILES
    for base, files in walk_folders(root, _counts):
        folder = folders[base] = Folder(Path(base))
        if base != os.fspath(root):
            folders[os.path.dirname(base)].inside.append(folder)  # noqa: PTH120
        files_left -= len(files)
        if files_left < 0:
            raise UserError(
                f"more than {MAX_FILES:,} files are too many to look through",
                "name the folder of the dataset itself, or its layout with --format",
                ExitCode.BAD_INPUT,
                path=root,
            )
        suffixes = (os.path.splitext(name)[1] for name in filter(_counts, files))  # noqa: PTH122
        folder.suffixes.update(map(str.lower, suffixes))
    return folders[os.fspath(root)]


def _counts(name: str) -> bool:
    """Whether a file or folder of that name is no leftover."""
    return is_visible(name) and not is_leftover(Path(name))
