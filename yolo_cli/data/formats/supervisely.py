"""Supervisely: ``img/a.jpg`` with ``ann/a.jpg.json``, in folders of one project.

Source: https://docs.supervisely.com/data-organization/annotation-json-format. Recognised layouts:

- ``meta.json`` with ``NAME/img`` and ``NAME/ann``, as Supervisely and Dataset Ninja write it;
- ``img/`` and ``ann/`` alone.
"""

from __future__ import annotations

import base64
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from yolo_cli.data.formats.common import brief, check_counts
from yolo_cli.data.formats.documents import Document, DocumentReader, Entry
from yolo_cli.data.formats.files import child, is_folder, is_visible, visible
from yolo_cli.data.formats.hulls import Point, hull
from yolo_cli.data.formats.json_fields import JsonFields, class_name
from yolo_cli.data.formats.json_head import json_head
from yolo_cli.data.formats.json_read import JsonSpot, kind, read_json
from yolo_cli.data.formats.label_files import LabelFile, is_split
from yolo_cli.data.formats.scan import Fault, Format, LabelledObject, Reading, Spot
from yolo_cli.errors import UserError

_META = "meta.json"
_DEPTH = 3  # levels down at which folders of a project are looked for
_SAMPLES = 5
_POINTS = frozenset({"rectangle", "polygon"})
_BITMAPS = frozenset({"bitmap", "alpha_mask"})
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def open_reader(root: Path, reading: Reading) -> DocumentReader | None:
    """Return the reader of a folder in one of the layouts above; None if it is in none of them."""
    files: list[LabelFile] = []
    for folder in _datasets(root, _DEPTH):
        labels, images = child(folder, "ann"), child(folder, "img")
        paths = [path for path in visible(labels) if _is_json(path)] if labels else []
        if reading.sure or any(map(_is_annotation, paths[:_SAMPLES])):
            parts = folder.relative_to(root).parts
            split = next((part for part in parts if is_split(part)), "")
            places = (images, folder) if images is not None else (folder,)
            files += [LabelFile(split, path, places) for path in paths]
    if not files:
        return None
    if (root / _META).is_file():
        files.insert(0, LabelFile("", root / _META, (root,)))

    def read(path: Path) -> Document:
        return read_meta(path) if path == root / _META else read_document(path)

    return DocumentReader(root, files, read, reading, form="corners", file_per_image=True)


def _datasets(folder: Path, depth: int) -> Iterator[Path]:
    """Folders that have ``ann/``, the nearest to `folder`."""
    with os.scandir(folder) as entries:
        names = sorted(one.name for one in entries if is_visible(one.name) and is_folder(one))
    if "ann" in map(str.lower, names):
        yield folder
    elif depth:
        for name in names:
            yield from _datasets(folder / name, depth - 1)


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _is_annotation(path: Path) -> bool:
    head = json_head(path)
    return "objects" in head.lists and "size" in head.keys


def read_meta(path: Path) -> Document:
    """Read the classes of a project.

    Raises:
        UserError: it cannot be read, is not JSON, or has no classes.
    """
    content = read_json(path)
    records = content.get("classes") if isinstance(content, dict) else None
    if not isinstance(records, list):
        raise UserError("has no list of 'classes'", "get an intact copy of the project", path=path)
    fields = JsonFields(path)
    declared: dict[str, Spot] = {}
    faults: list[Fault] = []
    for index, record in enumerate(records):
        spot = fields.spot(f"classes[{index}]")
        name = class_name(record.get("title")) if isinstance(record, dict) else None
        if name is None or not isinstance(record, dict):
            faults.append(Fault("label-syntax", spot, "has no title"))
        elif record.get("shape") in ("any", None, *_POINTS, *_BITMAPS):
            declared.setdefault(name, spot)
        check_counts(path, 0, len(faults))
    return Document((), faults, declared)


def read_document(path: Path) -> Document:
    """Read the label file of an image.

    Raises:
        UserError: it cannot be read, is not JSON, or is not about an image.
    """
    content = read_json(path)
    records = content.get("objects") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(records, list) or "frames" in content:
        what = kind(content) if not isinstance(content, dict) else "no list of 'objects'"
        if isinstance(content, dict) and "frames" in content:
            what = "a video, of which images are to be exported first"
        raise UserError(f"not Supervisely's annotation of an image ({what})", path=path)
    fields = JsonFields(path)
    objects: list[LabelledObject] = []
    faults: list[Fault] = []
    for index, record in enumerate(records):
        item = _object(fields, f"objects[{index}]", record)
        if isinstance(item, Fault):
            faults.append(item)
        elif item is not None:
            objects.append(item)
        check_counts(path, len(objects), len(faults))
    size = fields.size(content.get("size"), "width", "height")
    entry = Entry(path.stem, Spot(path), objects, faults, size)
    return Document([entry], fields.notes.faults)


def _object(fields: JsonFields, place: str, record: object) -> LabelledObject | Fault | None:
    """The object, or what is wrong with it; None if it is skipped."""
    spot = fields.spot(place)
    if not isinstance(record, dict):
        return Fault("label-syntax", spot, f"{kind(record)} where an object should be")
    # Older projects say in their meta.json alone what the shape is.
    usual = "bitmap" if isinstance(record.get("bitmap"), dict) else "polygon"
    sort = record.get("geometryType") or usual
    if not isinstance(sort, str) or sort not in _POINTS | _BITMAPS:
        what = f"a shape of type {brief(sort)} has no box, and is skipped"
        fields.notes.add("shape-skipped", spot, what, brief(sort))
        return None
    name = class_name(record.get("classTitle"))
    if name is None:
        what = f"its classTitle {brief(record.get('classTitle'))} is no class name"
        return Fault("label-syntax", spot, what)
    if sort in _BITMAPS:
        inner = fields.spot(f"{place}.bitmap")
        points = _bitmap(fields, inner, record.get("bitmap"))
    else:
        inner = fields.spot(f"{place}.points.exterior")
        value = record.get("points")
        points = fields.points(value.get("exterior") if isinstance(value, dict) else None, inner, 2)
    if isinstance(points, str):
        return Fault("label-syntax", inner, points)
    box = hull(points)
    return LabelledObject(spot, name, box, box)


def _bitmap(fields: JsonFields, spot: JsonSpot, value: object) -> list[Point] | str:
    """Two corners of a mask, which is cut out of the image's, or what is wrong with it."""
    if not isinstance(value, dict):
        return "missing"
    points = fields.points([value.get("origin")], spot)
    if isinstance(points, str):
        return f"its origin {brief(value.get('origin'))} is not [x, y]"
    size = _png_size(value.get("data"))
    if size is None:
        return "its data is no compressed PNG image"
    (x, y), (width, height) = points[0], size
    return [(x, y), (x + width, y + height)]


def _png_size(data: object) -> tuple[int, int] | None:
    """Width and height of a PNG file, compressed and in base64; only its beginning is unpacked."""
    if not isinstance(data, str):
        return None
    try:
        head = zlib.decompressobj().decompress(base64.b64decode(data), len(_PNG) + 8)
    except (ValueError, zlib.error):
        return None
    if len(head) < len(_PNG) + 8 or not head.startswith(_PNG):
        return None
    width, height = struct.unpack(">II", head[len(_PNG) :])
    return width, height


FORMAT = Format(
    name="supervisely",
    open=open_reader,
    looked_for="img/ + ann/*.json (Supervisely)",
)
"""The format's record."""
