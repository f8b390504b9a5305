"""One COCO annotation file, as published at https://cocodataset.org/#format-data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from yolo_cli.data.formats.coco_lines import EntryLines, EntrySpot, ListName
from yolo_cli.data.formats.common import RENAME_HINT, Key, brief, check_counts, is_text
from yolo_cli.data.formats.json_read import is_number, kind, read_json
from yolo_cli.data.formats.scan import Fault, LabelledObject, Spot
from yolo_cli.errors import UserError

MAX_FAULTS_OF_ALL = 100_000
"""An annotation file with more broken entries than this is none."""


@dataclass(frozen=True)
class CocoImage:
    """An entry of ``images``.

    Attributes:
        key: its ``id``.
        file_name: as written.
        spot: where it stands.
        size: its (``width``, ``height``); None if one of them is missing or no number.
    """

    key: Key
    file_name: str
    spot: EntrySpot
    size: tuple[float, float] | None = None


@dataclass(frozen=True)
class CocoDocument:
    """What a reader needs of an annotation file.

    Attributes:
        path: the file.
        categories: names by id.
        declared: where each name is declared first.
        images: in the order of the file.
        objects: those that could be read, by image; boxes are written as (x, y, width, height).
        faults: one for each object that could not, by image.
        stray: one for each image and object that belongs nowhere.
    """

    path: Path
    categories: Mapping[Key, str]
    declared: Mapping[str, Spot]
    images: tuple[CocoImage, ...]
    objects: Mapping[Key, list[LabelledObject]]
    faults: Mapping[Key, list[Fault]]
    stray: tuple[Fault, ...]

    @property
    def is_labelled(self) -> bool:
        """Whether it has any annotation, sound or not."""
        return bool(self.objects or self.faults or self.stray)


def read_document(path: Path) -> CocoDocument:
    """Read an annotation file.

    Raises:
        UserError: the file cannot be read, is not JSON, or has no images, annotations or
            categories.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(
            f"not a COCO dataset ({kind(content)} where an object should be)",
            "a dataset has 'images', 'annotations' and 'categories'",
            path=path,
        )
    lines = EntryLines(path)
    categories, declared = _categories(lines, path, _list(path, content, "categories"))
    stray: list[Fault] = []
    images: dict[Key, CocoImage] = {}
    for index, record in enumerate(_list(path, content, "images")):
        image = _image(_spot(lines, path, "image", index, record), record)
        if isinstance(image, Fault):
            stray.append(image)
        elif image.key in images:
            stray.append(Fault("id-repeated", image.spot, "the same id as another image"))
        else:
            images[image.key] = image
    objects: dict[Key, list[LabelledObject]] = {}
    faults: dict[Key, list[Fault]] = {}
    broken = 0
    for index, record in enumerate(_list(path, content, "annotations")):
        spot = _spot(lines, path, "annotation", index, record)
        key = record.get("image_id") if isinstance(record, dict) else None
        if not _is_key(key) or key not in images:
            stray.append(Fault("no-image", spot, f"no image has its image_id {brief(key)}"))
        else:
            item = _object(spot, record, categories)
            if isinstance(item, LabelledObject):
                objects.setdefault(key, []).append(item)
            else:
                faults.setdefault(key, []).append(item)
                broken += 1
        check_counts(path, 0, broken + len(stray), MAX_FAULTS_OF_ALL)
    return CocoDocument(
        path, categories, declared, tuple(images.values()), objects, faults, tuple(stray)
    )


def _list(path: Path, content: dict[str, object], key: str) -> list[object]:
    value = content.get(key)
    if not isinstance(value, list):
        what = "has no" if value is None else f"has {kind(value)} for"
        raise UserError(
            f"{what} {key!r}", "a dataset has 'images', 'annotations' and 'categories'", path=path
        )
    return value


def _categories(
    lines: EntryLines, path: Path, records: list[object]
) -> tuple[dict[Key, str], dict[str, Spot]]:
    """Names by id, and the place of each name."""
    found: dict[Key, str] = {}
    declared: dict[str, Spot] = {}
    for index, record in enumerate(records):
        spot = _spot(lines, path, "category", index, record)
        key = record.get("id") if isinstance(record, dict) else None
        name = record.get("name") if isinstance(record, dict) else None
        if not _is_key(key) or not isinstance(name, str) or not name.strip():
            what = f"category {index} (from 0) lacks an id or a name"
            raise UserError(what, path=path, line=spot.line)
        name = " ".join(name.split())
        if not is_text(name):
            what = f"class name {name!r} is not valid Unicode"
            raise UserError(what, RENAME_HINT, path=path, line=spot.line)
        if found.setdefault(key, name) != name:
            what = f"category {key!r} is both {found[key]!r} and {name!r}"
            raise UserError(what, path=path, line=spot.line)
        declared.setdefault(name, spot)
    return found, declared


def _image(spot: EntrySpot, record: object) -> CocoImage | Fault:
    if not isinstance(record, dict) or not _is_key(record.get("id")):
        return Fault("label-syntax", spot, "has no id")
    file_name = record.get("file_name")
    if not isinstance(file_name, str) or not file_name:
        return Fault("label-syntax", spot, "has no file_name")
    return CocoImage(record["id"], file_name, spot, _size(record))


def _size(record: dict[str, object]) -> tuple[float, float] | None:
    width, height = record.get("width"), record.get("height")
    try:
        return (float(width), float(height)) if is_number(width) and is_number(height) else None
    except OverflowError:
        return None


def _object(
    spot: EntrySpot, record: object, categories: Mapping[Key, str]
) -> LabelledObject | Fault:
    """The object, or what is wrong with it."""
    assert isinstance(record, dict)  # it has an image_id
    category = record.get("category_id")
    if not _is_key(category) or category not in categories:
        return Fault("class-unknown", spot, f"no category has its category_id {brief(category)}")
    bbox = record.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_number, bbox)):
        what = f"its bbox {brief(bbox)} is not [x, y, width, height]"
        return Fault("label-syntax", spot, what)
    try:
        x, y, width, height = map(float, bbox)
    except OverflowError:
        return Fault("label-syntax", spot, f"its bbox {brief(bbox)} is not finite")
    if width < 0 or height < 0:
        what = f"its bbox has a negative size ({width:g} x {height:g})"
        return Fault("box-swapped", spot, what, numbers=(x, y, width, height))
    return LabelledObject(
        spot,
        categories[category],
        box=(x, y, x + width, y + height),
        written=(x, y, width, height),
        crowd=record.get("iscrowd") in (1, "1"),
        area=_area(record.get("area")),
    )


def _area(value: object) -> float | None:
    """A usable area; boxes are what counts, so a bad area is as good as none."""
    if not is_number(value) or not 0 <= value < 1e18:  # also false for NaN
        return None
    return float(value)


def _spot(lines: EntryLines, path: Path, kind: ListName, index: int, record: object) -> EntrySpot:
    key = record.get("id") if isinstance(record, dict) else None
    return EntrySpot(path, index, kind=kind, key=key, lines=lines)


def _is_key(value: object) -> TypeGuard[Key]:
    return isinstance(value, int | str) and not isinstance(value, bool)
