"""Writes COCO: ``annotations/instances_SPLIT.json`` and ``images/SPLIT/``."""

from __future__ import annotations

from pathlib import Path

from yolo_cli.data.convert.target import Job, Target
from yolo_cli.data.convert.yolo import images_folder
from yolo_cli.data.formats.coco_samples import coco_content
from yolo_cli.data.formats.coco_write import write_document
from yolo_cli.data.formats.label_files import split_in_name

_WHOLE = "default"  # of a dataset without splits, as CVAT calls it


def write(job: Job) -> None:
    """Write images and annotation files."""
    for part in job.parts:
        folder = images_folder(part.split, job.shared)
        for placed in part.images:
            job.place(placed.sample, f"{folder}/{placed.name}")
        named = [(placed.name, placed.sample) for placed in part.images]
        content = coco_content(named, job.classes, job.category_ids)
        write_document(content, part.split or _WHOLE, job.out)


def _can_be(split: str) -> bool:
    """Whether the name of an annotation file says this split, and no other one."""
    return split_in_name(Path(f"instances_{split}.json")) in {"", split}


TARGET = Target(
    name="coco",
    title="COCO",
    write=write,
    images=images_folder,
    difficult=True,
    crowd=True,
    split=_can_be,
)
