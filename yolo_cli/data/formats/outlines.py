"""Outlines of objects as masks: any format whose labels have polygons, read to segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from yolo_cli.data.formats.common import Key
from yolo_cli.data.formats.scan import (
    BoxForm,
    Fault,
    LabelledImage,
    LabelledObject,
    Reader,
    Reading,
    Spot,
)
from yolo_cli.data.images import image_size
from yolo_cli.data.mask import FEWEST_CORNERS, MOST_CLASSES, Polygons
from yolo_cli.data.runs import Runs
from yolo_cli.data.sample import FloatArray
from yolo_cli.errors import UserError

BACKGROUND = "background"


def for_task(reader: Reader, reading: Reading) -> Reader:
    """Return a reader of boxes as it is, or one of outlines where that is what is asked for."""
    return OutlineReader(reader) if reading.task == "segment" else reader


def wants_outlines(reading: Reading) -> bool:
    """Whether outlines are of use, which take memory."""
    return reading.task == "segment"


class OutlineReader:
    """Reads the outlines of another reader's objects.

    What lies in none of them is background, the first class. Objects without one are faults, but
    for crowds, whose boxes are not labelled.

    Args:
        reader: of the labels.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    @property
    def form(self) -> BoxForm:
        """As the labels have them."""
        return self.reader.form

    @property
    def relative(self) -> bool:
        """As the labels have them."""
        return self.reader.relative

    @property
    def splits(self) -> Mapping[str, Spot]:
        """Those of the labels."""
        return self.reader.splits

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The background, and the classes of the objects.

        Raises:
            UserError: there are more than a mask can have.
        """
        own = self.reader.classes
        found = own if BACKGROUND in own or not own else (BACKGROUND, *own)
        if len(found) > MOST_CLASSES:
            raise UserError(f"{len(found)} classes, and a mask has at most {MOST_CLASSES}")
        return tuple(sorted(found, key=lambda name: name != BACKGROUND))

    @property
    def declared(self) -> Mapping[str, Spot]:
        """Where each class of the objects is declared."""
        return self.reader.declared

    @cached_property
    def category_ids(self) -> Mapping[Key, int]:
        """Index of the class by COCO's ``category_id``."""
        own = self.reader.classes
        places = {name: index for index, name in enumerate(self.classes)}
        return {key: places[own[index]] for key, index in self.reader.category_ids.items()}

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.scan`."""
        for item in self.reader.scan(split):
            yield self._outlined(item) if isinstance(item, LabelledImage) else item

    def _outlined(self, image: LabelledImage) -> LabelledImage:
        if not image.usable:
            return image
        if image.spot.path == image.path:
            bare_image = Fault("no-label", image.spot, "no label for it, and so no outlines")
            return replace(image, usable=False, faults=[bare_image])
        found = [(item, _fault_of(item, image.path)) for item in image.objects]
        drawn = [item for item, fault in found if fault is None]
        faults = [*image.faults, *(fault for _, fault in found if fault is not None)]
        annotate = partial(_polygons, image, drawn, self.relative)
        return replace(image, objects=(), faults=faults, annotate=annotate)

    def leftovers(self) -> Iterator[Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.leftovers`."""
        return self.reader.leftovers()

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: object) -> None:
        """Refuse: what is written would have boxes alone.

        Raises:
            UserError: always.
        """
        raise UserError(
            "outlines are not written in other splits so far", "divide the dataset to detect"
        )


def _fault_of(item: LabelledObject, image: Path) -> Fault | None:
    """Return what is wrong with an object's outline, if anything."""
    if not (item.outlines or item.crowd):
        what = f"{item.name!r} has a box and no outline"
        return Fault("no-outline", item.spot, what, hint="draw a polygon")
    for part in item.outlines:
        if isinstance(part, Runs) and (part.width, part.height) != _size_of(image, part):
            what = f"{item.name!r} has run lengths for {part.width} × {part.height} pixels, "
            return Fault("no-outline", item.spot, f"{what}and its image has another size")
    return None


def _size_of(image: Path, part: Runs) -> tuple[int, int]:
    try:
        return image_size(image)
    except UserError:  # whoever loads the photograph says what is wrong with it
        return part.width, part.height


def _polygons(
    image: LabelledImage,
    objects: Sequence[LabelledObject],
    relative: bool,
    numbers: Mapping[str, int],
) -> Polygons:
    """Return the outlines of an image, in pixels of it."""
    width, height = image_size(image.path)
    scale = np.array([width, height] if relative else [1, 1], dtype=np.float64)
    drawn: list[tuple[int | None, list[FloatArray | Runs]]] = []
    for item in objects:
        parts = [one if isinstance(one, Runs) else one * scale for one in item.outlines]
        label = None if item.crowd else numbers[item.name]
        drawn.append((label, parts or [_corners(item) * scale]))
    return Polygons(width, height, len(numbers), drawn)


def _corners(item: LabelledObject) -> FloatArray:
    """Return the corners of a box."""
    x1, y1, x2, y2 = item.box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], dtype=np.float64)


def read_outlines(value: object) -> tuple[FloatArray | Runs, ...]:
    """Return COCO's ``segmentation``, polygons ``[K, 2]`` or runs; none for something else."""
    runs = Runs.read(value)
    if runs is not None:
        return (runs,)
    if not isinstance(value, list):
        return ()
    found: list[FloatArray] = []
    for part in value:
        try:
            numbers = np.array(part, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            return ()
        if numbers.ndim != 1 or len(numbers) % 2 or not np.isfinite(numbers).all():
            return ()
        if len(numbers) >= 2 * FEWEST_CORNERS:
            found.append(numbers.reshape(-1, 2))
    return tuple(found)
