"""A text file for each image, ``class left top right bottom [difficult]``.

That is how the tools that score detections keep their ground truth (Cartucho's mAP, Padilla's
Object-Detection-Metrics). They give the corners in pixels as VOC does, both of them inside the
box, and so they are taken here. Recognised layouts:

- ``ground-truth/``, ``groundtruths/``, ``labels/`` … with the images in ``images/``,
  ``images-optional/`` or beside the text files;
- the text files' folder itself.

A folder is recognised by itself where its classes are words and its numbers are pixels; classes
that are numbers may as well be YOLO's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from yolo_cli.data.formats.common import (
    IMAGE_FOLDERS,
    UNKNOWN_SIZE,
    Box,
    Entry,
    Fault,
    Faults,
    Key,
    Reading,
    build_sample,
    check_counts,
    number,
)
from yolo_cli.data.formats.files import FileIndex, child, read_lines, walk
from yolo_cli.data.images import is_image_path
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError

LOOKED_FOR = "ground-truth/*.txt with lines 'class left top right bottom' (text)"

_LABEL_FOLDERS = (
    *("ground-truth", "ground_truth", "groundtruth", "ground-truths", "groundtruths", "gt"),
    *("labels", "label", "annotations"),
)
_NOT_LABELS = frozenset({"classes.txt", "names.txt", "class_list.txt", "readme.txt"})
_SNIFFED_FILES = 20
_LARGEST_FRACTION = 2.0  # YOLO's fractions end at 1; a box of pixels that small is no sign
_NUMBERS = 4


@dataclass(frozen=True)
class TextObject:
    """One line.

    Attributes:
        name: of the class.
        difficult: the flag of that name.
        corners: (left, top, right, bottom) as in the file: pixels, both corners in the box.
        line: number in the file, from 1.
    """

    name: str
    difficult: bool
    corners: Box
    line: int


@dataclass(frozen=True)
class TextLabels:
    """A label file: its objects, and a fault for each line that is not one."""

    objects: tuple[TextObject, ...]
    faults: tuple[Fault, ...]


def open_reader(root: Path, reading: Reading) -> TextReader | None:
    """The reader of a folder in one of the layouts above; None if it is in none of them."""
    places = [(root, labels) for labels in [child(root, *_LABEL_FOLDERS)] if labels is not None]
    for base, labels in (*places, (root, root)):
        if not any(_is_label(path) for path in walk(labels)):
            continue
        if labels == root and any(path.parent != root for path in islice(_label_files(root), 1)):
            continue  # a dataset of its own may be down there
        if reading.sure or _is_sure(labels):
            images = child(base, *IMAGE_FOLDERS, "images-optional") or base
            return TextReader(labels, images, reading)
    return None


class TextReader:
    """Reads a folder of text files; an image without objects has an empty one.

    Args:
        labels: folder of the text files, subfolders included.
        images: folder of the images.
        reading: how to read it.
    """

    def __init__(self, labels: Path, images: Path, reading: Reading) -> None:
        self.label_index = FileIndex(labels, _is_label)
        self.folder = images
        self._reading = reading

    @property
    def splits(self) -> tuple[str, ...]:
        """None: all files are one set."""
        return ()

    @property
    def category_ids(self) -> dict[Key, int]:
        """None: classes have names."""
        return {}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names in all files, sorted; numbers by their value."""
        read = [one for one in self._labels.values() if isinstance(one, TextLabels)]
        names = {item.name for labels in read for item in labels.objects}
        if not names:  # say why, rather than that there is nothing
            faults = Faults(self._reading.skip_bad)
            for fault in (fault for labels in read for fault in labels.faults):
                faults.add(fault)
        return tuple(sorted(names, key=lambda name: (len(name) * name.isdecimal(), name)))

    def load(self, split: str | None) -> tuple[list[Sample], list[str]]:
        """See :class:`~yolo_cli.data.formats.common.Reader`."""
        faults = Faults(self._reading.skip_bad)
        ids = sorted(self.label_index)
        samples = [one for id in ids if (one := self._sample(id, faults)) is not None]  # noqa: A001
        return samples, faults.lines

    @cached_property
    def _labels(self) -> dict[str, TextLabels | UserError]:
        found: dict[str, TextLabels | UserError] = {}
        faults = Faults(self._reading.skip_bad)  # only to stop at the first one, if that is asked
        for file_id in sorted(self.label_index):
            path = self._path(file_id)
            try:
                found[file_id] = read_text_labels(path)
            except UserError as error:
                faults.add(error)
                found[file_id] = error
        return found

    @cached_property
    def image_index(self) -> FileIndex:
        """The images, whether they have labels or not."""
        return FileIndex(self.folder, is_image_path)

    def _path(self, file_id: str) -> Path:
        path = self.label_index.find(file_id)
        assert path is not None
        return path

    def _sample(self, file_id: str, faults: Faults) -> Sample | None:
        labels = self._labels[file_id]
        if isinstance(labels, UserError):
            faults.add(labels)
            return None
        for fault in labels.faults:
            faults.add(fault)
        image = self.image_index.find(file_id)
        if image is None:
            image = self.folder / f"{file_id}.jpg"
            if self._reading.images:
                faults.add(f"{self.folder / file_id}.*: no such image for {self._path(file_id)}")
                return None
        stated = None if self._reading.images else UNKNOWN_SIZE
        entries = self._entries(self._path(file_id), labels)
        return build_sample(file_id, image, entries, faults, stated=stated)

    def _entries(self, path: Path, labels: TextLabels) -> Iterator[Entry]:
        indices = {name: index for index, name in enumerate(self.classes)}
        for item in labels.objects:
            left, top, right, bottom = item.corners
            yield Entry(
                where=f"{path}:{item.line}",
                label=indices[item.name],
                box=(left - 1, top - 1, right, bottom),
                difficult=item.difficult,
            )


def read_text_labels(path: Path) -> TextLabels:
    """Reads a label file.

    Raises:
        UserError: the file cannot be read or is not text.
    """
    objects: list[TextObject] = []
    faults: list[Fault] = []
    for line, text in enumerate(read_lines(path), start=1):
        if text:
            item = _object(path, line, text.split())
            if isinstance(item, TextObject):
                objects.append(item)
            else:
                faults.append(item)
            check_counts(path, len(objects), len(faults))
    return TextLabels(tuple(objects), tuple(faults))


def _object(path: Path, line: int, columns: list[str]) -> TextObject | Fault:
    """The object in a line, or what is wrong with it."""
    columns, difficult = _without_flag(columns)
    name = " ".join(columns[:-_NUMBERS])
    values = [number(text) for text in columns[-_NUMBERS:]]
    if not name or None in values:
        what = "not 'class left top right bottom' with an optional 'difficult'"
        return Fault("syntax", path, line, what)
    if len(columns) > _NUMBERS + 1 and number(columns[-_NUMBERS - 1]) is not None:
        what = "five numbers: the score of a detection does not belong into a label"
        return Fault("syntax", path, line, what)
    left, top, right, bottom = corners = [value for value in values if value is not None]
    if right < left or bottom < top:
        what = f"box [{', '.join(f'{value:g}' for value in corners)}] has swapped corners"
        what += ": left, top, right, bottom are wanted, no width and height"
        return Fault("swapped", path, line, what, numbers=tuple(corners))
    return TextObject(name, difficult, (left, top, right, bottom), line)


def _without_flag(columns: list[str]) -> tuple[list[str], bool]:
    """The columns without the flag at the end, and whether it says that the object is difficult."""
    last = columns[-1].lower()
    if last == "difficult":
        return columns[:-1], True
    before = columns[-_NUMBERS - 1 : -1]
    enough = len(columns) > _NUMBERS + 1 and all(number(text) is not None for text in before)
    if last in {"0", "1"} and enough:
        return columns[:-1], last == "1"
    return columns, False


def _label_files(folder: Path) -> Iterator[Path]:
    return (path for path in walk(folder) if _is_label(path))


def _is_label(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and path.name.lower() not in _NOT_LABELS


def _is_sure(folder: Path) -> bool:
    """Whether most lines of the first files are objects of named classes, and not in fractions."""
    objects: list[TextObject] = []
    faults = 0
    for path in islice(_label_files(folder), _SNIFFED_FILES):
        try:
            labels = read_text_labels(path)
        except UserError:
            continue  # will be told of when it is read
        objects += labels.objects
        faults += len(labels.faults)
    named = [item for item in objects if number(item.name) is None]
    farthest = max((max(item.corners) for item in named), default=0.0)
    return len(named) > faults + len(objects) - len(named) and farthest > _LARGEST_FRACTION
