"""Create ML: a JSON list of images, ``[{"image": "a.jpg", "annotations": […]}]``.

An annotation is ``{"label": "cat", "coordinates": {"x": …, "y": …, "width": …, "height": …}}``,
with the centre of the box and its size in pixels. Recognised are files of any name in the
dataset's folder, its folders of labels and images, and those of its splits
(``train/_annotations.createml.json``). An image without annotations has no objects.

Source: https://developer.apple.com/documentation/createml/building-an-object-detector-data-source
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path

from yolo_cli.data.formats.coco_json import MAX_FAULTS_OF_ALL
from yolo_cli.data.formats.common import brief, check_counts, is_text, number
from yolo_cli.data.formats.documents import Document, DocumentReader, Entry, numbers_as_texts
from yolo_cli.data.formats.json_head import json_head
from yolo_cli.data.formats.json_read import JsonSpot, is_number, kind, read_json
from yolo_cli.data.formats.label_files import find_label_files
from yolo_cli.data.formats.scan import Fault, Format, LabelledObject, Reading, Spot
from yolo_cli.errors import UserError

_IMAGE = ("image", "imagefilename", "imageFilename", "filename")
_ANNOTATIONS = ("annotations", "annotation")
_SIDES = ("x", "y", "width", "height")
_WANTED = "wanted is a list of {'image': …, 'annotations': […]}"


def open_reader(root: Path, reading: Reading) -> DocumentReader | None:
    """Return the reader of a folder with such files; None if there are none."""
    files = find_label_files(root, _is_createml)
    return DocumentReader(root, files, read_createml, reading, form="centre") if files else None


def _is_createml(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    head = json_head(path)
    known = not (head.inner.isdisjoint(_IMAGE) or head.inner.isdisjoint(_ANNOTATIONS))
    return head.opens == "[" and known


def read_createml(path: Path) -> Document:
    """Read a file.

    Raises:
        UserError: it cannot be read, is not JSON, or no list.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise UserError(f"{kind(content)} where a list should be", _WANTED, path=path)
    reader = _Reader(path)
    for index, record in enumerate(content):
        reader.add(f"[{index}]", record)
    return Document(reader.entries, [*reader.stray, *numbers_as_texts(reader.texts)])


class _Reader:
    """Reads the entries of a file.

    Attributes:
        entries: in the order of the file.
        stray: what is wrong with entries that name no image.
        texts: places of numbers that are written as text, one a box.
    """

    def __init__(self, path: Path) -> None:
        self.entries: list[Entry] = []
        self.stray: list[Fault] = []
        self.texts: list[Spot] = []
        self._path = path
        self._places = 0
        self._broken = 0

    def add(self, place: str, record: object) -> None:
        """Read an entry.

        Raises:
            UserError: too much is broken.
        """
        spot = self._spot(place)
        key, name = _first(record, _IMAGE)
        if not isinstance(name, str) or not name.strip():
            what = f"its {key} {brief(name)} is no file name" if key else "names no image"
            self.stray.append(Fault("label-syntax", spot, what))
            self._count(1)
            return
        objects: list[LabelledObject] = []
        faults: list[Fault] = []
        key, annotations = _first(record, _ANNOTATIONS)
        if not isinstance(annotations, list):
            what = f"has {kind(annotations)} for its {key}" if key else "has no annotations"
            faults.append(Fault("label-syntax", spot, what))
            annotations = []
        for index, annotation in enumerate(annotations):
            found = self._object(f"{place}.{key}[{index}]", annotation)
            if isinstance(found, Fault):
                faults.append(found)
            else:
                objects.append(found)
        check_counts(self._path, len(objects), 0)
        self._count(len(faults))
        self.entries.append(Entry(name.strip(), spot, objects, faults))

    def _object(self, place: str, annotation: object) -> LabelledObject | Fault:
        """The object, or what is wrong with it."""
        spot = self._spot(place)
        if not isinstance(annotation, dict):
            return Fault("label-syntax", spot, f"{kind(annotation)} where an object should be")
        label = annotation.get("label")
        name = " ".join(label.split()) if isinstance(label, str) else ""
        if not name or not is_text(name):
            return Fault("class-unknown", spot, f"its label {brief(label)} names no class")
        coordinates = annotation.get("coordinates")
        spot = self._spot(f"{place}.coordinates")
        if not isinstance(coordinates, dict):
            what = f"{kind(coordinates)} where x, y, width and height should be"
            return Fault("label-syntax", spot, what)
        values = [_number(coordinates.get(side)) for side in _SIDES]
        numbers = [value for value in values if value is not None]
        if len(numbers) < len(_SIDES):
            side = _SIDES[values.index(None)]
            if side not in coordinates:
                return Fault("label-syntax", spot, f"has no {side}")
            what = f"{side} {brief(coordinates[side])} is no number"
            return Fault("label-syntax", spot, what)
        if any(isinstance(coordinates[side], str) for side in _SIDES):
            self.texts.append(spot)
        x, y, width, height = numbers
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return LabelledObject(spot, name, box, (x, y, width, height))

    def _spot(self, place: str) -> JsonSpot:
        self._places += 1
        return JsonSpot(self._path, self._places, place=place)

    def _count(self, broken: int) -> None:
        self._broken += broken
        check_counts(self._path, 0, self._broken, MAX_FAULTS_OF_ALL)


def _first(record: object, keys: tuple[str, ...]) -> tuple[str, object]:
    """The first of some keys that an object has, and its value; "" if it has none."""
    if isinstance(record, Mapping):
        for key in keys:
            if key in record:
                return key, record[key]
    return "", None


def _number(value: object) -> float | None:
    """A number, also one that is written as text."""
    if is_number(value):
        try:
            return float(value)
        except OverflowError:
            return inf
    return number(value) if isinstance(value, str) else None


FORMAT = Format(
    name="createml",
    open=open_reader,
    looked_for="a JSON list of images with annotations (Create ML)",
)
