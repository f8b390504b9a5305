"""COCO: one JSON file for a whole split.

Recognised layouts:

- ``annotations/*.json`` (``instances_train2017.json``), with the images in ``train2017/``,
  ``images/train2017/`` or ``images/``;
- JSON beside the images or their folder, also in ``train/``, ``valid/``, ``test/`` folders.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PureWindowsPath

from yolo_cli.data.formats.coco_folders import describe, find_files, looks_like_coco
from yolo_cli.data.formats.coco_json import CocoDocument, CocoImage, read_document
from yolo_cli.data.formats.coco_write import write_coco
from yolo_cli.data.formats.common import Key, like_more, unique_ids
from yolo_cli.data.formats.files import exists, read_once
from yolo_cli.data.formats.image_names import ImageNames
from yolo_cli.data.formats.label_files import LabelFile
from yolo_cli.data.formats.leftovers import is_left_below
from yolo_cli.data.formats.outlines import for_task, wants_outlines
from yolo_cli.data.formats.scan import (
    BoxForm,
    Fault,
    Format,
    LabelledImage,
    Reader,
    Reading,
    Spot,
)
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError


def open_reader(root: Path, reading: Reading) -> Reader | None:
    """Return the reader of a folder in one of the layouts above; None if it is in none of them."""
    files = find_files(root)
    return for_task(CocoReader(root, files, reading), reading) if files else None


def open_json(path: Path, reading: Reading) -> Reader:
    """Return the reader of a single annotation file."""
    root = path.parent.parent if path.parent.name.lower().startswith("annot") else path.parent
    return for_task(CocoReader(root, describe(root, [path]), reading), reading)


@dataclass(frozen=True, eq=False)
class _Found:
    """An entry of ``images`` with its file."""

    file: LabelFile
    document: CocoDocument
    image: CocoImage


class CocoReader:
    """Reads a COCO dataset; each annotation file is parsed once.

    Args:
        root: folder that the images' ids are relative to.
        files: the annotation files.
        reading: how to read it.
    """

    form: BoxForm = "corner and size"
    relative = False

    def __init__(self, root: Path, files: list[LabelFile], reading: Reading) -> None:
        self.root = root
        self.files = files
        self._reading = reading
        self._document = read_once(
            partial(read_document, outlines=True) if wants_outlines(reading) else read_document
        )

    @property
    def splits(self) -> Mapping[str, Spot]:
        """The splits, as in the names of files or folders."""
        return {file.split: Spot(file.path) for file in self.files if file.split}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the categories in the order of their ids; one label for each name."""
        if not any(document.is_labelled for document in self._documents):
            return ()
        others = (name for one in self._documents for name in one.categories.values())
        names = dict.fromkeys((*self._names.values(), *others))
        return tuple(name for name in names if name not in self._above)

    @cached_property
    def category_ids(self) -> Mapping[Key, int]:
        """Index of the class of each category."""
        number = {name: index for index, name in enumerate(self.classes)}
        return {key: number[name] for key, name in self._names.items() if name in number}

    @property
    def declared(self) -> Mapping[str, Spot]:
        """Where each class is met first."""
        return {name: spot for name, spot in self._declared.items() if name not in self._above}

    @cached_property
    def _declared(self) -> dict[str, Spot]:
        found: dict[str, Spot] = {}
        for document in self._documents:
            found = {**document.declared, **found}
        return found

    @cached_property
    def _above(self) -> frozenset[str]:
        """Super-categories that no annotation of the dataset names: they are no classes.

        Roboflow writes the project's name as such a category 0.
        """
        above: set[str] = set()
        used: set[str] = set()
        for document in self._documents:
            names = document.categories
            above.update(name for key, name in document.parents.items() if name != names[key])
            used.update(names[key] for key in document.used)
        return frozenset(above & self._declared.keys() - used) if used else frozenset()

    @cached_property
    def _names(self) -> dict[Key, str]:
        names: dict[Key, str] = {}
        for document in self._documents:
            for key, name in document.categories.items():
                names.setdefault(key, name)
        return dict(sorted(names.items(), key=lambda item: (isinstance(item[0], str), item[0])))

    @property
    def _documents(self) -> list[CocoDocument]:
        """Those that can be read."""
        read = (self._document(file.path) for file in self.files)
        return [document for document in read if isinstance(document, CocoDocument)]

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.scan`."""
        found: dict[Path, _Found] = {}
        for file in self.files:
            if split in {None, file.split}:
                document = self._document(file.path)
                if isinstance(document, UserError):
                    yield Fault.of_error("label-unreadable", document, file.path)
                    continue
                yield from self._contradictions(document)
                yield from (*document.stray, *document.notes)
                for item in self._placed(file, document):
                    if isinstance(item, Fault):
                        yield item
                        continue
                    path, image = item
                    first = found.setdefault(path, _Found(file, document, image))
                    if first.document is document and first.image is not image:
                        what = f"the same file_name as another image: {image.file_name[:200]!r}"
                        yield Fault("id-repeated", image.spot, what)
        absent = [path for path in found if self._reading.images and not exists(path)]
        yield from self._absent(absent, found)
        ids = unique_ids(found, self.root)
        missing = {*absent}
        for image_id, (path, one) in zip(ids, found.items(), strict=True):
            if path not in missing:
                yield _labelled(image_id, path, one)

    def _placed(
        self, file: LabelFile, document: CocoDocument
    ) -> Iterator[tuple[Path, CocoImage] | Fault]:
        """Each image as :func:`_located`; one that is not there by its name, where one has it."""
        for item in _located(file, document):
            if isinstance(item, Fault) or exists(item[0]) or not self._reading.images:
                yield item
                continue
            found = self._image_names.find(item[1].file_name, file.folders)
            usable = isinstance(found, Path) and not is_left_below(found, self.root)
            if isinstance(found, Path) and usable and not self._is_of_other(found, file):
                yield found, item[1]
            else:
                yield item

    @cached_property
    def _image_names(self) -> ImageNames:
        return ImageNames(self.root)

    def _is_of_other(self, path: Path, own: LabelFile) -> bool:
        """Whether an image lies in a folder of another split."""
        others = (file for file in self.files if file.split != own.split)
        folders = {folder for file in others for folder in file.folders} - {*own.folders}
        return any(path.is_relative_to(folder) for folder in folders)

    def _absent(self, absent: Sequence[Path], found: Mapping[Path, _Found]) -> Iterator[Fault]:
        """Say what is not where it should be: images, or all of a file's images at once."""
        images = Counter(one.file.path for one in found.values())
        gone = Counter(found[path].file.path for path in absent)
        whole = {path for path, count in gone.items() if count == images[path]}
        for path in absent:
            one = found[path]
            if one.file.path not in whole:
                what = self._elsewhere(path, one.file) or f"no such image; tried {path}"
                yield Fault("no-image", one.image.spot, what, "warning")
        for file in self.files:
            if file.path in whole:
                name = next(path.name for path in absent if found[path].file is file)[:200]
                folders = ", ".join(map(str, file.folders))
                what = f"none of its images ({images[file.path]}, such as {name!r}) is there"
                yield Fault("no-image", Spot(file.path), f"{what}; looked in {folders}")

    def _elsewhere(self, path: Path, own: LabelFile) -> str:
        """Say in which other split an image is; "" if it is in none."""
        for file in self.files:
            for folder in file.folders if file.split != own.split else ():
                other = folder / path.name
                if folder not in own.folders and exists(other):
                    return f"its image is in another split: {other}"
        return ""

    def _contradictions(self, document: CocoDocument) -> Iterator[Fault]:
        """Categories that are called otherwise in an earlier file of the dataset."""
        for key, name in document.categories.items():
            if self._names[key] != name:
                what = f"category {key!r} is {name!r}, but {self._names[key]!r} in another file"
                yield Fault("dataset-unreadable", document.declared[name], what)

    def leftovers(self) -> Iterator[Fault]:
        """Yield images beside listed ones that no annotation file names, and super-categories."""
        for name in sorted(self._above):
            what = f"{name!r} has no objects and is above other categories: it is no class"
            yield Fault("super-category", self._declared[name], what, "info")
        found: set[Path] = set()
        for file in self.files:
            document = self._document(file.path)
            if isinstance(document, CocoDocument):
                items = self._placed(file, document)
                found |= {item[0] for item in items if not isinstance(item, Fault)}
        folders = {path.parent for path in found if path.parent.is_dir()}
        beside = (path for folder in sorted(folders) for path in sorted(folder.iterdir()))
        left = [path for path in beside if is_image_path(path) and path not in found]
        if left:
            what = f"in no annotation file{like_more(len(left))}"
            yield Fault("image-unlisted", Spot(left[0]), what, "info")

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.write_splits`."""
        write_coco(splits, out)


def _labelled(image_id: str, path: Path, one: _Found) -> LabelledImage:
    image = one.image
    return LabelledImage(
        id=image_id,
        path=path,
        spot=image.spot,
        splits={one.file.split: image.spot} if one.file.split else {},
        objects=one.document.objects.get(image.key, ()),
        faults=one.document.faults.get(image.key, ()),
        stated=image.size,
        stated_at=image.spot,
        key=image.key,
    )


def _located(file: LabelFile, document: CocoDocument) -> Iterator[tuple[Path, CocoImage] | Fault]:
    """Each image with its path, which is inside the image folder by its spelling, or a fault."""
    inside: list[tuple[str, CocoImage]] = []
    for image in document.images:
        name = os.path.normpath(image.file_name.replace("\\", "/"))
        if name.startswith("/") or name.split("/")[0] == ".." or PureWindowsPath(name).drive:
            what = f"file_name {image.file_name[:200]!r} leaves the image folder"
            yield Fault("no-image", image.spot, what)
        else:
            inside.append((name, image))
    folder = file.image_folder([name for name, _ in inside])
    for name, image in inside:
        yield folder / name, image


FORMAT = Format(
    name="coco",
    open=open_reader,
    looked_for="annotations/*.json, or a JSON file beside the images (COCO)",
    suffixes=frozenset({".json"}),
    open_file=open_json,
    is_file=looks_like_coco,
    tasks=("detect", "segment"),
)
