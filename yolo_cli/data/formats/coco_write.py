"""Writes splits of a COCO dataset: an annotation file each, beside links to the image folders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from yolo_cli.data.formats.files import link, read_bytes
from yolo_cli.data.formats.json_read import MAX_JSON_BYTES
from yolo_cli.data.formats.scan import LabelledImage
from yolo_cli.files import atomic_write_text


def write_coco(splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
    """Write ``annotations/instances_*.json`` beside links to the folders of the images.

    Args:
        splits: name and images of each; their spots are entries of annotation files.
        out: the new folder.
    """
    every = [image for part in splits.values() for image in part]
    folders = link_folders((image.path for image in every), out)
    sources = sorted({image.spot.path for image in every})
    documents = {path: json.loads(read_bytes(path, MAX_JSON_BYTES)) for path in sources}
    for split, part in splits.items():
        write_document(_part(documents, part, folders), split, out)


def link_folders(images: Iterable[Path], out: Path) -> dict[Path, str]:
    """Link the folders of images into ``images/``.

    Returns:
        Name of the link to each folder.
    """
    folders = {
        path: f"folder-{i}" for i, path in enumerate(dict.fromkeys(p.parent for p in images))
    }
    for folder, name in folders.items():
        link(out / "images" / name, folder)
    return folders


def write_document(content: Mapping[str, Any], split: str, out: Path) -> None:
    """Write ``annotations/instances_SPLIT.json``, an entry a line."""
    text = ",\n".join(f"{json.dumps(name)}: {_lines(value)}" for name, value in content.items())
    atomic_write_text(out / "annotations" / f"instances_{split}.json", f"{{{text}}}\n")


def _lines(value: object) -> str:
    """JSON with a line for each entry of a list."""
    if not isinstance(value, list) or not value:
        return json.dumps(value)
    return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"


def _part(
    documents: Mapping[Path, Any], images: Sequence[LabelledImage], folders: Mapping[Path, str]
) -> dict[str, Any]:
    """A document of some images of several documents, under new numbers."""
    content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    categories: dict[Any, Any] = {}
    for path, document in documents.items():
        for category in document["categories"]:
            categories.setdefault(category["id"], category)
        numbers: dict[Any, int] = {}
        for image in images:
            if image.spot.path == path:
                record = document["images"][image.spot.number]
                numbers[record["id"]] = len(content["images"]) + 1
                name = f"{folders[image.path.parent]}/{image.path.name}"
                content["images"].append({**record, "id": numbers[record["id"]], "file_name": name})
        for record in document["annotations"]:
            key = record.get("image_id") if isinstance(record, dict) else None
            if isinstance(key, int | str) and key in numbers:
                number = len(content["annotations"]) + 1
                content["annotations"].append({**record, "id": number, "image_id": numbers[key]})
    content["categories"] = [*categories.values()]
    return content
