"""A folder a class: what classifiers are trained on, torchvision's ``ImageFolder``.

``CLASS/*.jpg``, or ``SPLIT/CLASS/*.jpg``. Each image is one object that fills it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats.common import (
    IMAGE_FOLDERS,
    SPLIT_FOLDERS,
    Key,
    canonical_split,
    is_text,
    unique_ids,
)
from yolo_cli.data.formats.files import visible, walk
from yolo_cli.data.formats.leftovers import is_leftover
from yolo_cli.data.formats.scan import (
    BoxForm,
    Fault,
    Format,
    LabelledImage,
    LabelledObject,
    Reading,
    Spot,
)
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import ExitCode, UserError

_SPLITS = frozenset({"train", "trainval", "val", "test"})
_NOT_CLASSES = frozenset(
    {*IMAGE_FOLDERS, *SPLIT_FOLDERS, "labels", "label", "annotations", "annotation", "ann"}
    | {"masks", "mask", "segmentationclass", "segmentationobject", "imagesets", "labels_masks"}
)
_WHOLE = (0.0, 0.0, 1.0, 1.0)
_DEEPEST = 5  # folders with nothing but a folder in them, as archives have


class FoldersReader:
    """Reads folders of classes.

    Args:
        root: the folder that the user named, which ids are relative to.
        parts: folder that holds the classes, by the name of its split; "" without splits.
    """

    form: BoxForm = "corners"
    relative = True
    category_ids: Mapping[Key, int] = {}

    def __init__(self, root: Path, parts: Mapping[str, Path]) -> None:
        self.root = root
        self._parts = parts

    @property
    def splits(self) -> Mapping[str, Spot]:
        """The split folders."""
        return {name: Spot(path) for name, path in self._parts.items() if name}

    @cached_property
    def declared(self) -> Mapping[str, Spot]:
        """The classes' folders."""
        found: dict[str, Spot] = {}
        for folder in self._parts.values():
            for path in class_folders(folder):
                found.setdefault(path.name, Spot(path))
        return dict(sorted(found.items()))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the folders, sorted, as torchvision numbers them."""
        return tuple(self.declared)

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """See :meth:`yolo_cli.data.formats.scan.Reader.scan`."""
        if len(self.classes) == 1:
            yield self._alone()
        parts = self._parts if split is None else {split: self._parts[split]}
        for name, part in parts.items():
            for folder in class_folders(part):
                yield from self._scan_class(folder, {name: Spot(part)} if name else {})

    def _alone(self) -> Fault:
        (name, spot), *_ = self.declared.items()
        what = f"{name!r} is the only class: there is nothing to tell it from"
        hint = f"put images of something else into another folder of {spot.path.parent}"
        return Fault("class-alone", Spot(spot.path.parent), what, hint=hint)

    def _scan_class(
        self, folder: Path, splits: Mapping[str, Spot]
    ) -> Iterator[LabelledImage | Fault]:
        if not is_text(folder.name):
            hint = "rename the folder"
            yield Fault("class-unknown", Spot(folder), "the name is no valid Unicode", hint=hint)
            return
        paths = sorted(filter(is_image_path, walk(folder)))
        if not paths:
            hint = "put images into it, or remove the folder"
            yield Fault(
                "class-empty", Spot(folder), f"no image of class {folder.name!r}", hint=hint
            )
        for image_id, path in zip(unique_ids(paths, self.root), paths, strict=True):
            whole = LabelledObject(Spot(folder), folder.name, _WHOLE, _WHOLE)
            yield LabelledImage(image_id, path, Spot(path), splits, [whole])

    def leftovers(self) -> Iterator[Fault]:
        """Yield images that lie beside the classes' folders."""
        for folder in self._parts.values():
            for path in visible(folder):
                if path.is_file() and is_image_path(path):
                    what = "in no folder of a class"
                    yield Fault("image-unlisted", Spot(path), what, severity="warning")

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
        """Write folders of links to the images."""
        for split, images in splits.items():
            taken: set[Path] = set()
            for image in images:
                folder = out / split / image.objects[0].name
                link = folder / image.path.name
                number = 2
                while link in taken:
                    link = folder / f"{image.path.stem}_{number}{image.path.suffix}"
                    number += 1
                taken.add(link)
                _link(link, image.path)


def _link(path: Path, target: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target.resolve())
    except OSError as error:
        raise UserError(
            f"cannot link to {target}: {error.strerror or error}",
            "choose a folder on a file system that has links",
            ExitCode.FAILURE,
            path=path,
        ) from error


def class_folders(folder: Path) -> list[Path]:
    """Return the folders of classes in a folder: with images, or with nothing at all."""
    return [path for path in _folders(folder) if _is_class(path)]


def _is_class(path: Path) -> bool:
    if path.name.lower() in _NOT_CLASSES:
        return False
    files = walk(path)
    first = next(files, None)
    return first is None or is_image_path(first) or any(map(is_image_path, files))


def _folders(folder: Path) -> list[Path]:
    return [path for path in visible(folder) if path.is_dir() and not is_leftover(path)]


def open_reader(root: Path, reading: Reading) -> FoldersReader | None:
    """Return a reader if a folder holds folders of classes.

    One class alone counts only in a split, or where the user says what the folder is.
    """
    home, asked = root, reading.sure or reading.task == "classify"
    for _ in range(_DEEPEST):
        parts = _parts(home)
        count = len({path.name for part in parts.values() for path in class_folders(part)})
        if any(map(_has_images, parts.values())) and (count > 1 or asked or "" not in parts):
            return FoldersReader(root, parts)
        inside = _folders(home)
        if len(inside) != 1 or inside[0].name.lower() in SPLIT_FOLDERS:
            return None
        home = inside[0]
    return None


def _parts(folder: Path) -> dict[str, Path]:
    """The folder that holds the classes of each split; the folder itself if it has none."""
    named = {path.name: path for path in _folders(folder) if canonical_split(path.name) in _SPLITS}
    parts = {name: path for name, path in named.items() if class_folders(path)}
    return parts or {"": folder}


def _has_images(folder: Path) -> bool:
    return any(is_image_path(path) for one in class_folders(folder) for path in walk(one))


FORMAT = Format(
    name="folders",
    open=open_reader,
    looked_for="a folder a class, with images in it (ImageFolder)",
    tasks=("classify",),
)
"""The format's record."""
