"""Pascal VOC: one XML file for each image.

Recognised layouts, each of them also inside ``train/``, ``val/``, ``test/`` folders:

- ``JPEGImages/ Annotations/ ImageSets/Main/*.txt``, the development kit's own;
- ``images/`` with the XML files in ``annotations/``, ``annots/``, ``xmls/`` or ``labels/``;
- images and XML files side by side in one folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats.common import (
    IMAGE_FOLDERS,
    SPLIT_FOLDERS,
    Box,
    Entry,
    Faults,
    Key,
    Reading,
    build_sample,
    stated_size,
)
from yolo_cli.data.formats.files import MAX_LIST_BYTES, FileIndex, child, read_lines, visible, walk
from yolo_cli.data.formats.voc_xml import Annotation, read_annotation
from yolo_cli.data.images import IMAGE_SUFFIXES, is_image_path
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError

LOOKED_FOR = "JPEGImages/ + Annotations/*.xml, or images with *.xml beside them (Pascal VOC)"

_LABEL_FOLDERS = ("Annotations", "annotation", "annots", "xmls", "xml", "labels")


@dataclass(frozen=True)
class Part:
    """A folder of images with its folder of XML files.

    Attributes:
        split: name of the split it is; "" if it is none.
        images: folder of the images.
        labels: folder of the XML files.
    """

    split: str
    images: Path
    labels: Path

    @cached_property
    def image_index(self) -> FileIndex:
        """Its images."""
        return FileIndex(self.images, is_image_path)

    @cached_property
    def label_index(self) -> FileIndex:
        """Its XML files."""
        return FileIndex(self.labels, _is_xml)

    @property
    def side_by_side(self) -> bool:
        """Whether images and XML files lie in one folder: an image without one is background."""
        return self.images == self.labels


def open_reader(root: Path, reading: Reading) -> VocReader | None:
    """The reader of a folder in one of the layouts above; None if it is in none of them."""
    parts = _parts(root, images=reading.images)
    if not parts:
        return None
    return VocReader(parts, {} if parts[0].split else _split_lists(root), reading)


class VocReader:
    """Reads a VOC folder; each XML file is parsed once, and images only when their split is.

    Args:
        parts: the folders; either one that is no split, or one for each split.
        lists: split files by name; only with a single part.
        reading: how to read it.
    """

    def __init__(self, parts: list[Part], lists: dict[str, Path], reading: Reading) -> None:
        self.parts = parts
        self.lists = lists
        self._reading = reading

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the split files, or of the split folders."""
        return tuple(self.lists) or tuple(part.split for part in self.parts if part.split)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names in all annotation files, sorted: for VOC itself that is its official order."""
        read = [one for one in self._annotations.values() if isinstance(one, Annotation)]
        names = {item.name for annotation in read for item in annotation.objects}
        if not names:  # say why, rather than that there is nothing
            faults = Faults(self._reading.skip_bad)
            for fault in (fault for annotation in read for fault in annotation.faults):
                faults.add(fault)
        return tuple(sorted(names))

    @property
    def category_ids(self) -> dict[Key, int]:
        """None: VOC names its classes."""
        return {}

    def load(self, split: str | None) -> tuple[list[Sample], list[str]]:
        """See :class:`~yolo_cli.data.formats.common.Reader`."""
        faults = Faults(self._reading.skip_bad)
        samples = [
            sample
            for part, file_id in self._ids(split)
            if (sample := self._sample(part, file_id, faults)) is not None
        ]
        return samples, faults.lines

    @cached_property
    def _annotations(self) -> dict[Path, Annotation | UserError]:
        found: dict[Path, Annotation | UserError] = {}
        faults = Faults(self._reading.skip_bad)  # only to stop at the first one, if that is asked
        for part in self.parts:
            for file_id in part.label_index:
                path = part.label_index.find(file_id)
                if path is None or path in found:
                    continue
                try:
                    found[path] = read_annotation(path)
                except UserError as error:
                    faults.add(error)
                    found[path] = error
        return found

    def _ids(self, split: str | None) -> Iterator[tuple[Part, str]]:
        if self.lists:
            part = self.parts[0]
            for file_id in self._listed(part, split):
                yield part, file_id
            return
        for part in self.parts:
            if split in {None, part.split}:
                ids = {*part.image_index}
                if not shared(part, self.parts):
                    ids |= {*part.label_index}
                for file_id in sorted(ids):
                    yield part, file_id

    def _listed(self, part: Part, split: str | None) -> list[str]:
        if split is not None:
            return _read_list(self.lists[split], part)
        # Images in no list count as well if they are whole: with their annotation.
        ids = {i for path in self.lists.values() for i in _read_list(path, part)}
        whole = {*part.label_index}
        return sorted(ids | (whole & {*part.image_index} if self._reading.images else whole))

    def _sample(self, part: Part, file_id: str, faults: Faults) -> Sample | None:
        image = part.image_index.find(file_id)
        label = part.label_index.find(file_id)
        annotation = Annotation("", (), ())
        if label is not None:
            read = self._annotations[label]
            if isinstance(read, UserError):
                faults.add(read)
                return None
            annotation = read
        elif image is None:
            faults.add(f"{self._listing(part, file_id)}: neither image nor XML file {file_id!r}")
            return None
        elif not part.side_by_side:
            faults.add(f"{part.labels / file_id}.xml: no such annotation file")
            return None
        image = image or image_named(part, annotation.filename)
        if image is None and not self._reading.images:
            image = part.images / (annotation.filename or f"{file_id}.jpg")
        if image is None:
            asked = f" for {label}" if label is not None else ""
            faults.add(f"{part.images / file_id}.*: no such image{asked}")
            return None
        for fault in annotation.faults:
            faults.add(fault)
        sample_id = f"{part.split}/{file_id}" if part.split else file_id
        stated = None if self._reading.images else stated_size(annotation.size)
        entries = self._entries(label, annotation)
        return build_sample(sample_id, image, entries, faults, stated=stated)

    def _listing(self, part: Part, file_id: str) -> str:
        """File and line of the split file that names an image."""
        for path in self.lists.values():
            for line, listed_id in numbered_ids(path, part):
                if listed_id == file_id:
                    return f"{path}:{line}"
        return str(part.images)

    def _entries(self, label: Path | None, annotation: Annotation) -> Iterator[Entry]:
        number = {name: index for index, name in enumerate(self.classes)}
        for item in annotation.objects:
            yield Entry(
                where=f"{label}:{item.line}",
                label=number[item.name],
                box=from_zero(item.corners),
                difficult=item.difficult,
            )


def image_named(part: Part, filename: str) -> Path | None:
    """The image that an annotation names, unless it has an annotation of its own."""
    image = part.image_index.named(filename)
    if image is None:
        return None
    own = image.relative_to(part.images).with_suffix("").as_posix()
    return image if part.label_index.find(own) is None else None


def from_zero(corners: Box) -> Box:
    """VOC counts pixels from 1 and includes the last: [xmin - 1, ymin - 1, xmax, ymax]."""
    xmin, ymin, xmax, ymax = corners
    return xmin - 1, ymin - 1, xmax, ymax


def _is_xml(path: Path) -> bool:
    return path.suffix.lower() == ".xml"


def _parts(root: Path, *, images: bool) -> list[Part]:
    pair = _pair(root) or (None if images else _labels_alone(root))
    if pair is None:
        inside = _inside(root)
        pairs = [_pair(path) or (None if images else _labels_alone(path)) for path in inside]
        found = zip(inside, pairs, strict=True)
        return [Part(path.name, *pair) for path, pair in found if pair is not None]
    return _split_parts(*pair)


def _split_parts(images: Path, labels: Path) -> list[Part]:
    inside = _inside(images)
    beside = images == labels and any(_is_xml(path) for path in visible(images))
    if inside and not beside:
        return [Part(path.name, path, child(labels, path.name) or labels) for path in inside]
    return [Part("", images, labels)]


def _inside(folder: Path) -> list[Path]:
    """The folders of splits in a folder."""
    found = [path for path in visible(folder) if path.name.lower() in SPLIT_FOLDERS]
    return [path for path in found if path.is_dir()]


def _labels_alone(folder: Path) -> tuple[Path, Path] | None:
    """The folder of XML files, in the place of the images' folder as well."""
    for name in _LABEL_FOLDERS:
        labels = child(folder, name)
        if labels is not None and any(_is_xml(path) for path in walk(labels)):
            return _innermost(labels), _innermost(labels)
    return (folder, folder) if any(_is_xml(path) for path in visible(folder)) else None


def _pair(folder: Path) -> tuple[Path, Path] | None:
    """The folder of images and the folder of XML files that belong together in `folder`."""
    here = visible(folder)
    images_here = any(is_image_path(path) for path in here)
    images = child(folder, "JPEGImages", *IMAGE_FOLDERS) or (folder if images_here else None)
    if images is None:
        return None
    for name in _LABEL_FOLDERS:
        labels = child(folder, name)
        if labels is not None and any(_is_xml(path) for path in walk(labels)):
            return images, _innermost(labels)
    if images_here and any(_is_xml(path) for path in here):
        return folder, folder
    if images != folder and any(_is_xml(path) for path in visible(images)):
        return images, images
    return None


def _innermost(labels: Path) -> Path:
    """``annotations/xmls`` rather than ``annotations``, where the files are one level down."""
    if any(_is_xml(path) for path in visible(labels)):
        return labels
    return child(labels, "xmls", "xml") or labels


def shared(part: Part, parts: list[Part]) -> bool:
    """Whether the XML files are in one folder for several splits of images."""
    return any(other.labels == part.labels for other in parts if other is not part)


_SPLIT_ORDER = {"train": 0, "trainval": 1, "val": 2, "test": 3}


def _split_lists(root: Path) -> dict[str, Path]:
    """``ImageSets/Main/*.txt`` by name, without the lists of single classes."""
    sets = child(root, "ImageSets")
    if sets is not None:
        paths = visible(child(sets, "Main") or sets)
    else:  # other programs put train.txt beside the folders
        paths = [path for path in visible(root) if path.stem.lower() in SPLIT_FOLDERS]
    lists = {path.stem: path for path in paths if _is_list(path)}
    plain = {name: path for name, path in lists.items() if not _is_class_list(name, path, lists)}
    return dict(sorted(plain.items(), key=lambda item: (_SPLIT_ORDER.get(item[0], 9), item[0])))


def _is_list(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and path.is_file()


_FLAGGED = re.compile(r"\S+\s+(-1|0|1)")


def _is_class_list(name: str, path: Path, lists: dict[str, Path]) -> bool:
    """Whether a list is of one class, like ``aeroplane_train.txt``: ids with -1, 0 or 1."""
    if "_" not in name or name.rsplit("_", maxsplit=1)[1] not in {*lists, *_SPLIT_ORDER}:
        return False
    first = next((line for line in read_lines(path, MAX_LIST_BYTES) if line), "")
    return _FLAGGED.fullmatch(first) is not None


def _read_list(path: Path, part: Part) -> list[str]:
    """Ids in a split file, each once."""
    return list(dict.fromkeys(file_id for _, file_id in numbered_ids(path, part)))


def numbered_ids(path: Path, part: Part) -> list[tuple[int, str]]:
    """Ids in a split file with their lines; file names and paths are understood as well."""
    lines = [(i, line) for i, line in enumerate(read_lines(path, MAX_LIST_BYTES), 1) if line]
    if lines and all(_FLAGGED.fullmatch(line) for _, line in lines):
        lines = [(i, line.split()[0]) for i, line in lines]
    return [(i, _known_id(line, part)) for i, line in lines]


def _known_id(line: str, part: Part) -> str:
    def known(file_id: str) -> bool:
        return any(index.find(file_id) for index in (part.label_index, part.image_index))

    candidates = [line]
    first = line.split(maxsplit=1)[0]  # image and XML may stand in one line
    for text in dict.fromkeys((line, first)):
        path = Path(text.replace("\\", "/"))
        bare = path.with_suffix("") if path.suffix.lower() in {*IMAGE_SUFFIXES, ".xml"} else path
        candidates += [bare.as_posix(), bare.name]
    return next((file_id for file_id in candidates if known(file_id)), line)
