"""Where a COCO dataset keeps its annotation files and its images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, SPLIT_FOLDERS, canonical_split
from yolo_cli.data.formats.files import child, exists, visible

_SNIFFED_BYTES = 1024**2
_LISTS = ("images", "annotations")  # other tools' notes have categories as well
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:\s*\[)?|[{}\[\]]')
_OTHER_TASKS = ("captions", "image_info", "panoptic", "stuff")


@dataclass(frozen=True)
class AnnotationFile:
    """An annotation file with the folders its images may be in.

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


def find_files(root: Path) -> list[AnnotationFile]:
    """Find the annotation files of a folder; none if it is no COCO dataset."""
    labels = child(root, "annotations", "annotation")
    found = _split_files(root) if labels is None else describe(root, _files(labels, sure=True))
    return found or describe(root, _files(root)) or _split_files(root)


def _files(folder: Path, *, sure: bool = False) -> list[Path]:
    """COCO files in a folder; `sure` where the folder's name leaves no doubt what is in it."""
    files = [path for path in visible(folder) if path.suffix.lower() == ".json" and path.is_file()]
    files = [path for path in files if not path.name.lower().startswith(_OTHER_TASKS)]
    instances = [path for path in files if path.name.lower().startswith("instances")]
    alike = [path for path in instances or files if _looks_like_coco(path)]
    few = len(files) <= 10
    return alike or ((instances or files) if sure and few else [])


def _looks_like_coco(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED_BYTES)
    except OSError:
        return False
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return start == b"{" and any(name in _LISTS for name in _outer_lists(head))


def _outer_lists(head: bytes) -> Iterator[str]:
    """Names of the lists that stand at the outermost level of a JSON object's beginning."""
    depth = 0
    for token in _TOKEN.finditer(head):
        text = token[0]
        if depth == 1 and token[2]:
            yield token[1].decode(errors="replace")
        depth += (text in (b"{", b"[") or bool(token[2])) - (text in (b"}", b"]"))


def describe(root: Path, files: list[Path]) -> list[AnnotationFile]:
    """Tell the splits of annotation files, and where their images may be."""
    names = [_split_of(path) for path in files]
    if len(set(names)) < len(names):
        names = [path.stem for path in files]
    elif len(names) == 1 and canonical_split(names[0]).lower() not in SPLIT_FOLDERS:
        names = [""]
    return [
        AnnotationFile(name, path, _image_folders(root, path, name))
        for name, path in zip(names, files, strict=True)
    ]


def _split_of(path: Path) -> str:
    """``train2017`` for ``instances_train2017.json``: the part that names a split, else all."""
    stem = re.sub(r"^instances[_-]", "", path.stem)
    for part in re.split(r"[_.\-\s]", stem):
        if canonical_split(part).lower() in SPLIT_FOLDERS:
            return part
    return stem


def _image_folders(root: Path, path: Path, split: str) -> tuple[Path, ...]:
    """Where a split's images may be, the likeliest first."""
    images = child(root, *IMAGE_FOLDERS, "data")
    names = (split, canonical_split(split), re.sub(r"^instances[_-]", "", path.stem), path.stem)
    found: list[Path | None] = []
    for place in (images, root):
        inside = [child(place, *filter(None, names))] if place is not None else []
        found += [child(one, *IMAGE_FOLDERS) if one is not None else None for one in inside]
        found += inside
    found += [images, path.parent, root]
    return tuple(dict.fromkeys(folder for folder in found if folder is not None))


def _split_files(root: Path) -> list[AnnotationFile]:
    """Annotation files inside the folders of the splits."""
    found: list[AnnotationFile] = []
    for folder in visible(root):
        if canonical_split(folder.name).lower() in SPLIT_FOLDERS and folder.is_dir():
            labels = child(folder, "annotations", "annotation")
            for path in (_files(folder) or (_files(labels) if labels is not None else []))[:1]:
                images = child(folder, *IMAGE_FOLDERS, "data")
                places = (images, folder) if images is not None else (folder,)
                found.append(AnnotationFile(folder.name, path, places))
    return found
