"""Writes Pascal VOC: ``JPEGImages/ Annotations/ ImageSets/Main/``.

Boxes are written as the reader takes them: pixels counted from 1, the last ones included, with
decimals where there are any. Source: "The PASCAL Visual Object Classes Challenge 2007 Development
Kit".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

import numpy as np

from yolo_cli.data.convert.target import Job, Placed, Target
from yolo_cli.data.formats.numbers import plain
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError
from yolo_cli.text import counted, listed

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
# What XML 1.0 cannot hold, be it escaped (https://www.w3.org/TR/xml/#charsets).
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(job: Job) -> None:
    """Write images and annotations, then the lists of the splits."""
    odd = next((name for name in job.classes if not fits_xml(name)), None)
    if odd is not None:
        raise UserError(f"class {odd!r} has a character that XML cannot hold", "rename the class")
    first: dict[str, Sample] = {}
    widened = again = 0
    for part in job.parts:
        for placed in part.images:
            sample = first.setdefault(placed.name, placed.sample)
            if sample is not placed.sample:  # in another split as well
                again += not _same(sample, placed.sample)
                job.step(1)
                continue
            job.place(sample, f"JPEGImages/{placed.name}")
            text, small = annotation(placed, job.classes)
            widened += small
            job.write(f"Annotations/{PurePosixPath(placed.name).with_suffix('.xml')}", text)
        if part.split:
            ids = (str(PurePosixPath(one.name).with_suffix("")) for one in part.images)
            job.write(f"ImageSets/Main/{part.split}.txt", "".join(f"{one}\n" for one in ids))
    if widened:
        what = counted(widened, "side") + (" was" if widened == 1 else " were")
        job.notes.append(f"{what} widened to one pixel: VOC has no smaller boxes")
    if again:
        what = f"{counted(again, 'image')} labelled otherwise in another split"
        job.notes.append(f"{what}: the first labels are kept")
    _note_classes(job, [*first.values()])


def fits_xml(name: str) -> bool:
    """Whether XML can hold a name."""
    return _NO_XML.search(name) is None


def _same(one: Sample, other: Sample) -> bool:
    return np.array_equal(one.boxes, other.boxes) and np.array_equal(one.labels, other.labels)


def _note_classes(job: Job, samples: list[Sample]) -> None:
    """Say what gets lost as VOC has no list of classes: those without objects, and the order."""
    used = {job.classes[label] for sample in samples for label in sample.labels}
    idle = [name for name in job.classes if name not in used]
    if idle:
        what = f"VOC has no list of classes, so those without objects are lost: {listed(idle)}"
        job.notes.append(what)
    kept = [name for name in job.classes if name in used]
    if kept != sorted(kept):
        job.notes.append("VOC has no list of classes, so they are read in alphabetical order")


def annotation(placed: Placed, classes: Sequence[str]) -> tuple[bytes, int]:
    """Return the annotation of an image, and how many sides of boxes were widened."""
    sample, widened = placed.sample, 0
    root = ET.Element("annotation")
    _text(root, "folder", "JPEGImages")
    _text(root, "filename", PurePosixPath(placed.name).name)
    size = ET.SubElement(root, "size")
    for name, pixels in (("width", sample.width), ("height", sample.height), ("depth", 3)):
        _text(size, name, pixels)
    _text(root, "segmented", 0)
    for index in range(len(sample)):
        item = ET.SubElement(root, "object")
        _text(item, "name", classes[sample.labels[index]])
        _text(item, "pose", "Unspecified")
        _text(item, "truncated", 0)
        # What is passed over in scoring is difficult here; VOC has no crowds.
        _text(item, "difficult", int(sample.difficult[index] or sample.crowd[index]))
        box = ET.SubElement(item, "bndbox")
        x1, y1, x2, y2 = map(float, sample.boxes[index])
        left, right, narrow = _pixels(x1, x2, sample.width)
        top, bottom, flat = _pixels(y1, y2, sample.height)
        widened += narrow + flat
        for corner, value in zip(_CORNERS, (left, top, right, bottom), strict=True):
            _text(box, corner, value)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n", widened


def _pixels(low: float, high: float, side: int) -> tuple[int | float, int | float, bool]:
    """First and last pixel of a side of a box, and whether it was less than a pixel long."""
    first, last = plain(low + 1), plain(high)
    if first <= last:
        return first, last, False
    start = min(max((low + high) / 2 - 0.5, 0.0), side - 1.0)
    return plain(start + 1), plain(start + 1), True


def _text(parent: ET.Element, name: str, value: object) -> None:
    ET.SubElement(parent, name).text = str(value)


TARGET = Target(
    name="voc",
    title="VOC",
    write=write,
    images=lambda _split, _shared: "JPEGImages",
    shared=True,
    spaces=False,
    difficult=True,
)
