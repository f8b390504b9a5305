"""Which images belong together: a random division must not put them into two splits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from yolo_cli.data.check.duplicates import ALIKE_BITS, flat, hashed
from yolo_cli.data.check.pixels import UInt8
from yolo_cli.data.formats.common import canonical_split
from yolo_cli.text import counted

# Roboflow names each augmented copy of cat.jpg cat_jpg.rf.0123abcd….jpg.
_COPY = re.compile(r"(.+)\.rf\.[0-9A-Za-z]{6,}", re.DOTALL)
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL)
_SPLITS = frozenset({"train", "trainval", "val", "test"})

_FRAMES = 10  # fewest of a video: photographs are taken in bursts of a few
_ALIKE = 0.5  # least part of a video's frames that look like the frame before


@dataclass(frozen=True)
class Together:
    """Images that belong into one split.

    Attributes:
        members: their indices, two or more, sorted.
        copies: whether their names say that they were made from one original.
        pictures: whether some show the same picture.
    """

    members: tuple[int, ...]
    copies: bool
    pictures: bool

    @property
    def why(self) -> str:
        """What makes them belong together."""
        if self.copies and self.pictures:
            return "copies of one picture, by their names and by what they show"
        return "copies of one original, by their names" if self.copies else "the same picture"


def original_name(path: Path) -> str:
    """Return the original's name of an augmented copy; "" where the name is no copy's."""
    found = _COPY.fullmatch(path.stem)
    if found is None:
        return ""
    # Exports sort the copies into splits, which are about to be made again.
    folders = [part for part in path.parent.parts if canonical_split(part) not in _SPLITS]
    return "/".join([*folders, found[1]])


def kept_together(paths: Sequence[Path], pictures: Iterable[Sequence[int]]) -> list[Together]:
    """Group images by their originals' names, and by groups of the same picture.

    Args:
        paths: of the images.
        pictures: groups of indices of images that show the same.

    Returns:
        Groups in the order of their first images; what stands alone is in none.
    """
    originals: dict[str, list[int]] = {}
    for index, path in enumerate(paths):
        name = original_name(path)
        if name:
            originals.setdefault(name, []).append(index)
    named, same = list(originals.values()), [list(group) for group in pictures]
    home = list(range(len(paths)))
    for group in (*named, *same):
        first = _root(home, group[0])
        for index in group[1:]:
            home[_root(home, index)] = first
    members: dict[int, list[int]] = {}
    for index in range(len(paths)):
        members.setdefault(_root(home, index), []).append(index)
    by_name = {_root(home, group[0]) for group in named if len(group) > 1}
    by_picture = {_root(home, group[0]) for group in same if len(group) > 1}
    return [
        Together(tuple(group), root in by_name, root in by_picture)
        for root, group in members.items()
        if len(group) > 1
    ]


def _root(home: list[int], index: int) -> int:
    while home[index] != index:
        home[index] = home[home[index]]
        index = home[index]
    return index


def said_together(together: Sequence[Together]) -> str:
    """Return ``37 originals with 333 copies kept together``; "" where nothing is."""
    named = [one for one in together if one.copies]
    shown = [one for one in together if not one.copies]
    parts = []
    if named:
        members = sum(len(one.members) for one in named)
        parts.append(f"{counted(len(named), 'original')} with {counted(members, 'copy')}")
    if shown:
        members = sum(len(one.members) for one in shown)
        parts.append(f"{counted(members, 'image')} of {counted(len(shown), 'picture')}")
    return " and ".join(parts) + " kept together" if parts else ""


def divided_video(
    paths: Sequence[Path], thumbnails: Mapping[int, UInt8], parts: Iterable[Sequence[int]]
) -> tuple[int, int] | None:
    """Find two neighbouring frames of one video that are in two splits.

    Numbered names alone say little, as cameras number photographs too. Images are taken for a
    video where most look like the one before, by their hashes.

    Args:
        paths: of the images.
        thumbnails: by index, ``[S, S]`` grey; images without are left out.
        parts: indices of the images of each split.

    Returns:
        The indices of the first two, or None.
    """
    split = {index: number for number, part in enumerate(parts) for index in part}
    for frames in _numbered(paths, [index for index in split if index in thumbnails]):
        stacked = np.stack([thumbnails[index] for index in frames])
        bits = hashed(stacked)
        differing = (bits.shape[1] - (bits[1:] * bits[:-1]).sum(axis=1)) / 2
        alike = (differing <= ALIKE_BITS) & ~flat(stacked)[1:]
        if alike.mean() < _ALIKE:
            continue
        for near, (one, other) in zip(alike, pairwise(frames), strict=True):
            if near and split[one] != split[other]:
                return one, other
    return None


def _numbered(paths: Sequence[Path], indices: Iterable[int]) -> Iterator[list[int]]:
    """Images of one folder whose names differ in a number alone, in its order."""
    series: dict[tuple[Path, str], list[tuple[int, int]]] = {}
    for index in indices:
        path = paths[index]
        found = _NUMBERED.fullmatch(path.stem)
        if found is not None:
            folders = [p for p in path.parent.parts if canonical_split(p) not in _SPLITS]
            series.setdefault((Path(*folders), found[1]), []).append((int(found[2]), index))
    for frames in series.values():
        if len(frames) >= _FRAMES:
            yield [index for _, index in sorted(frames)]
