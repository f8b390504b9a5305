"""One COCO annotation file, as published at https://cocodataset.org/#format-data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from yolo_cli.data.formats.common import Box, read_bytes
from yolo_cli.errors import ExitCode, UserError

MAX_JSON_BYTES = 2 * 1024**3
"""Largest annotation file that is read."""

Key = int | str


@dataclass(frozen=True)
class CocoImage:
    """An entry of ``images``; `where` names it in messages."""

    key: Key
    file_name: str
    where: str


@dataclass(frozen=True)
class CocoObject:
    """An entry of ``annotations``.

    Attributes:
        category: its ``category_id``.
        box: [x, y, x + w, y + h].
        crowd: ``iscrowd``.
        area: as annotated; None where it is missing or no area.
        where: names it in messages.
    """

    category: Key
    box: Box
    crowd: bool
    area: float | None
    where: str


@dataclass(frozen=True)
class Document:
    """What a reader needs of an annotation file.

    Attributes:
        path: the file.
        categories: names by id.
        images: in the order of the file.
        objects: those that could be read, by image.
        faults: a line for each object that could not, by image.
        stray: a line for each image and object that belongs nowhere.
    """

    path: Path
    categories: Mapping[Key, str]
    images: tuple[CocoImage, ...]
    objects: Mapping[Key, list[CocoObject]]
    faults: Mapping[Key, list[str]]
    stray: tuple[str, ...]


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
    stray: list[str] = []
    images: dict[Key, CocoImage] = {}
    for index, record in enumerate(_list(path, content, "images")):
        image = _image(path, index, record)
        if isinstance(image, str):
            stray.append(image)
        elif image.key in images:
            stray.append(f"{image.where}: the same id as another image")
        else:
            images[image.key] = image
    objects: dict[Key, list[CocoObject]] = {}
    faults: dict[Key, list[str]] = {}
    for index, record in enumerate(_list(path, content, "annotations")):
        where = _where(path, "annotation", index, record)
        key = record.get("image_id") if isinstance(record, dict) else None
        if not _is_key(key) or key not in images:
            stray.append(f"{where}: its image_id {key!r:.40} is no image's")
            continue
        item = _object(where, record, categories)
        if isinstance(item, CocoObject):
            objects.setdefault(key, []).append(item)
        else:
            faults.setdefault(key, []).append(f"{where}: {item}")
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


def _image(path: Path, index: int, record: object) -> CocoImage | str:
    where = _where(path, "image", index, record)
    if not isinstance(record, dict) or not _is_key(record.get("id")):
        return f"{where}: has no id"
    file_name = record.get("file_name")
    if not isinstance(file_name, str) or not file_name:
        return f"{where}: has no file_name"
    return CocoImage(record["id"], file_name, where)


def _object(where: str, record: object, categories: Mapping[Key, str]) -> CocoObject | str:
    """The object, or what is wrong with it."""
    if not isinstance(record, dict):
        return "not an object"
    category = record.get("category_id")
    if not _is_key(category) or category not in categories:
        return f"its category_id {category!r:.40} is no category's"
    bbox = record.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
        return f"its bbox {bbox!r:.60} is not [x, y, width, height]"
    try:
        x, y, width, height = map(float, bbox)
    except OverflowError:
        return f"its bbox {bbox!r:.60} is not finite"
    if width < 0 or height < 0:
        return f"its bbox has a negative size ({width:g} x {height:g})"
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


def _where(path: Path, what: str, index: int, record: object) -> str:
    key = record.get("id") if isinstance(record, dict) else None
    return f"{path}: {what} {index} (from 0; id {key!r:.40})"


def _kind(value: object) -> str:
    names: dict[type, str] = {list: "a list", dict: "an object", str: "a text", type(None): "null"}
    return names.get(type(value), "a number")


def _is_key(value: object) -> TypeGuard[Key]:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
