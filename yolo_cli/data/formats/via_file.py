"""A file of the VGG Image Annotator: regions of images, as JSON or as CSV.

JSON is either the annotations (``via_region_data.json``: an object with an entry for each image)
or a project of version 2, which has the same under ``_via_img_metadata`` and says what its
attributes are. In version 1 the regions of an image are an object, in version 2 a list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.common import brief
from yolo_cli.data.formats.csv_rows import numbered_rows, read_text
from yolo_cli.data.formats.json_read import JsonSpot, kind, read_json
from yolo_cli.data.formats.scan import Fault, Spot
from yolo_cli.errors import UserError

PROJECT = "_via_img_metadata"

CSV_COLUMNS = ("file_attributes", "region_shape_attributes", "region_attributes")
_WANTED = "wanted is a project or the annotations of the VGG Image Annotator"


@dataclass(frozen=True)
class Region:
    """A region as it is written.

    Attributes:
        spot: where it stands.
        shape: its ``shape_attributes``.
        attributes: its ``region_attributes``.
    """

    spot: Spot
    shape: Mapping[str, object]
    attributes: Mapping[str, object]


@dataclass
class ViaImage:
    """The entry of an image.

    Attributes:
        name: of its file.
        spot: where it stands.
        regions: in the order of the file.
        faults: one for each region that is none.
    """

    name: str
    spot: Spot
    regions: list[Region] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class ViaFile:
    """What a file holds.

    Attributes:
        images: in the order of the file.
        stray: what is wrong with it and belongs to no image.
        options: the values that a project offers for each of its attributes, and where.
    """

    images: Sequence[ViaImage]
    stray: Sequence[Fault] = ()
    options: Mapping[str, Mapping[str, Spot]] = field(default_factory=dict)


def read_via(path: Path) -> ViaFile:
    """Read a file.

    Raises:
        UserError: it cannot be read, or is of another kind.
    """
    return _read_csv(path) if path.suffix.lower() == ".csv" else _read_json(path)


class _Places:
    """Numbers the places of a document in its order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0

    def spot(self, place: str) -> JsonSpot:
        self._count += 1
        return JsonSpot(self._path, self._count, place=place)


def _read_json(path: Path) -> ViaFile:
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{kind(content)} where an object should be", _WANTED, path=path)
    entries = content.get(PROJECT, content)
    if not isinstance(entries, dict):
        raise UserError(f"has {kind(entries)} for {PROJECT!r}", _WANTED, path=path)
    prefix = f"{PROJECT}." if PROJECT in content else ""
    places = _Places(path)
    options = _options(places, content.get("_via_attributes"))
    images: list[ViaImage] = []
    stray: list[Fault] = []
    for key, entry in entries.items():
        spot = places.spot(f"{prefix}{_said(key)}")
        name = entry.get("filename") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(name, str) or not name.strip():
            stray.append(Fault("label-syntax", spot, "has no filename"))
            continue
        image = ViaImage(name.strip(), spot)
        _add_regions(places, image, entry.get("regions"))
        images.append(image)
    return ViaFile(images, stray, options)


def _said(key: str) -> str:
    """A key for a message."""
    return key[:100] if key.isprintable() else repr(key[:100])


def _add_regions(places: _Places, image: ViaImage, regions: object) -> None:
    if not isinstance(regions, dict | list):
        if regions is not None:
            what = f"has {kind(regions)} for its regions"
            image.faults.append(Fault("label-syntax", image.spot, what))
        return
    numbered = regions.items() if isinstance(regions, dict) else enumerate(regions)
    for index, record in numbered:
        assert isinstance(image.spot, JsonSpot)
        spot = places.spot(f"{image.spot.place}.regions[{_said(str(index))}]")
        shape = record.get("shape_attributes") if isinstance(record, dict) else None
        attributes = record.get("region_attributes", {}) if isinstance(record, dict) else None
        _add(image, spot, shape, attributes)


def _add(image: ViaImage, spot: Spot, shape: object, attributes: object) -> None:
    if not isinstance(shape, dict):
        what = f"{kind(shape)} where its shape_attributes should be"
        image.faults.append(Fault("label-syntax", spot, what))
    elif not isinstance(attributes, dict):
        what = f"{kind(attributes)} where its region_attributes should be"
        image.faults.append(Fault("label-syntax", spot, what))
    else:
        image.regions.append(Region(spot, shape, attributes))


def _options(places: _Places, attributes: object) -> dict[str, dict[str, Spot]]:
    """The values that a project offers for each attribute of regions."""
    found: dict[str, dict[str, Spot]] = {}
    regions = attributes.get("region") if isinstance(attributes, dict) else None
    for name, record in regions.items() if isinstance(regions, dict) else ():
        offered = record.get("options") if isinstance(record, dict) else None
        spot = places.spot(f"_via_attributes.region.{_said(name)}")
        values = offered if isinstance(offered, dict) else {}
        cleaned = (" ".join(value.split()) for value in values)
        found[name] = {value: spot for value in cleaned if value}
    return found


def _read_csv(path: Path) -> ViaFile:
    columns: dict[str, int] = {}
    width = 0
    images: dict[str, ViaImage] = {}
    stray: list[Fault] = []
    for line, cells in numbered_rows(path, read_text(path), ","):
        if not columns:
            columns = {cell.lstrip("#"): index for index, cell in enumerate(cells)}
            width = len(cells)
            missing = [one for one in ("filename", *CSV_COLUMNS[1:]) if one not in columns]
            if missing:
                raise UserError(f"has no column {missing[0]!r}", _WANTED, path=path)
            continue
        spot = Spot(path, line)
        if len(cells) != width:
            what = f"{len(cells)} columns where {width} are wanted"
            stray.append(Fault("label-syntax", spot, what))
            continue
        name = cells[columns["filename"]]
        if not name:
            stray.append(Fault("label-syntax", spot, "has no filename"))
            continue
        image = images.setdefault(name, ViaImage(name, spot))
        try:
            shape, attributes = (_parsed(cells[columns[one]]) for one in CSV_COLUMNS[1:])
        except UserError as error:
            image.faults.append(Fault("label-syntax", spot, error.reason))
            continue
        if shape or attributes:  # else the image has no regions
            _add(image, spot, shape, attributes)
    return ViaFile([*images.values()], stray)


def _parsed(text: str) -> object:
    """JSON in a cell.

    Raises:
        UserError: it is none.
    """
    try:
        found: object = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{brief(text)} is no JSON") from error
    return found
