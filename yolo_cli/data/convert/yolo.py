"""Writes YOLO: ``images/ labels/`` with the splits inside, and ``data.yaml``, as Ultralytics reads.

``data.yaml`` has no ``path``: without one, programs start from the file itself, so that the
dataset can be moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

from yolo_cli.data.convert.target import Job, Target
from yolo_cli.data.formats.common import SPLIT_FOLDERS
from yolo_cli.data.sample import Sample

_DIGITS = 10  # decimals of a fraction: a millionth of a pixel of the largest images


def write(job: Job) -> None:
    """Write images and labels, then the file that describes them."""
    content: dict[str, Any] = {}
    for part in job.parts:
        inside = f"{part.split}/" if part.split and not job.shared else ""
        for placed in part.images:
            job.place(placed.sample, f"images/{inside}{placed.name}")
            label = PurePosixPath(placed.name).with_suffix(".txt")
            job.write(f"labels/{inside}{label}", label_lines(placed.sample))
        if part.split and job.shared:
            lines = (f"./images/{placed.name}\n" for placed in part.images)
            content[part.split] = f"{part.split}.txt"
            job.write(content[part.split], "".join(lines))
        elif part.split:
            content[part.split] = f"images/{part.split}"
    job.write("data.yaml", description(content, job.classes))
    if not any(part.split for part in job.parts):
        note = "no splits, which other programs ask for: yolo check DIR --split 80/20 writes them"
        job.notes.append(note)


def description(content: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Return the text of ``data.yaml``: ``content``, and the names of the classes."""
    named = {**content, "nc": len(classes), "names": list(classes)}
    text: str = yaml.safe_dump(named, allow_unicode=True, sort_keys=False, width=10**9)
    return text


def label_lines(sample: Sample) -> str:
    """Return a line for each object; none for background."""
    lines = []
    for (x1, y1, x2, y2), label in zip(sample.boxes.tolist(), sample.labels.tolist(), strict=True):
        centre = ((x1 + x2) / 2 / sample.width, (y1 + y2) / 2 / sample.height)
        sides = ((x2 - x1) / sample.width, (y2 - y1) / sample.height)
        lines.append(f"{label} {' '.join(map(_fraction, (*centre, *sides)))}\n")
    return "".join(lines)


def _fraction(value: float) -> str:
    text = f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")
    return text if float(text) else repr(value)  # a box of no width would be none


def images_folder(split: str, shared: bool) -> str:
    """Return the folder of the images of a split."""
    return f"images/{split}" if split and not shared else "images"


TARGET = Target(
    name="yolo",
    title="YOLO",
    write=write,
    images=images_folder,
    split=lambda name: name.lower() in SPLIT_FOLDERS,
)
