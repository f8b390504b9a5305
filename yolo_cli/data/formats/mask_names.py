"""What the indices and colours of masks mean: ``classes.txt``, ``palette.txt``, VOC's own table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.files import read_lines
from yolo_cli.data.formats.scan import Spot
from yolo_cli.data.images import opened
from yolo_cli.data.mask import IGNORED, MOST_CLASSES, Palette
from yolo_cli.errors import UserError

CLASS_FILES = ("classes.txt", "labels.txt", "names.txt", "class_names.txt")
PALETTE_FILES = ("palette.txt", "label_colors.txt", "colormap.txt", "class_colors.txt")
_UNLABELLED = frozenset({"void", "ignore", "ignored", "unlabelled", "unlabeled"})

VOC = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_VOC_COLOURS = [0, 0, 0, 128, 0, 0, 0, 128, 0]  # of the first three indices


@dataclass(frozen=True)
class Names:
    """The classes of a folder of masks.

    Attributes:
        classes: names, by index.
        declared: where each is declared.
        palette: index by colour; None where masks hold indices.
        files: that say so.
    """

    classes: tuple[str, ...]
    declared: dict[str, Spot] = field(default_factory=dict)
    palette: Palette | None = None
    files: tuple[Path, ...] = ()


def read_names(folders: Sequence[Path], mask: Path | None) -> Names:
    """Read what stands in or beside the folders of masks.

    Args:
        folders: where the files may be, the likeliest first.
        mask: one of the masks, whose palette may be VOC's.

    Raises:
        UserError: nothing says what the indices mean, or what does cannot be read.
    """
    listed = _first(folders, CLASS_FILES)
    coloured = _first(folders, PALETTE_FILES)
    if listed is None and coloured is None:
        if mask is not None and _has_voc_colours(mask):
            return Names(VOC)
        raise UserError(
            "no classes.txt, and nothing else says which class an index of the masks means",
            f"write {folders[0] / CLASS_FILES[0]}: a name in each line, that of index 0 first",
            path=folders[0],
        )
    declared = {} if listed is None else _read_classes(listed)
    palette = None
    if coloured is not None:
        palette = _read_palette(coloured, declared, complete=listed is not None)
    if len(declared) > MOST_CLASSES:
        raise UserError(f"{len(declared)} classes: at most {MOST_CLASSES}", path=listed or coloured)
    files = tuple(path for path in (listed, coloured) if path is not None)
    return Names(tuple(declared), declared, palette, files)


def _first(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    places = (folder / name for folder in folders for name in names)
    return next((path for path in places if path.is_file()), None)


def _read_classes(path: Path) -> dict[str, Spot]:
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    declared: dict[str, Spot] = {}
    for number, name in enumerate(lines, 1):
        if not name:
            raise UserError("an empty line, where a class should be", path=path, line=number)
        _declare(declared, name, Spot(path, number))
    if not declared:
        raise UserError("no class in it", "write a name in each line", path=path)
    return declared


def _declare(declared: dict[str, Spot], name: str, spot: Spot) -> None:
    if name in declared:
        raise UserError(
            f"{name!r} is in line {declared[name].line} as well",
            "give each index a name of its own",
            path=spot.path,
            line=spot.line,
        )
    declared[name] = spot


def _read_palette(path: Path, declared: dict[str, Spot], *, complete: bool) -> Palette:
    """Read lines ``red green blue name``; add their classes unless all are known already."""
    palette: dict[tuple[int, int, int], int] = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line or line.startswith("#"):
            continue
        colour, name = _parts(path, number, line)
        if colour in palette:
            raise UserError("a colour that is above already", path=path, line=number)
        if name.lower() in _UNLABELLED and name not in declared:
            palette[colour] = IGNORED
            continue
        if name not in declared:
            if complete:
                raise UserError(
                    f"{name!r} is not in classes.txt",
                    "name it there, or call it void if its pixels are not labelled",
                    path=path,
                    line=number,
                )
            declared[name] = Spot(path, number)
        palette[colour] = [*declared].index(name)
    if not palette:
        raise UserError("no colour in it", "write lines 'red green blue name'", path=path)
    return palette


def _parts(path: Path, number: int, line: str) -> tuple[tuple[int, int, int], str]:
    words = line.replace(",", " ").split(maxsplit=3)
    if len(words) == 4 and all(word.isdecimal() and int(word) <= 255 for word in words[:3]):
        red, green, blue = map(int, words[:3])
        return (red, green, blue), words[3]
    raise UserError(
        f"{line[:40]!r} is no colour with a name",
        "write three numbers from 0 to 255 and the name: 64 128 64 tree",
        path=path,
        line=number,
    )


def _has_voc_colours(path: Path) -> bool:
    try:
        with opened(path) as image:
            return image.mode == "P" and (image.getpalette() or [])[:9] == _VOC_COLOURS
    except UserError:
        return False
