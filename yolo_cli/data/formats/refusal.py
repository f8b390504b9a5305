"""Why a folder is no dataset: what was found in it, what is missing, and a way out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from yolo_cli.data.formats.coco_folders import OTHER_TASKS
from yolo_cli.data.formats.files import visible
from yolo_cli.data.formats.json_head import json_head
from yolo_cli.data.formats.tree import LABEL_SUFFIXES, Folder
from yolo_cli.errors import UserError
from yolo_cli.text import counted

_HEAD_BYTES = 4096
_OTHERS = {
    ".tfrecord": "TFRecord",
    ".tfrecords": "TFRecord",
    ".record": "TFRecord",
    ".parquet": "Parquet",
    ".mat": "MATLAB",
    ".npy": "NumPy",
    ".npz": "NumPy",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".db": "database",
    ".sqlite": "database",
}
_ARCHIVES = frozenset({".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz"})
_MASKS = frozenset({"masks", "mask", "segmentationclass", "segmentationobject", "labels_masks"})
_KITTI_COLUMNS = 15  # class, truncation, occlusion, angle, box, size, place, rotation
_ELEMENT = re.compile(rb"<([A-Za-z_][\w.:-]*)")

_EXPORT = "export it as VOC, YOLO or COCO"
_WHERE = "labels/*.txt (YOLO), Annotations/*.xml (VOC) or annotations/*.json (COCO)"


def nothing_known(tree: Folder) -> UserError:
    """Return the error about a folder that is in no known layout."""
    reason, hint = _finding(tree)
    return UserError(f"not recognised as a dataset: {reason}", hint, path=tree.path)


def _finding(tree: Folder) -> tuple[str, str]:
    """What is there and what is missing, and the way out."""
    images, below = tree.images, tree.below
    archives = sum(below[suffix] for suffix in _ARCHIVES)
    others = Counter({name: below[suffix] for suffix, name in _OTHERS.items() if below[suffix]})
    if not images and archives:
        return f"{counted(archives, 'archive')}, but no image", "unpack it, and name its folder"
    if others and not tree.labels:
        (kind, count) = others.most_common(1)[0]
        there = f"{counted(images, 'image')} and " if images else ""
        return f"{there}{counted(count, f'{kind} file')}, which are not read", _EXPORT
    if not tree.labels:
        return _unlabelled(tree, images)
    kinds = [_kind(tree, suffix) for suffix in sorted(LABEL_SUFFIXES) if below[suffix]]
    if not images:
        return f"{' and '.join(kinds)}, but no image", "put the images beside the labels"
    what = f"{counted(images, 'image')}, and {' and '.join(kinds)} that are no known labels"
    return what, f"looked for {_WHERE}, and others that README lists; {_EXPORT}"


def _unlabelled(tree: Folder, images: int) -> tuple[str, str]:
    if not images:
        return "no image and no label in it", f"name the folder that holds the images and {_WHERE}"
    masks = sum(one.images for one in tree.walk() if one.path.name.lower() in _MASKS)
    if masks:
        return (
            f"{counted(images - masks, 'image')} and {counted(masks, 'mask')}, but no boxes",
            f"a detector learns from boxes: put {_WHERE} beside the images; "
            "a segmenter from the class of each pixel, in masks/",
        )
    there = f"{counted(images, 'image')}, but no labels"
    return there, f"looked for {_WHERE}, or a folder a class; yolo detect needs no labels"


def _kind(tree: Folder, suffix: str) -> str:
    """``200 JSON files (a.json: an object with 'shapes', 'version')``."""
    name = counted(tree.below[suffix], f"{suffix[1:].upper()} file")
    path = next(_files(tree, suffix), None)
    look = "" if path is None else _look(path, suffix)
    return f"{name} ({path.name}: {look})" if path is not None and look else name


def _files(tree: Folder, suffix: str) -> Iterator[Path]:
    for folder in (tree, *tree.walk()):
        if folder.suffixes[suffix]:
            yield from (path for path in visible(folder.path) if path.suffix.lower() == suffix)


def _look(path: Path, suffix: str) -> str:
    """What a file looks like at its beginning."""
    if suffix == ".json":
        head = json_head(path)
        if head.keys >= {"categories", "items"}:
            return "Datumaro's"
        if path.name.lower().startswith(OTHER_TASKS) and "annotations" in head.keys:
            return "COCO's for a task without boxes"
        keys = sorted(head.keys or head.inner)
        what = {"{": "an object", "[": "a list of objects"}.get(head.opens, "not JSON")
        return f"{what} with {', '.join(map(repr, keys[:4]))}" if keys else what
    try:
        with path.open("rb") as file:
            data = file.read(_HEAD_BYTES)
    except OSError:
        return ""
    if suffix == ".xml":
        found = _ELEMENT.search(data)
        return f"<{found[1].decode(errors='replace')[:40]}>" if found else "not XML"
    line = data.splitlines()[0].decode(errors="replace").strip() if data else ""
    if suffix == ".txt" and len(line.split()) == _KITTI_COLUMNS and line[0].isalpha():
        return "KITTI's, which are not read"
    return f"begins with {line[:40]!r}" if line else "empty"
