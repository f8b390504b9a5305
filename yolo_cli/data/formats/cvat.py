"""CVAT for images 1.1: one XML file for many images.

Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/. The file lies in the
dataset's folder, in one of labels or in that of a split; the images beside it or in ``images/``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from yolo_cli.data.formats.common import check_counts, number
from yolo_cli.data.formats.cvat_shapes import SHAPES, SKIPPED, read_shape
from yolo_cli.data.formats.documents import Document, DocumentReader, Entry
from yolo_cli.data.formats.json_fields import class_name, image_name
from yolo_cli.data.formats.label_files import LabelFile, find_label_files, image_folders
from yolo_cli.data.formats.repeated import Notes
from yolo_cli.data.formats.scan import Fault, Format, LabelledObject, Reading, Spot
from yolo_cli.data.formats.xml_read import XmlBuilder, read_xml, root_element
from yolo_cli.errors import UserError

MAX_XML_BYTES = 1024**3
"""Largest annotation file that is read."""

_MAX_FAULTS = 100_000
_TRIED = 20  # XML files of a folder that are looked into; VOC has thousands
_WITHOUT_BOXES = frozenset({"tag", "points", "polyline", "skeleton", "cuboid"})


def open_reader(root: Path, reading: Reading) -> DocumentReader | None:
    """Return the reader of a folder with such a file; None if there is none."""
    files = find_label_files(root, _chooser())
    return _reader(root, files, reading) if files else None


def open_xml(path: Path, reading: Reading) -> DocumentReader:
    """Return the reader of a single annotation file."""
    root = path.parent
    return _reader(root, [LabelFile("", path, image_folders(root, path, ""))], reading)


def _reader(root: Path, files: list[LabelFile], reading: Reading) -> DocumentReader:
    return DocumentReader(root, files, read_document, reading, form="corners")


def _chooser() -> Callable[[Path], bool]:
    tried: Counter[Path] = Counter()

    def wanted(path: Path) -> bool:
        if path.suffix.lower() != ".xml":
            return False
        tried[path.parent] += 1
        likely = path.stem.lower().startswith("annotations") or tried[path.parent] <= _TRIED
        return likely and root_element(path) == "annotations"

    return wanted


def read_document(path: Path) -> Document:
    """Read an annotation file.

    Raises:
        UserError: it cannot be read, is not XML, declares entities, or is another export of CVAT.
    """
    builder = _Builder(path)
    read_xml(path, builder, MAX_XML_BYTES)
    if builder.root != "annotations":
        raise UserError(f"not CVAT's annotations (its root element is <{builder.root}>)", path=path)
    return Document(builder.entries, [*builder.stray, *builder.notes.faults], builder.declared)


class _Builder(XmlBuilder):
    """Keeps ``<image>`` with its shapes, and the labels of ``<meta>``."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.entries: list[Entry] = []
        self.stray: list[Fault] = []
        self.declared: dict[str, Spot] = {}
        self.notes = Notes()
        self._objects: list[LabelledObject] = []
        self._faults: list[Fault] = []
        self._size: tuple[float, float] | None = None
        self._broken = 0
        self._label: dict[str, str] = {}

    def begin(self, attributes: dict[str, str]) -> None:
        depth = len(self.path)
        if depth == 2 and self.path[1] == "image":
            self._image(attributes)
        elif depth == 3 and self.path[1] == "image":
            self._shape(self.path[2], attributes)
        elif depth == 2 and self.path[1] == "track":
            raise UserError(
                "CVAT for video 1.1 is not read",
                "export the task as 'CVAT for images 1.1'",
                path=self.file,
                line=self.line,
            )
        elif self.path[-2:] == ["labels", "label"]:
            self._label = {}

    def finish(self) -> None:
        if self.path[1:2] != ["meta"] or self.path[3:5] != ["labels", "label"]:
            return  # meta/task/labels/label, or meta/project/...
        if len(self.path) == 6:
            self._label[self.path[5]] = self.text
        elif len(self.path) == 5:
            name = class_name(self._label.get("name"))
            has_boxes = self._label.get("type", "").lower() not in _WITHOUT_BOXES
            if name is not None and has_boxes and not self._label.get("parent"):
                self.declared.setdefault(name, Spot(self.file, self.line))

    def _image(self, attributes: Mapping[str, str]) -> None:
        spot = Spot(self.file, self.line)
        width, height = (number(attributes.get(side, "")) for side in ("width", "height"))
        self._size = None if width is None or height is None else (width, height)
        self._objects, self._faults = [], []
        name = image_name(attributes.get("name"))
        if name is None:
            self.stray.append(Fault("label-syntax", spot, "image without a name"))
            self._count()
            return
        subset = attributes.get("subset", "").strip()
        split = "" if subset.lower() == "default" else subset
        self.entries.append(Entry(name, spot, self._objects, self._faults, self._size, split))

    def _shape(self, tag: str, attributes: Mapping[str, str]) -> None:
        spot = Spot(self.file, self.line)
        if tag in SKIPPED:
            self.notes.add("shape-skipped", spot, f"a <{tag}> has no box, and is skipped", tag)
        elif tag in SHAPES:
            item = read_shape(spot, tag, attributes, self._size)
            if isinstance(item, Fault):
                self._faults.append(item)
                self._count()
                return
            self._objects.append(item)
            check_counts(self.file, len(self._objects), 0)
            if number(attributes.get("rotation", "")):
                what = f"a rotated <{tag}> is read as its upright hull"
                self.notes.add("box-rotated", spot, what)

    def _count(self) -> None:
        self._broken += 1
        check_counts(self.file, 0, self._broken, _MAX_FAULTS)


FORMAT = Format(
    name="cvat",
    open=open_reader,
    looked_for="annotations.xml (CVAT for images 1.1)",
    suffixes=frozenset({".xml"}),
    open_file=open_xml,
)
"""The format's record."""
