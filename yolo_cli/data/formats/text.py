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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from yolo_cli.data.formats.coco_samples import write_splits_as_coco
from yolo_cli.data.formats.common import IMAGE_FOLDERS, Key, check_counts, number
from yolo_cli.data.formats.files import FileIndex, child, read_lines, read_once, walk
from yolo_cli.data.formats.judging import written
from yolo_cli.data.formats.leftovers import is_data
from yolo_cli.data.formats.missing import with_missing
from yolo_cli.data.formats.scan import (
    BoxForm,
    Fault,
    Format,
    LabelledImage,
    LabelledObject,
    Reading,
    Spot,
)
from yolo_cli.errors import UserError

_LABEL_FOLDERS = (
    *("ground-truth", "ground_truth", "groundtruth", "ground-truths", "groundtruths", "gt"),
    *("labels", "label", "annotations"),
)
_NOT_LABELS = frozenset({"classes.txt", "names.txt", "class_list.txt", "readme.txt"})
_SNIFFED_FILES = 20
_LARGEST_FRACTION = 2.0  # YOLO's fractions end at 1; a box of pixels that small is no sign
_NUMBERS = 4


@dataclass(frozen=True)
class TextLabels:
    """A label file: its objects, and a fault for each line that is not one."""

    objects: tuple[LabelledObject, ...]
    faults: tuple[Fault, ...]


def open_reader(root: Path, reading: Reading) -> TextReader | None:
    """Return the reader of a folder in one of the layouts above; None if it is in none of them."""
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

    form: BoxForm = "corners"
    relative = False

    def __init__(self, labels: Path, images: Path, reading: Reading) -> None:
        self.label_index = FileIndex(labels, _is_label)
        self.folder = images
        self._reading = reading
        self._read = read_once(read_text_labels)

    @property
    def splits(self) -> Mapping[str, Spot]:
        """None: all files are one set."""
        return {}

    @property
    def declared(self) -> Mapping[str, Spot]:
        """None: the labels name the classes."""
        return {}

    @property
    def category_ids(self) -> Mapping[Key, int]:
        """None: classes have names."""
        return {}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names in all files, sorted; numbers by their value."""
        read = map(self._read, self.label_index.paths)
        names = {
            one.name for labels in read if isinstance(labels, TextLabels) for one in labels.objects
        }
        return tuple(sorted(names, key=lambda name: (len(name) * name.isdecimal(), name)))

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.scan`."""
        ids = sorted({*self.label_index, *self.image_index})
        yield from with_missing(map(self._image, ids), self.folder, self.label_index.folder)

    @cached_property
    def image_index(self) -> FileIndex:
        """The images, with labels or not; of what training runs leave behind those with labels."""
        return FileIndex(self.folder, lambda path: is_data(path, self.folder, self.label_index))

    def _image(self, file_id: str) -> LabelledImage | Fault:
        label = self.label_index.find(file_id)
        path = self.image_index.find(file_id)
        if label is None:
            assert path is not None
            what = f"no label for it; tried {self.label_index.folder / file_id}.txt"
            fault = Fault("no-label", Spot(path), what, "warning")
            return LabelledImage(file_id, path, Spot(path), faults=[fault], usable=False)
        if path is None and self._reading.images:
            what = f"no such image; tried {self.folder / file_id}.*"
            return Fault("no-image", Spot(label), what, "warning")
        image = LabelledImage(file_id, path or self.folder / f"{file_id}.jpg", Spot(label))
        labels = self._read(label)
        if isinstance(labels, UserError):
            image.unreadable(labels, label)
        else:
            image.objects, image.faults = labels.objects, labels.faults
        return image

    def leftovers(self) -> Iterator[Fault]:
        """Yield nothing: the scan accounts for every file."""
        return iter(())

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
        """Write them as COCO, as this layout has no splits."""
        write_splits_as_coco(splits, self.classes, out, relative=self.relative)


def read_text_labels(path: Path) -> TextLabels:
    """Read a label file.

    Raises:
        UserError: the file cannot be read or is not text.
    """
    objects: list[LabelledObject] = []
    faults: list[Fault] = []
    for line, text in enumerate(read_lines(path), start=1):
        if text:
            item = _object(path, line, text.split())
            if isinstance(item, LabelledObject):
                objects.append(item)
            else:
                faults.append(item)
            check_counts(path, len(objects), len(faults))
    return TextLabels(tuple(objects), tuple(faults))


def _object(path: Path, line: int, columns: list[str]) -> LabelledObject | Fault:
    """The object in a line, or what is wrong with it."""
    columns, difficult = _without_flag(columns)
    spot = Spot(path, line)
    name = " ".join(columns[:-_NUMBERS])
    values = [number(text) for text in columns[-_NUMBERS:]]
    if not name or None in values:
        what = "not 'class left top right bottom' with an optional 'difficult'"
        return Fault("label-syntax", spot, what)
    if len(columns) > _NUMBERS + 1 and number(columns[-_NUMBERS - 1]) is not None:
        what = "five numbers: the score of a detection does not belong in a label"
        return Fault("label-syntax", spot, what)
    left, top, right, bottom = corners = [value for value in values if value is not None]
    if right < left or bottom < top:
        what = f"{written(corners)} has swapped corners"
        what += ": left, top, right, bottom are wanted, not width and height"
        return Fault("box-swapped", spot, what, numbers=tuple(corners))
    box = (left - 1, top - 1, right, bottom)
    return LabelledObject(spot, name, box, (left, top, right, bottom), difficult)


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
    objects: list[LabelledObject] = []
    faults = 0
    for path in islice(_label_files(folder), _SNIFFED_FILES):
        try:
            labels = read_text_labels(path)
        except UserError:
            continue  # an error of its own when it is read
        objects += labels.objects
        faults += len(labels.faults)
    named = [item for item in objects if number(item.name) is None]
    farthest = max((max(item.written) for item in named), default=0.0)
    return len(named) > faults + len(objects) - len(named) and farthest > _LARGEST_FRACTION


FORMAT = Format(
    name="text",
    open=open_reader,
    looked_for="ground-truth/*.txt with lines 'class left top right bottom' (text)",
)
