"""Label files that name many images each: where they lie, which split each is, where to look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, SPLIT_FOLDERS, canonical_split
from yolo_cli.data.formats.files import child, exists, visible
from yolo_cli.data.formats.leftovers import is_leftover
from yolo_cli.data.images import is_image_path

_LABEL_FOLDERS = ("annotations", "annotation", "labels", "label", "ann", "data", "csv", "json")


@dataclass(frozen=True)
class LabelFile:
    """A label file with the folders its images may be in.

    Attributes:
        split: name of the split it is; "" if it is none.
        path: the file.
        folders: the likeliest first.
    """

    split: str
    path: Path
    folders: tuple[Path, ...]

    def image_folder(self, names: Sequence[str]) -> Path:
        """Return the first of the folders that holds an image; a few names of images are tried."""
        folders = [folder for folder in self.folders if folder.is_dir()]
        for name in names[:20]:  # some may be missing
            for folder in folders:
                if exists(folder / name):
                    return folder
        return folders[0]


def find_label_files(root: Path, wanted: Callable[[Path], bool]) -> list[LabelFile]:
    """Find label files in a folder, in its folders of labels, images and splits.

    Args:
        root: folder of the dataset.
        wanted: whether a file is in the format; may open it.

    Returns:
        Those that are a split first, else by place and name.
    """
    found: list[LabelFile] = []
    for folder, split in dict.fromkeys(_places(root)):
        for path in visible(folder):
            if not is_image_path(path) and path.is_file() and wanted(path):
                name = split or split_in_name(path)
                inside = [child(folder, *IMAGE_FOLDERS, "data"), folder] if split else []
                folders = (*inside, *image_folders(root, path, name))
                kept = tuple(dict.fromkeys(one for one in folders if one is not None))
                found.append(LabelFile(name, path, kept))
    return sorted(found, key=lambda file: not file.split)


def single_file(path: Path) -> tuple[Path, LabelFile]:
    """Return the folder of the dataset that one label file is of, and the file.

    The folder is the file's own, or the one around it where that is a folder of labels.
    """
    around = path.parent.name.lower() in _LABEL_FOLDERS
    root = path.parent.parent if around else path.parent
    return root, LabelFile("", path, image_folders(root, path, split_in_name(path)))


def _places(root: Path) -> Iterator[tuple[Path, str]]:
    """Folders to look into, and the split that each one is."""
    here = visible(root)
    splits = [path for path in here if is_split(path.name) and path.is_dir()]
    for base, split in ((root, ""), *((path, path.name) for path in splits)):
        yield base, split
        for path in here if base == root else visible(base):
            if path.name.lower() in (*_LABEL_FOLDERS, *IMAGE_FOLDERS) and path.is_dir():
                yield path, split
                yield from ((one, one.name) for one in visible(path) if _is_split_folder(one))
            elif base == root and path not in splits and _has_no_images(path):
                yield path, ""


def _has_no_images(path: Path) -> bool:
    """Whether a folder holds files and no image: one of labels, whatever it is called."""
    if is_image_path(path) or not path.is_dir() or is_leftover(path):
        return False
    return not any(is_image_path(one) or one.is_dir() for one in visible(path))


def _is_split_folder(path: Path) -> bool:
    return is_split(path.name) and path.is_dir()


def is_split(name: str) -> bool:
    """Whether a folder's name is that of a split."""
    return canonical_split(name).lower() in SPLIT_FOLDERS


def split_in_name(path: Path) -> str:
    """Return ``train`` for ``train_labels.csv``: the part of the name that is a split, else ""."""
    return next((part for part in re.split(r"[_.\-\s]", path.stem) if is_split(part)), "")


def image_folders(root: Path, path: Path, split: str) -> tuple[Path, ...]:
    """Return where the images of a label file may be, the likeliest first.

    Args:
        root: folder of the dataset.
        path: the label file.
        split: name of the split that it is; "" if it is none.
    """
    images = child(root, *IMAGE_FOLDERS, "data")
    names = (split, canonical_split(split), re.sub(r"^instances[_-]", "", path.stem), path.stem)
    found: list[Path | None] = []
    for place in (images, root):
        inside = [child(place, *filter(None, names))] if place is not None else []
        found += [child(one, *IMAGE_FOLDERS) if one is not None else None for one in inside]
        found += inside
    found += [images, path.parent, root]
    return tuple(dict.fromkeys(folder for folder in found if folder is not None))
