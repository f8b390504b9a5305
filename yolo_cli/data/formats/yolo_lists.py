"""Lists of images of a YOLO dataset (``train.txt``), often with the paths of another machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats.files import MAX_LIST_BYTES, read_lines
from yolo_cli.data.formats.scan import Fault, Spot
from yolo_cli.data.formats.yolo_tree import Tree, path_parts
from yolo_cli.errors import UserError
from yolo_cli.text import counted

Found = tuple[Spot, Path]
"""Where a split names an image, and the image."""


def lines_of(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a list that are not empty, with their numbers from 1.

    Raises:
        UserError: it cannot be read.
    """
    return [(i, line) for i, line in enumerate(read_lines(path, MAX_LIST_BYTES), 1) if line]


@dataclass(frozen=True)
class ImageList:
    """The images in a list.

    Attributes:
        items: each image with its line, or a fault; in the order of the list.
        labels: label files of images that are missing.
    """

    items: tuple[Found | Fault, ...]
    labels: frozenset[Path] = frozenset()


def any_listed(path: Path, tree: Tree, bases: Sequence[Path]) -> bool:
    """Return whether any image of a list is there.

    Raises:
        UserError: the list cannot be read.
    """
    places = (path.parent, *bases)
    return any(tree.find_image(text, places) is not None for _, text in lines_of(path))


def read_list(path: Path, tree: Tree, bases: Sequence[Path]) -> ImageList:
    """Find the images in a list.

    Args:
        path: the list.
        tree: of the dataset.
        bases: folders that the paths may start from, beside the list's own.

    Returns:
        The images. One that is missing is an error, but a warning if its label is there; where
        all are missing, that is one error.
    """
    try:
        lines = lines_of(path)
    except UserError as error:
        return ImageList((Fault.of_error("label-unreadable", error, path),))
    places = (path.parent, *bases)
    found = [(Spot(path, line), text, tree.find_image(text, places)) for line, text in lines]
    labels = {text: _label(text, tree) for _, text, image in found if image is None}
    known = frozenset(label for label in labels.values() if label is not None)
    if found and all(image is None for _, _, image in found):
        return ImageList((_none_there(path, found[0][1], len(found), known, tree),), known)
    items = [
        (spot, image) if image is not None else _missing(spot, text, labels[text], tree)
        for spot, text, image in found
    ]
    return ImageList((*items,), known)


def _missing(spot: Spot, text: str, label: Path | None, tree: Tree) -> Fault:
    name = _name(text)
    others = [one for one in tree.named(name) if one.is_file()]
    what = f"no such image {text[:200]!r}: no {name[:80]} in {tree.root}"
    if others:
        places = ", ".join(str(one.parent.relative_to(tree.root)) for one in others[:3])
        what = f"no such image {text[:200]!r}, but {name[:80]} in {places}"
    if label is None:
        return Fault("no-image", spot, what)
    return Fault("no-image", spot, f"{what}; its label {label.name} is there", "warning")


def _none_there(path: Path, first: str, count: int, labels: frozenset[Path], tree: Tree) -> Fault:
    what = f"none of its {counted(count, 'image')} is in {tree.root}; the first is {first[:200]!r}"
    folder = Path(*path_parts(Path(first.replace("\\", "/")))[-2:-1])
    if labels:
        folder = min(labels).parent.relative_to(tree.root)
        verb = "is" if len(labels) == 1 else "are"
        what += f"; {counted(len(labels), 'label')} of them {verb} in {folder}/"
    place = "beside the list" if folder == Path() else f"into {folder}/"
    return Fault(
        "no-image", Spot(path), what, hint=f"put the images {place}: --skip-bad would leave none"
    )


def _name(text: str) -> str:
    return Path(text.replace("\\", "/")).name


def _label(text: str, tree: Tree) -> Path | None:
    """The label file of an image that is missing."""
    name = Path(_name(text)).with_suffix(".txt").name if _name(text) else ""
    found = [one for one in tree.named(name) if one.is_file()]
    return found[0] if len(found) == 1 else None
