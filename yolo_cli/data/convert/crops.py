"""Writes every object as an image of its own, a folder for each class, as classifiers read them.

The layout is that of torchvision's ``ImageFolder``: ``SPLIT/CLASS/NAME_1.jpg``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from itertools import chain
from math import ceil, floor
from pathlib import Path, PurePosixPath

from yolo_cli.data.convert.names import free_name, safe_name
from yolo_cli.data.convert.target import Job, Target
from yolo_cli.data.images import image_header, read_image
from yolo_cli.data.sample import Sample
from yolo_cli.text import counted, listed

FEWEST_PIXELS = 4
"""Pixels of a side under which a crop shows nothing."""

_QUALITY = 95
_LOSSY = frozenset({"JPEG", "MPO", "WEBP", "AVIF", "JPEG2000"})  # the others are kept as PNG


Cut = tuple[str, tuple[int, int, int, int]]
"""Name of a crop without suffix, and its box."""


def write(job: Job) -> None:
    """Cut each box out of its upright image, whole pixels that hold all of it."""
    folders = _folders(job.classes)
    left_out: Counter[str] = Counter()
    used: dict[str, set[int]] = {}
    for part in job.parts:
        labels = used.setdefault(part.split, set())
        for placed in part.images:
            cuts: list[Cut] = []
            for index, label in enumerate(placed.sample.labels.tolist()):
                why = _unfit(placed.sample, index)
                if why:
                    left_out[why] += 1
                    continue
                labels.add(label)
                x1, y1, x2, y2 = placed.sample.boxes[index].tolist()
                name = f"{PurePosixPath(placed.name).stem}_{index + 1}"
                path = "/".join(filter(None, (part.split, folders[label], name)))
                cuts.append((path, (floor(x1), floor(y1), ceil(x2), ceil(y2))))
            if cuts:
                _save(job, placed.sample.image, cuts)
            job.step(1)
    for why, count in left_out.items():
        job.notes.append(f"{counted(count, 'object')} left out: {why}")
    for split, labels in used.items():
        missing = sorted({*chain(*used.values())} - labels)
        if missing:
            names = listed([job.classes[label] for label in missing])
            what = f"{split} has no object of {names}, hence no folder"
            job.notes.append(f"{what}: ImageFolder numbers classes by their folders")


def _folders(classes: Sequence[str]) -> list[str]:
    """A folder's name for each class, no two alike where case does not count."""
    taken: set[str] = set()
    return [free_name(safe_name(name), taken) for name in classes]


def _unfit(sample: Sample, index: int) -> str:
    """Why an object is left out; "" if it is not."""
    x1, y1, x2, y2 = sample.boxes[index].tolist()
    if sample.crowd[index]:
        return "a crowd"
    if sample.difficult[index]:
        return "difficult"
    return f"under {FEWEST_PIXELS} pixels" if min(x2 - x1, y2 - y1) < FEWEST_PIXELS else ""


def _save(job: Job, path: Path, cuts: Sequence[Cut]) -> None:
    lossy = image_header(path).format in _LOSSY
    image = read_image(path)
    for name, box in cuts:
        data = BytesIO()
        crop = image.crop(box)
        if lossy:
            crop.save(data, "JPEG", quality=_QUALITY, subsampling=0)
        else:
            crop.save(data, "PNG")
        job.write(f"{name}{'.jpg' if lossy else '.png'}", data.getvalue())


TARGET = Target(name="crops", title="a folder a class", write=write, images=lambda *_: "")
