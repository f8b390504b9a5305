"""What images are called in the new dataset."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, combinations, count
from pathlib import Path, PurePath

from yolo_cli.data.formats.common import IMAGE_FOLDERS
from yolo_cli.data.formats.label_files import is_split
from yolo_cli.data.sample import Sample
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import fitting_name

Parts = Mapping[str, Sequence[Sample]]
"""The samples of each split."""

_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})  # what no line of a list and no XML file can hold


def flat_names(parts: Parts, *, shared: bool, spaces: bool) -> dict[str, list[str]]:
    """Name images for one flat folder, or one for each split: ``x/1.jpg`` becomes ``x_1.jpg``.

    No two names of a folder differ in suffix or case alone: labels go by the name without suffix.

    Args:
        parts: the samples.
        shared: whether all splits share a folder; an image that is in two of them has one name.
        spaces: whether names may have spaces.

    Returns:
        The name of each image of each split.
    """
    wanted = {split: [*_wanted(samples, spaces)] for split, samples in parts.items()}
    if shared and _meet(parts, wanted):
        wanted = {split: [f"{split}_{stem}" for stem in stems] for split, stems in wanted.items()}
    found: dict[str, list[str]] = {}
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for split, samples in parts.items():
        if not shared:
            names, taken = {}, set()
        for sample, stem in zip(samples, wanted[split], strict=True):
            if sample.image not in names:
                names[sample.image] = f"{free_name(stem, taken)}{sample.image.suffix}"
        found[split] = [names[sample.image] for sample in samples]
    return found


def kept_names(
    parts: Parts, *, shared: bool, spaces: bool
) -> tuple[dict[str, list[str]], dict[str, Path]]:
    """Name images as they are called: those of a folder that the user puts into the new dataset.

    Args:
        parts: the samples.
        shared: whether all splits share a folder.
        spaces: whether names may have spaces.

    Returns:
        The name of each image of each split, and the folder that these are relative to. All
        splits have the same one where their images are mixed.

    Raises:
        UserError: names would have to change.
    """
    bases = base_folders(parts)
    found: dict[str, list[str]] = {}
    first: dict[str, Path] = {}
    for split, samples in parts.items():
        if not shared and len({*bases.values()}) > 1:
            first = {}
        found[split] = []
        for sample in samples:
            name = Path(os.path.relpath(sample.image, bases[split])).as_posix()
            other = first.setdefault(name.rpartition(".")[0].casefold(), sample.image)
            if other != sample.image:
                raise _renamed(f"{other} and {sample.image} would have the same name")
            if not _is_fit(name, spaces):
                raise _renamed(f"{sample.image} needs another name there")
            found[split].append(name)
    return found, bases


def base_folders(parts: Parts) -> dict[str, Path]:
    """Return the folder that the images of each split are in; the same one if they are mixed."""
    folders = {split: {one.image.parent for one in samples} for split, samples in parts.items()}
    bases = {split: _common(paths) for split, paths in folders.items()}
    apart = not any(
        one.is_relative_to(other) or other.is_relative_to(one)
        for one, other in combinations(bases.values(), 2)
    )
    return bases if apart else dict.fromkeys(bases, _common(bases.values()))


def safe_name(name: str, *, spaces: bool = True) -> str:
    """Return a name that files can have everywhere, and that fits into a line of text."""
    kept = "".join("_" if _is_unfit(character, spaces) else character for character in name)
    kept = kept.strip()
    kept = "_" + kept[1:] if kept.startswith(".") else kept
    return fitting_name(kept) or "_"


def free_name(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it where it is taken; case does not count.

    Args:
        name: that is wanted.
        taken: names in use, case-folded; the one returned is added.
    """
    numbered = (f"{name}-{number}" for number in count(2))
    found = next(one for one in chain([name], numbered) if one.casefold() not in taken)
    taken.add(found.casefold())
    return found


def _wanted(samples: Sequence[Sample], spaces: bool) -> Iterable[str]:
    base = _common({sample.image.parent for sample in samples})
    for sample in samples:
        *folders, name = PurePath(os.path.relpath(sample.image, base)).parts
        kept = [one for one in folders if one.lower() not in IMAGE_FOLDERS and one != ".."]
        yield safe_name("_".join([*kept, PurePath(name).stem]), spaces=spaces)


def _meet(parts: Parts, stems: Mapping[str, Sequence[str]]) -> bool:
    """Whether different images of two splits would have one name."""
    first: dict[str, tuple[str, Path]] = {}
    for split, samples in parts.items():
        for sample, stem in zip(samples, stems[split], strict=True):
            other, path = first.setdefault(stem.casefold(), (split, sample.image))
            if other != split and path != sample.image:
                return True
    return False


def _common(folders: Iterable[Path]) -> Path:
    return Path(os.path.commonpath([os.path.abspath(one) for one in folders]))  # noqa: PTH100


def _is_unfit(character: str, spaces: bool) -> bool:
    unfit = character in '/\\:*?"<>|' or unicodedata.category(character) in _UNFIT
    return unfit or (not spaces and character.isspace())


def _is_fit(name: str, spaces: bool) -> bool:
    """Whether a reader finds an image of this name, and takes no part of it for a layout."""
    *folders, last = name.split("/")
    if any(is_split(one) or one.lower() in IMAGE_FOLDERS or one == ".." for one in folders):
        return False
    return all(safe_name(part, spaces=spaces) == part for part in (*folders, last))


def _renamed(what: str) -> UserError:
    return UserError(
        what, "add --copy or --link, which give new names where needed", ExitCode.USAGE
    )
