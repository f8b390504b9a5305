"""Writes a division of a dataset: a folder of lists, and of links to what they list.

The folder is a dataset of the same layout, which ``yolo train`` takes as it is: for Pascal VOC
``ImageSets/Main/*.txt`` beside links to the folders of images and annotations; for YOLO
``data.yaml`` and lists of images; for COCO one annotation file a split, with links to the
folders of the images. No image is copied, and nothing is written into the dataset itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from yolo_cli.data.check.check import Report
from yolo_cli.data.check.stratify import stratify
from yolo_cli.data.check.survey import LabelledImage
from yolo_cli.data.dataset import refuse_inside
from yolo_cli.data.formats.coco import CocoReader
from yolo_cli.data.formats.coco_json import MAX_JSON_BYTES
from yolo_cli.data.formats.files import read_bytes
from yolo_cli.data.formats.voc import Part, VocReader
from yolo_cli.data.formats.yolo import YoloReader
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write_text

SPLITS = ("train", "val", "test")

Division = Mapping[str, Sequence[int]]


def parse_shares(text: str) -> tuple[float, ...]:
    """``80/10/10`` or ``80/20`` as shares of train, val and test, with a sum of 1.

    Raises:
        UserError: it is something else.
    """
    try:
        values = [float(part) for part in text.split("/")]
    except ValueError:
        values = []
    if len(values) not in {2, 3} or not all(0 < value < 1e6 for value in values):
        raise UserError(
            f"--split {text}: not shares of train, val and test",
            "write 80/10/10, or 80/20 for train and val",
            ExitCode.USAGE,
        )
    return tuple(value / sum(values) for value in values)


def divide(report: Report, shares: Sequence[float], seed: int) -> dict[str, list[int]]:
    """Divides the images that can be used, see :attr:`LabelledImage.usable`.

    Args:
        report: of the dataset.
        shares: as of :func:`parse_shares`.
        seed: of the choice among equals.

    Returns:
        Indices of the samples of each split.

    Raises:
        UserError: there are fewer images than splits.
    """
    usable = [index for index, image in enumerate(report.labelled) if image.usable]
    if len(usable) < len(shares):
        raise UserError(f"{report.root}: too few images to divide ({len(usable)})")
    place = {index: row for row, index in enumerate(usable)}
    labels = np.zeros((len(usable), len(report.counts.total)), dtype=np.bool_)
    for row, index in enumerate(usable):
        labels[row, report.samples[index].labels] = True
    groups = [[place[index] for index in group if index in place] for group in report.groups]
    parts = stratify(labels, [group for group in groups if group], shares, seed)
    return {
        split: [usable[row] for row in part] for split, part in zip(SPLITS, parts, strict=False)
    }


def check_out(root: Path, out: Path) -> None:
    """Refuses a folder that is part of the dataset, or that holds something.

    Raises:
        UserError: with :attr:`ExitCode.USAGE`.
    """
    refuse_inside([root if root.is_dir() else root.parent], out, "--out")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"--out {out}: is there already and not empty", "name a new folder", ExitCode.USAGE
        )


def write_division(report: Report, division: Division, out: Path) -> None:
    """Writes the lists.

    Args:
        report: of the dataset.
        division: indices of the samples of each split.
        out: a folder, checked by :func:`check_out`.

    Raises:
        UserError: the format has no splits, or something cannot be written.
    """
    reader = report.reader
    images = {split: [report.labelled[i] for i in part] for split, part in division.items()}
    if isinstance(reader, VocReader):
        _write_voc(reader, images, out)
    elif isinstance(reader, YoloReader):
        _write_yolo(report, reader, images, out)
    elif isinstance(reader, CocoReader):
        _write_coco(images, out)
    else:
        raise UserError(
            f"{report.root}: this layout has no splits to write",
            "it can be checked and scored, not trained on",
            ExitCode.USAGE,
        )


def _write_voc(reader: VocReader, images: Mapping[str, list[LabelledImage]], out: Path) -> None:
    names = {id(part): _link_name(part, index) for index, part in enumerate(reader.parts)}
    # In one folder, images and XML files need one link, and an image alone is background.
    together = len(reader.parts) == 1 and reader.parts[0].side_by_side
    for part in reader.parts:
        _link(out / "JPEGImages" / names[id(part)], part.images)
        if not together:
            _link(out / "Annotations" / names[id(part)], part.labels)
    for split, chosen in images.items():
        kept = [one for one in chosen if together or one.spot.path != one.path]
        lines = [f"{_voc_id(reader.parts, names, image)}\n" for image in kept]
        atomic_write_text(out / "ImageSets" / "Main" / f"{split}.txt", "".join(sorted(lines)))


def _link_name(part: Part, index: int) -> str:
    # Not the split's own name: a folder called train would be taken for a split.
    return f"from-{part.split}" if part.split else (f"part-{index}" if index else "")


def _voc_id(parts: Sequence[Part], names: Mapping[int, str], image: LabelledImage) -> str:
    part = next(one for one in parts if image.path.is_relative_to(one.images))
    file_id = image.id.removeprefix(f"{part.split}/") if part.split else image.id
    return f"{names[id(part)]}/{file_id}" if names[id(part)] else file_id


def _write_yolo(
    report: Report, reader: YoloReader, images: Mapping[str, list[LabelledImage]], out: Path
) -> None:
    names = reader.layout.names or tuple(map(str, range(_highest(report) + 1)))
    here = out.resolve()
    content: dict[str, Any] = {"path": str(here)}
    for split, part in images.items():
        paths = sorted(os.path.abspath(image.path) for image in part)  # noqa: PTH100  # links stay
        atomic_write_text(out / f"{split}.txt", "".join(f"{path}\n" for path in paths))
        content[split] = str(here / f"{split}.txt")
    content["names"] = dict(enumerate(names))
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    atomic_write_text(out / "data.yaml", text)


def _highest(report: Report) -> int:
    return max((int(name) for name in report.counts.total), default=0)


def _write_coco(images: Mapping[str, list[LabelledImage]], out: Path) -> None:
    every = [image for part in images.values() for image in part]
    folders: dict[Path, str] = {}
    for image in every:
        folder = image.path.parent
        folders.setdefault(folder, f"folder-{len(folders)}")
    for folder, name in folders.items():
        _link(out / "images" / name, folder)
    sources = sorted({image.source for image in every if image.source is not None})
    documents = {path: json.loads(read_bytes(path, MAX_JSON_BYTES)) for path in sources}
    for split, part in images.items():
        content = _coco_part(documents, part, folders)
        path = out / "annotations" / f"instances_{split}.json"
        atomic_write_text(path, _entry_a_line(content))


def _entry_a_line(content: Mapping[str, Sequence[object]]) -> str:
    """JSON in which the line of an entry can be told."""
    lists = [
        f"{json.dumps(name)}: [\n" + ",\n".join(map(json.dumps, entries)) + "\n]"
        for name, entries in content.items()
    ]
    return "{" + ",\n".join(lists) + "}\n"


def _coco_part(
    documents: Mapping[Path, Any], images: list[LabelledImage], folders: Mapping[Path, str]
) -> dict[str, Any]:
    """A document of some images of several documents, under new numbers."""
    content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    categories: dict[Any, Any] = {}
    for path, document in documents.items():
        for category in document["categories"]:
            categories.setdefault(category["id"], category)
        numbers: dict[Any, int] = {}
        for image in images:
            if image.source == path:
                assert image.spot.entry is not None
                record = document["images"][image.spot.entry[1]]
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


def _link(path: Path, target: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target.resolve(), target_is_directory=True)
    except OSError as error:
        raise UserError(
            f"{path}: cannot link to {target}: {error.strerror or error}",
            "choose a folder on a file system that has links",
            ExitCode.FAILURE,
        ) from error
