"""Where a COCO dataset keeps its annotation files and its images."""

from __future__ import annotations

import re
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS
from yolo_cli.data.formats.files import child, visible
from yolo_cli.data.formats.json_head import json_head
from yolo_cli.data.formats.label_files import (
    LabelFile,
    image_folders,
    is_split,
    split_in_name,
)

_LISTS = ("images", "annotations")  # other tools' notes have categories as well
OTHER_TASKS = ("captions", "image_info", "panoptic", "stuff")
"""How the names of COCO's files for other tasks than detection begin."""


def find_files(root: Path) -> list[LabelFile]:
    """Find the annotation files of a folder; none if it is not a COCO dataset."""
    labels = child(root, "annotations", "annotation")
    found = _split_files(root) if labels is None else describe(root, _files(labels, sure=True))
    return found or describe(root, _files(root)) or _split_files(root)


def _files(folder: Path, *, sure: bool = False) -> list[Path]:
    """COCO files in a folder; `sure` where the folder's name leaves no doubt what is in it."""
    files = [path for path in visible(folder) if path.suffix.lower() == ".json" and path.is_file()]
    files = [path for path in files if not path.name.lower().startswith(OTHER_TASKS)]
    instances = [path for path in files if path.name.lower().startswith("instances")]
    alike = [path for path in instances or files if looks_like_coco(path)]
    few = len(files) <= 10
    return alike or [path for path in instances or files if sure and few and not _is_other(path)]


def looks_like_coco(path: Path) -> bool:
    """Return whether a JSON file has the lists of COCO."""
    return not json_head(path).lists.isdisjoint(_LISTS)


def _is_other(path: Path) -> bool:
    """Whether a JSON file has content, and nothing of COCO's in it."""
    head = json_head(path)
    own = not head.keys.isdisjoint((*_LISTS, "categories", "info"))
    return bool(head.inner) and (not own or "items" in head.lists)  # Datumaro's has items


def describe(root: Path, files: list[Path]) -> list[LabelFile]:
    """Tell the splits of annotation files, and where their images may be."""
    names = [_split_of(path) for path in files]
    if len(set(names)) < len(names):
        names = [path.stem for path in files]
    elif len(names) == 1 and not is_split(names[0]):
        names = [""]
    return [
        LabelFile(name, path, image_folders(root, path, name))
        for name, path in zip(names, files, strict=True)
    ]


def _split_of(path: Path) -> str:
    """``train2017`` for ``instances_train2017.json``: the part that names a split, else all."""
    return split_in_name(path) or re.sub(r"^instances[_-]", "", path.stem)


def _split_files(root: Path) -> list[LabelFile]:
    """Annotation files inside the folders of the splits."""
    found: list[LabelFile] = []
    for folder in visible(root):
        if is_split(folder.name) and folder.is_dir():
            labels = child(folder, "annotations", "annotation")
            for path in (_files(folder) or (_files(labels) if labels is not None else []))[:1]:
                images = child(folder, *IMAGE_FOLDERS, "data")
                places = (images, folder) if images is not None else (folder,)
                found.append(LabelFile(folder.name, path, places))
    return found
