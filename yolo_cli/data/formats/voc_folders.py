"""Where a Pascal VOC dataset keeps its images, its XML files and its splits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, SPLIT_FOLDERS
from yolo_cli.data.formats.files import MAX_LIST_BYTES, FileIndex, child, read_lines, visible, walk
from yolo_cli.data.formats.leftovers import is_data
from yolo_cli.data.images import IMAGE_SUFFIXES, is_image_path

_LABEL_FOLDERS = ("Annotations", "annotation", "annots", "xmls", "xml", "labels")
_MOST_FOLDERS = 20  # among which images and XML files are paired by the names of the files
_SPLIT_ORDER = {"train": 0, "trainval": 1, "val": 2, "test": 3}
_FLAGGED = re.compile(r"\S+\s+(-1|0|1)")


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
        """Its images; of what training runs leave behind those with an XML file."""
        return FileIndex(self.images, lambda path: is_data(path, self.images, self.label_index))

    @cached_property
    def label_index(self) -> FileIndex:
        """Its XML files."""
        return FileIndex(self.labels, _is_xml)

    @property
    def side_by_side(self) -> bool:
        """Whether images and XML files lie in one folder: an image without one is background."""
        return self.images == self.labels

    def image_named(self, filename: str) -> Path | None:
        """Return the image that an annotation names, unless it has an annotation of its own."""
        image = self.image_index.named(filename)
        if image is None:
            return None
        own = image.relative_to(self.images).with_suffix("").as_posix()
        return image if self.label_index.find(own) is None else None


def find_parts(root: Path, *, images: bool) -> list[Part]:
    """Find the folders of a dataset; without ``images`` those of XML files are enough."""
    pair = _pair(root) or (None if images else _labels_alone(root))
    if pair is None:
        inside = _inside(root)
        pairs = [_pair(path) or (None if images else _labels_alone(path)) for path in inside]
        found = zip(inside, pairs, strict=True)
        parts = [Part(path.name, *pair) for path, pair in found if pair is not None]
        pair = _by_class(root) or _by_stems(root) if images and not parts else None
        if pair is None:
            return parts
    return _split_parts(*pair)


def _by_class(root: Path) -> tuple[Path, Path] | None:
    """The folder itself, where folders in it, one for each class perhaps, hold both kinds."""
    if root.name.lower() in {*map(str.lower, _LABEL_FOLDERS), *IMAGE_FOLDERS}:
        return None  # a part of a dataset: a written division links to whole folders in it
    pairs = ((path, _pair(path)) for path in visible(root) if path.is_dir())
    both = [path for path, pair in pairs if pair == (path, path)]
    return (root, root) if len(both) > 1 else None


def _by_stems(root: Path) -> tuple[Path, Path] | None:
    """Two folders of any names, one of images and one of XML files that are called like them."""
    folders = [root, *(path for path in visible(root) if path.is_dir())]
    if len(folders) > _MOST_FOLDERS:
        return None
    for labels in folders:
        stems = {path.stem for path in visible(labels) if _is_xml(path)}
        for images in folders if stems else ():
            shown = (path.stem for path in visible(images) if is_image_path(path))
            if images != labels and not stems.isdisjoint(shown):
                return images, labels
    return None


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


def _is_xml(path: Path) -> bool:
    return path.suffix.lower() == ".xml"


def find_lists(root: Path) -> dict[str, Path]:
    """Find ``ImageSets/Main/*.txt`` by name, without the lists of single classes."""
    sets = child(root, "ImageSets")
    if sets is not None:
        paths = visible(child(sets, "Main") or sets)
    else:  # other programs put train.txt beside the folders
        paths = [path for path in visible(root) if path.stem.lower() in SPLIT_FOLDERS]
    lists = {path.stem: path for path in paths if _is_list(path)}
    plain = {name: path for name, path in lists.items() if not _is_class_list(name, path, lists)}
    return in_order(plain)


def in_order(lists: dict[str, Path]) -> dict[str, Path]:
    """Return split files in the usual order of splits."""
    return dict(sorted(lists.items(), key=lambda item: (_SPLIT_ORDER.get(item[0], 9), item[0])))


def _is_list(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and path.is_file()


def _is_class_list(name: str, path: Path, lists: Iterable[str]) -> bool:
    """Whether a list is of one class, like ``aeroplane_train.txt``: ids with -1, 0 or 1."""
    if "_" not in name or name.rsplit("_", maxsplit=1)[1] not in {*lists, *_SPLIT_ORDER}:
        return False
    first = next((line for line in read_lines(path, MAX_LIST_BYTES) if line), "")
    return _FLAGGED.fullmatch(first) is not None


def numbered_ids(path: Path, part: Part) -> list[tuple[int, str]]:
    """Return the ids in a split file with their lines; file names and paths are read as well.

    Raises:
        UserError: the file cannot be read.
    """
    lines = [(i, line) for i, line in enumerate(read_lines(path, MAX_LIST_BYTES), 1) if line]
    if lines and all(_FLAGGED.fullmatch(line) for _, line in lines):
        lines = [(i, line.split()[0]) for i, line in lines]
    return [(i, _known_id(line, part)) for i, line in lines]


def _known_id(line: str, part: Part) -> str:
    def known(file_id: str) -> bool:
        return any(index.find(file_id) for index in (part.label_index, part.image_index))

    if known(line):
        return line
    candidates: list[str] = []
    first = line.split(maxsplit=1)[0]  # image and XML may stand in one line
    for text in dict.fromkeys((line, first)):
        path = Path(text.replace("\\", "/"))
        bare = path.with_suffix("") if path.suffix.lower() in {*IMAGE_SUFFIXES, ".xml"} else path
        candidates += [bare.as_posix(), bare.name]
    return next((file_id for file_id in candidates if known(file_id)), line)
