"""One COCO annotation file, as published at https://cocodataset.org/#format-data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeGuard

from yolo_cli.data.formats.common import Box, Fault, FaultKind, Key, brief, check_counts
from yolo_cli.data.formats.files import read_bytes
from yolo_cli.errors import ExitCode, UserError

MAX_JSON_BYTES = 2 * 1024**3
"""Largest annotation file that is read."""

MAX_FAULTS_OF_ALL = 100_000
"""An annotation file with more broken entries than this is none."""


ListName: TypeAlias = Literal["image", "annotation"]
"""What a list of the file holds."""


@dataclass(frozen=True)
class Place:
    """Where in a file something stands; as text it is what messages begin with.

    Attributes:
        path: the file.
        kind: what the list holds.
        index: place in the list, from 0.
        key: the entry's ``id``, as it is written.
    """

    path: Path
    kind: ListName
    index: int
    key: str

    @property
    def item(self) -> str:
        """The entry, without the file."""
        return f"{self.kind} {self.index} (from 0; id {self.key})"

    def __str__(self) -> str:
        return f"{self.path}: {self.item}"

    def fault(self, kind: FaultKind, what: str, numbers: tuple[float, ...] = ()) -> Fault:
        """What is wrong with the entry."""
        return Fault(kind, self.path, 0, what, self.item, self.index, numbers)


@dataclass(frozen=True)
class CocoImage:
    """An entry of ``images``.

    Attributes:
        key: its ``id``.
        file_name: as written.
        where: it stands.
        size: its (``width``, ``height``); None if one of them is missing or no number.
    """

    key: Key
    file_name: str
    where: Place
    size: tuple[float, float] | None = None


@dataclass(frozen=True)
class CocoObject:
    """An entry of ``annotations``.

    Attributes:
        category: its ``category_id``.
        box: [x, y, x + w, y + h].
        crowd: ``iscrowd``.
        area: as annotated; None where it is missing or no area.
        where: it stands.
    """

    category: Key
    box: Box
    crowd: bool
    area: float | None
    where: Place


@dataclass(frozen=True)
class Document:
    """What a reader needs of an annotation file.

    Attributes:
        path: the file.
        categories: names by id.
        images: in the order of the file.
        objects: those that could be read, by image.
        faults: one for each object that could not, by image.
        stray: one for each image and object that belongs nowhere.
    """

    path: Path
    categories: Mapping[Key, str]
    images: tuple[CocoImage, ...]
    objects: Mapping[Key, list[CocoObject]]
    faults: Mapping[Key, list[Fault]]
    stray: tuple[Fault, ...]


def read_document(path: Path) -> Document:
    """Reads an annotation file.

    Raises:
        UserError: the file cannot be read, is not JSON, or has no images, annotations or
            categories.
    """
    content = _parse(path)
    if not isinstance(content, dict):
        raise UserError(
            f"{path}: not a COCO dataset ({_kind(content)} where an object should be)",
            "a dataset has 'images', 'annotations' and 'categories'",
        )
    categories = _categories(path, _list(path, content, "categories"))
    stray: list[Fault] = []
    images: dict[Key, CocoImage] = {}
    for index, record in enumerate(_list(path, content, "images")):
        image = _image(path, index, record)
        if isinstance(image, Fault):
            stray.append(image)
        elif image.key in images:
            stray.append(image.where.fault("repeated", "the same id as another image"))
        else:
            images[image.key] = image
    objects: dict[Key, list[CocoObject]] = {}
    faults: dict[Key, list[Fault]] = {}
    broken = 0
    for index, record in enumerate(_list(path, content, "annotations")):
        where = _where(path, "annotation", index, record)
        key = record.get("image_id") if isinstance(record, dict) else None
        if not _is_key(key) or key not in images:
            stray.append(where.fault("missing", f"its image_id {brief(key)} is no image's"))
            check_counts(path, 0, broken + len(stray), MAX_FAULTS_OF_ALL)
            continue
        item = _object(where, record, categories)
        if isinstance(item, CocoObject):
            objects.setdefault(key, []).append(item)
        else:
            faults.setdefault(key, []).append(item)
            broken += 1
        check_counts(path, 0, broken + len(stray), MAX_FAULTS_OF_ALL)
    return Document(path, categories, tuple(images.values()), objects, faults, tuple(stray))


def _parse(path: Path) -> object:
    data = read_bytes(path, MAX_JSON_BYTES)
    if not data.strip():
        raise UserError(f"{path}: empty annotation file")
    try:
        content: object = json.loads(data)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}:{error.lineno}: broken JSON (column {error.colno}: {error.msg})",
            "the file is cut off or was edited by hand: get an intact copy",
        ) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8 text", "save the file as UTF-8") from error
    except RecursionError as error:
        raise UserError(f"{path}: JSON nested too deeply to be a dataset") from error
    except MemoryError as error:
        raise UserError(f"{path}: not enough memory to read it", code=ExitCode.FAILURE) from error
    except ValueError as error:  # a number of thousands of digits
        raise UserError(f"{path}: broken JSON ({error})") from error
    return content


def _list(path: Path, content: dict[str, object], key: str) -> list[object]:
    value = content.get(key)
    if not isinstance(value, list):
        what = "has no" if value is None else f"has {_kind(value)} for"
        raise UserError(
            f"{path}: {what} {key!r}", "a dataset has 'images', 'annotations' and 'categories'"
        )
    return value


def _categories(path: Path, records: list[object]) -> dict[Key, str]:
    found: dict[Key, str] = {}
    for index, record in enumerate(records):
        key = record.get("id") if isinstance(record, dict) else None
        name = record.get("name") if isinstance(record, dict) else None
        if not _is_key(key) or not isinstance(name, str) or not name.strip():
            raise UserError(f"{path}: category {index} (from 0) lacks an id or a name")
        name = " ".join(name.split())
        if found.setdefault(key, name) != name:
            raise UserError(f"{path}: category {key!r} is both {found[key]!r} and {name!r}")
    return found


def _image(path: Path, index: int, record: object) -> CocoImage | Fault:
    where = _where(path, "image", index, record)
    if not isinstance(record, dict) or not _is_key(record.get("id")):
        return where.fault("syntax", "has no id")
    file_name = record.get("file_name")
    if not isinstance(file_name, str) or not file_name:
        return where.fault("syntax", "has no file_name")
    return CocoImage(record["id"], file_name, where, _size(record))


def _size(record: dict[str, object]) -> tuple[float, float] | None:
    width, height = record.get("width"), record.get("height")
    try:
        return (float(width), float(height)) if _is_number(width) and _is_number(height) else None
    except OverflowError:
        return None


def _object(where: Place, record: object, categories: Mapping[Key, str]) -> CocoObject | Fault:
    """The object, or what is wrong with it."""
    if not isinstance(record, dict):
        return where.fault("syntax", "not an object")
    category = record.get("category_id")
    if not _is_key(category) or category not in categories:
        return where.fault("class", f"its category_id {brief(category)} is no category's")
    bbox = record.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
        return where.fault("syntax", f"its bbox {brief(bbox)} is not [x, y, width, height]")
    try:
        x, y, width, height = map(float, bbox)
    except OverflowError:
        return where.fault("syntax", f"its bbox {brief(bbox)} is not finite")
    if width < 0 or height < 0:
        what = f"its bbox has a negative size ({width:g} x {height:g})"
        return where.fault("swapped", what, (x, y, width, height))
    return CocoObject(
        category=category,
        box=(x, y, x + width, y + height),
        crowd=record.get("iscrowd") in (1, "1"),
        area=_area(record.get("area")),
        where=where,
    )


def _area(value: object) -> float | None:
    """A usable area; boxes are what counts, so a bad area is as good as none."""
    if not _is_number(value) or not 0 <= value < 1e18:  # also false for NaN
        return None
    return float(value)


def _where(path: Path, kind: ListName, index: int, record: object) -> Place:
    key = record.get("id") if isinstance(record, dict) else None
    return Place(path, kind, index, brief(key))


def _kind(value: object) -> str:
    names: dict[type, str] = {list: "a list", dict: "an object", str: "a text", type(None): "null"}
    return names.get(type(value), "a number")


def _is_key(value: object) -> TypeGuard[Key]:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
