"""One COCO annotation file, as published at https://cocodataset.org/#format-data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.coco_lines import EntryLines, EntrySpot, ListName
from yolo_cli.data.formats.coco_quoted import Quoted, is_key
from yolo_cli.data.formats.common import RENAME_HINT, Key, brief, check_counts, is_text
from yolo_cli.data.formats.json_read import is_number, kind, read_json
from yolo_cli.data.formats.outlines import read_outlines
from yolo_cli.data.formats.scan import Fault, LabelledObject, Spot
from yolo_cli.errors import UserError

MAX_FAULTS_OF_ALL = 100_000
"""An annotation file with more broken entries than this is none."""

_SET = (1, "1")  # what a flag is written as, true included


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
        parents: names of the super-categories by the id of the category.
        used: ids of the categories that annotations name, sound or not.
        images: in the order of the file.
        objects: those that could be read, by image; boxes are written as (x, y, width, height).
        faults: one for each object that could not, by image.
        stray: one for each image and object that belongs nowhere.
        notes: what is odd and was read all the same.
    """

    path: Path
    categories: Mapping[Key, str]
    declared: Mapping[str, Spot]
    parents: Mapping[Key, str]
    used: frozenset[Key]
    images: tuple[CocoImage, ...]
    objects: Mapping[Key, list[LabelledObject]]
    faults: Mapping[Key, list[Fault]]
    stray: tuple[Fault, ...]
    notes: tuple[Fault, ...]

    @property
    def is_labelled(self) -> bool:
        """Whether it has any annotation, sound or not."""
        return bool(self.objects or self.faults or self.stray)


def read_document(path: Path, *, outlines: bool = False) -> CocoDocument:
    """Read an annotation file, with the objects' outlines if asked for.

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
    categories = _categories(lines, path, _list(path, content, "categories"))
    quoted = Quoted()
    stray: list[Fault] = []
    images: dict[Key, CocoImage] = {}
    for index, record in enumerate(_list(path, content, "images")):
        image = _image(_spot(lines, path, "images", index, record), record, quoted)
        if isinstance(image, Fault):
            stray.append(image)
        elif image.key in images:
            stray.append(Fault("id-repeated", image.spot, "the same id as another image"))
        else:
            images[image.key] = image
    labels = _Labels(outlines)
    for index, record in enumerate(_list(path, content, "annotations")):
        spot = _spot(lines, path, "annotations", index, record, part="bbox")
        labels.add(spot, record if isinstance(record, dict) else {}, images, categories, quoted)
        check_counts(path, 0, labels.broken + len(stray), MAX_FAULTS_OF_ALL)
    return CocoDocument(
        path=path,
        categories=categories.names,
        declared=categories.declared,
        parents=categories.parents,
        used=frozenset(labels.used),
        images=tuple(images.values()),
        objects=labels.objects,
        faults=labels.faults,
        stray=(*stray, *labels.stray),
        notes=tuple(quoted.faults),
    )


@dataclass
class _Labels:
    """The annotations of a file, see :class:`CocoDocument`; `broken` counts those with a fault."""

    outlines: bool = False
    objects: dict[Key, list[LabelledObject]] = field(default_factory=dict)
    faults: dict[Key, list[Fault]] = field(default_factory=dict)
    stray: list[Fault] = field(default_factory=list)
    used: set[Key] = field(default_factory=set)
    broken: int = 0

    def add(
        self,
        spot: EntrySpot,
        record: dict[str, object],
        images: Mapping[Key, object],
        categories: _Categories,
        quoted: Quoted,
    ) -> None:
        """Take an annotation; `spot` is that of its box."""
        wanted = record.get("image_id")
        image = quoted.known(wanted, images, spot, "image_id")
        if image is None:
            what = f"no image has its image_id {brief(wanted)}"
            self.stray.append(Fault("no-image", spot.at("image_id"), what))
            self.broken += 1
            return
        category = quoted.known(record.get("category_id"), categories.names, spot, "category_id")
        if category is not None:
            self.used.add(category)
        item = _object(spot, record, category, categories.names, quoted)
        if isinstance(item, LabelledObject):
            if self.outlines:
                item.outlines = read_outlines(record.get("segmentation"))
            self.objects.setdefault(image, []).append(item)
        else:
            self.faults.setdefault(image, []).append(item)
            self.broken += 1


def _list(path: Path, content: dict[str, object], key: str) -> list[object]:
    value = content.get(key)
    if not isinstance(value, list):
        what = "has no" if value is None else f"has {kind(value)} for"
        raise UserError(
            f"{what} {key!r}", "a dataset has 'images', 'annotations' and 'categories'", path=path
        )
    return value


@dataclass(frozen=True)
class _Categories:
    """The categories of a file, see :class:`CocoDocument`."""

    names: dict[Key, str] = field(default_factory=dict)
    declared: dict[str, Spot] = field(default_factory=dict)
    parents: dict[Key, str] = field(default_factory=dict)


def _categories(lines: EntryLines, path: Path, records: list[object]) -> _Categories:
    found = _Categories()
    for index, record in enumerate(records):
        spot = _spot(lines, path, "categories", index, record)
        key = record.get("id") if isinstance(record, dict) else None
        name = record.get("name") if isinstance(record, dict) else None
        if not is_key(key) or not isinstance(name, str) or not name.strip():
            raise UserError(f"{spot.item} lacks an id or a name", path=path, line=spot.line)
        name = " ".join(name.split())
        if not is_text(name):
            what = f"class name {name!r} is not valid Unicode"
            raise UserError(what, RENAME_HINT, path=path, line=spot.line)
        if found.names.setdefault(key, name) != name:
            what = f"category {key!r} is both {found.names[key]!r} and {name!r}"
            raise UserError(what, path=path, line=spot.line)
        found.declared.setdefault(name, spot)
        parent = record.get("supercategory") if isinstance(record, dict) else None
        if isinstance(parent, str):
            found.parents.setdefault(key, " ".join(parent.split()))
    return found


def _image(spot: EntrySpot, record: object, quoted: Quoted) -> CocoImage | Fault:
    if not isinstance(record, dict) or not is_key(record.get("id")):
        return Fault("label-syntax", spot, "has no id")
    file_name = record.get("file_name")
    if not isinstance(file_name, str) or not file_name:
        return Fault("label-syntax", spot, "has no file_name")
    return CocoImage(record["id"], file_name, spot, _size(spot, record, quoted))


def _size(spot: EntrySpot, record: dict[str, object], quoted: Quoted) -> tuple[float, float] | None:
    width, height = (quoted.number(record.get(name), spot, name) for name in ("width", "height"))
    try:
        return None if width is None or height is None else (float(width), float(height))
    except OverflowError:
        return None


def _object(
    spot: EntrySpot,
    record: dict[str, object],
    category: Key | None,
    names: Mapping[Key, str],
    quoted: Quoted,
) -> LabelledObject | Fault:
    """The object, or what is wrong with it; `spot` is that of its box."""
    if category is None:
        what = f"no category has its category_id {brief(record.get('category_id'))}"
        return Fault("class-unknown", spot.at("category_id"), what)
    bbox = record.get("bbox")
    sides = [quoted.number(side, spot, "bbox") for side in bbox] if isinstance(bbox, list) else []
    values = [side for side in sides if side is not None]
    if len(values) != 4 or len(sides) != 4:
        what = f"its bbox {brief(bbox)} is not [x, y, width, height]"
        return Fault("label-syntax", spot, what)
    try:
        x, y, width, height = map(float, values)
    except OverflowError:
        return Fault("label-syntax", spot, f"its bbox {brief(bbox)} is not finite")
    if width < 0 or height < 0:
        what = f"its bbox has a negative size ({width:g} x {height:g})"
        return Fault("box-swapped", spot, what, numbers=(x, y, width, height))
    return LabelledObject(
        spot,
        names[category],
        box=(x, y, x + width, y + height),
        written=(x, y, width, height),
        difficult=record.get("difficult") in _SET,
        crowd=record.get("iscrowd") in _SET,
        area=_area(record.get("area")),
    )


def _area(value: object) -> float | None:
    """A usable area; boxes are what counts, so a bad area is as good as none."""
    if not is_number(value) or not 0 <= value < 1e18:  # also false for NaN
        return None
    return float(value)


def _spot(
    lines: EntryLines, path: Path, kind: ListName, index: int, record: object, part: str = ""
) -> EntrySpot:
    key = record.get("id") if isinstance(record, dict) else None
    return EntrySpot(path, index, kind=kind, key=key, lines=lines, part=part)
