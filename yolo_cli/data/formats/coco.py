"""COCO: one JSON file for a whole split.

Recognised layouts:

- ``annotations/*.json`` (``instances_train2017.json``), with the images in ``train2017/``,
  ``images/train2017/`` or ``images/``;
- JSON beside the images or their folder, also in ``train/``, ``valid/``, ``test/`` folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PureWindowsPath

from yolo_cli.data.formats.coco_json import CocoImage, Document, read_document
from yolo_cli.data.formats.common import (
    IMAGE_FOLDERS,
    SPLIT_FOLDERS,
    Entry,
    Faults,
    Key,
    Reading,
    build_sample,
    canonical_split,
    stated_size,
    unique_ids,
)
from yolo_cli.data.formats.files import child, exists, visible
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError

LOOKED_FOR = "annotations/*.json, or a JSON file beside the images (COCO)"

_SNIFFED_BYTES = 1024**2
_LISTS = ("images", "annotations")  # other tools' notes have categories as well
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:\s*\[)?|[{}\[\]]')
_OTHER_TASKS = ("captions", "image_info", "panoptic", "stuff")


@dataclass(frozen=True)
class Source:
    """An annotation file with the folders its images may be in.

    Attributes:
        split: name of the split it is; "" if it is none.
        path: the file.
        folders: the likeliest first.
    """

    split: str
    path: Path
    folders: tuple[Path, ...]


def open_reader(root: Path, reading: Reading) -> CocoReader | None:
    """The reader of a folder in one of the layouts above; None if it is in none of them."""
    labels = child(root, "annotations", "annotation")
    sources = _split_sources(root) if labels is None else _sources(root, _files(labels, sure=True))
    sources = sources or _sources(root, _files(root)) or _split_sources(root)
    return CocoReader(root, sources, reading) if sources else None


def open_json(path: Path, reading: Reading) -> CocoReader:
    """The reader of a single annotation file."""
    root = path.parent.parent if path.parent.name.lower().startswith("annot") else path.parent
    return CocoReader(root, _sources(root, [path]), reading)


class CocoReader:
    """Reads a COCO dataset; each annotation file is parsed once.

    Args:
        root: folder that the images' ids are relative to.
        sources: the annotation files.
        reading: how to read it.
    """

    def __init__(self, root: Path, sources: list[Source], reading: Reading) -> None:
        self.root = root
        self.sources = sources
        self._reading = reading

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, as in the names of files or folders."""
        return tuple(source.split for source in self.sources if source.split)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the categories in the order of their ids; one label for each name."""
        return tuple(dict.fromkeys(self._names.values()))

    @cached_property
    def category_ids(self) -> dict[Key, int]:
        """Index of the class of each category."""
        number = {name: index for index, name in enumerate(self.classes)}
        return {key: number[name] for key, name in self._names.items()}

    @cached_property
    def _names(self) -> dict[Key, str]:
        names: dict[Key, str] = {}
        for document in self._documents.values():
            for key, name in document.categories.items():
                if names.setdefault(key, name) != name:
                    raise UserError(
                        f"{document.path}: category {key!r} is {name!r}, "
                        f"but {names[key]!r} in another annotation file of the dataset"
                    )
        if not any(one.objects or one.faults or one.stray for one in self._documents.values()):
            raise UserError(f"{self.sources[0].path}: no labels at all", "no annotation in it")
        return dict(sorted(names.items(), key=lambda item: (isinstance(item[0], str), item[0])))

    @cached_property
    def _documents(self) -> dict[Path, Document]:
        return {source.path: read_document(source.path) for source in self.sources}

    def load(self, split: str | None) -> tuple[list[Sample], list[str]]:
        """See :class:`~yolo_cli.data.formats.common.Reader`."""
        faults = Faults(self._reading.skip_bad)
        found: dict[Path, tuple[Document, CocoImage]] = {}
        for source in self.sources:
            if split in {None, source.split}:
                document = self._documents[source.path]
                for fault in document.stray:
                    faults.add(fault)
                for path, image in located(source, document, faults):
                    if found.setdefault(path, (document, image))[0] is not document:
                        continue  # listed by several files, each of them whole
                    if found[path][1] is not image:
                        what = "the same file_name as another image"
                        faults.add(image.where.fault("repeated", what))
        samples: list[Sample] = []
        for sample_id, (path, (document, image)) in zip(
            unique_ids(found, self.root), found.items(), strict=True
        ):
            for fault in document.faults.get(image.key, ()):
                faults.add(fault)
            entries = self._entries(document, image.key)
            stated = None if self._reading.images else stated_size(image.size)
            sample = build_sample(sample_id, path, entries, faults, stated=stated, key=image.key)
            if sample is not None:
                samples.append(sample)
        return samples, faults.lines

    def _entries(self, document: Document, key: Key) -> Iterator[Entry]:
        for item in document.objects.get(key, ()):
            yield Entry(
                where=str(item.where),
                label=self.category_ids[item.category],
                box=item.box,
                crowd=item.crowd,
                area=item.area,
            )


def located(source: Source, document: Document, faults: Faults) -> Iterator[tuple[Path, CocoImage]]:
    """Each image with its path, which is inside the image folder by its spelling.

    Args:
        source: where the images may be.
        document: that names them.
        faults: told of images that would lie elsewhere.
    """
    inside: list[tuple[str, CocoImage]] = []
    for image in document.images:
        name = os.path.normpath(image.file_name.replace("\\", "/"))
        if name.startswith("/") or name.split("/")[0] == ".." or PureWindowsPath(name).drive:
            what = f"file_name {image.file_name[:200]!r} leaves the image folder"
            faults.add(image.where.fault("missing", what))
        else:
            inside.append((name, image))
    folder = _image_folder(source, [name for name, _ in inside])
    for name, image in inside:
        yield folder / name, image


def _image_folder(source: Source, names: Sequence[str]) -> Path:
    """The first of the folders that holds an image; tried with a few, as some may be missing."""
    folders = [folder for folder in source.folders if folder.is_dir()]
    for name in names[:20]:
        for folder in folders:
            if exists(folder / name):
                return folder
    return folders[0]


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


def _sources(root: Path, files: list[Path]) -> list[Source]:
    names = [_split_of(path) for path in files]
    if len(set(names)) < len(names):
        names = [path.stem for path in files]
    elif len(names) == 1 and canonical_split(names[0]).lower() not in SPLIT_FOLDERS:
        names = [""]
    return [
        Source(name, path, _image_folders(root, path, name))
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


def _split_sources(root: Path) -> list[Source]:
    """Annotation files inside the folders of the splits."""
    sources: list[Source] = []
    for folder in visible(root):
        if canonical_split(folder.name).lower() in SPLIT_FOLDERS and folder.is_dir():
            labels = child(folder, "annotations", "annotation")
            for path in (_files(folder) or (_files(labels) if labels is not None else []))[:1]:
                images = child(folder, *IMAGE_FOLDERS, "data")
                places = (images, folder) if images is not None else (folder,)
                sources.append(Source(folder.name, path, places))
    return sources
