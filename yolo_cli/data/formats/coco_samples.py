"""Makes COCO annotation files of samples, whatever format these were read from.

Format: https://cocodataset.org/#format-data. It does not know VOC's ``difficult``: the flag is
written under its own name, which this tool reads, and as ``ignore``, as mmdetection has it. Files
of others have ``ignore`` too, but pycocotools disregards it, and so does the reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yolo_cli.data.formats.coco_write import link_folders, write_document
from yolo_cli.data.formats.common import Key
from yolo_cli.data.formats.judging import judge
from yolo_cli.data.formats.loading import make_sample
from yolo_cli.data.formats.numbers import plain
from yolo_cli.data.formats.scan import LabelledImage
from yolo_cli.data.images import image_header
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError
from yolo_cli.text import counted


def coco_content(
    named: Sequence[tuple[str, Sample]], classes: Sequence[str], category_ids: Mapping[Key, int]
) -> dict[str, Any]:
    """Return an annotation file of some images.

    Args:
        named: each image with its ``file_name``.
        classes: names, in the order of the samples' labels.
        category_ids: index of the class by the id to be kept; where a class has none, all are
            counted from 1.
    """
    keys = [sample.key for _, sample in named]
    kept = None not in keys and len({*map(str, keys)}) == len(keys)
    categories = _category_ids(len(classes), category_ids)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, sample) in enumerate(named, start=1):
        key = sample.key if kept else number
        size = {"width": sample.width, "height": sample.height}
        images.append({"id": key, "file_name": name, **size})
        for index in range(len(sample)):
            record = _annotation(sample, index, categories)
            annotations.append({"id": len(annotations) + 1, "image_id": key, **record})
    return {
        "info": {},  # pycocotools asks for it when it reads results
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": key, "name": name, "supercategory": name}
            for key, name in zip(categories, classes, strict=True)
        ],
    }


def _category_ids(count: int, category_ids: Mapping[Key, int]) -> list[Key]:
    """Id of each class: the first that it had; they are in the order of the classes."""
    found: dict[int, Key] = {}
    for key, index in category_ids.items():
        found.setdefault(index, key)
    return [found[i] for i in range(count)] if len(found) == count else [*range(1, count + 1)]


def _annotation(sample: Sample, index: int, categories: Sequence[Key]) -> dict[str, Any]:
    x1, y1, x2, y2 = map(float, sample.boxes[index])
    return {
        "category_id": categories[sample.labels[index]],
        "bbox": [plain(x1), plain(y1), plain(x2 - x1), plain(y2 - y1)],
        "area": plain(sample.area[index]),
        "iscrowd": int(sample.crowd[index]),
        "segmentation": [],
        **({"difficult": 1, "ignore": 1} if sample.difficult[index] else {}),
    }


def write_splits_as_coco(
    splits: Mapping[str, Sequence[LabelledImage]],
    classes: Sequence[str],
    out: Path,
    *,
    relative: bool,
) -> None:
    """Write ``annotations/instances_*.json`` beside links to the folders of the images.

    For formats that have no splits of their own.

    Args:
        splits: name and images of each.
        classes: names of the classes.
        out: the new folder.
        relative: whether boxes are in fractions of the image's sides.

    Raises:
        UserError: a label is bad, and would be lost; or something cannot be written.
    """
    numbers = {name: index for index, name in enumerate(classes)}
    samples = {
        split: [(image.path, _sample(image, numbers, relative)) for image in part]
        for split, part in splits.items()
    }
    folders = link_folders((path for part in samples.values() for path, _ in part), out)
    for split, part in samples.items():
        named = [(f"{folders[path.parent]}/{path.name}", sample) for path, sample in part]
        write_document(coco_content(named, classes, {}), split, out)


def _sample(image: LabelledImage, numbers: Mapping[str, int], relative: bool) -> Sample:
    header = image_header(image.path)
    judged = judge(image, header.upright, header.stored, relative=relative)
    errors = [fault for fault in judged.faults if fault.severity == "error"]
    if errors:
        # This copy has other label files: what is wrong in the first ones would be out of sight.
        first = errors[0].error("correct it")
        more = f"; {counted(len(errors), 'error')} in this label" if len(errors) > 1 else ""
        raise UserError(
            f"{first.reason}{more}",
            "correct it, or leave it out with yolo convert --skip-bad, and then divide",
            path=first.path,
            line=first.line,
        )
    return make_sample(image, judged, header.upright, numbers)
