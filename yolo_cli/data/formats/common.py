"""What all readers share: the contract, faults and ``--skip-bad``, samples and their boxes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from reprlib import Repr
from typing import Literal, Protocol, TypeAlias

import numpy as np

from yolo_cli.data.formats.files import exists
from yolo_cli.data.images import image_size, read_image
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError

MAX_OBJECTS = 100_000
"""Most objects that the label file of one image can have."""

MAX_FAULTS = 1000
"""A label file with more broken objects than this is none."""


LONGEST_SIDE = 1_000_000
"""Pixels of a side that a label can state."""

FARTHEST_PIXEL = 1e7
"""No box corner is farther out than this, whatever the size of the image."""

ROUNDING_PIXELS = 1.0
ROUNDING_FRACTION = 0.01
"""A box may stick out of the image by the larger of the two, and is then clipped."""

SKIP_HINT = "mend the label, or drop it with --skip-bad"

SPLIT_FOLDERS = ("train", "training", "trainval", "val", "valid", "validation", "test", "testing")
"""Names, in lower case, of folders that hold one split each."""

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages")
"""Names, in lower case, of folders that hold images."""

_CANONICAL = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
_YEAR = re.compile(r"(?<=[a-z])[_-]?(19|20)\d\d$")

Box = tuple[float, float, float, float]

Key = int | str
"""What COCO files call an image or a category by."""

Size = tuple[int, int]
"""Width and height in pixels; ``UNKNOWN_SIZE`` where nothing says them."""

UNKNOWN_SIZE: Size = (0, 0)


@dataclass(frozen=True)
class Reading:
    """How a dataset is to be read.

    Attributes:
        skip_bad: drop broken labels and images instead of stopping at the first.
        images: whether the images must be there; False where the labels say all that is needed.
        sure: the user named the format: what holds the right kind of files is not doubted.
    """

    skip_bad: bool = False
    images: bool = True
    sure: bool = False


class Reader(Protocol):
    """One dataset folder, seen by one format."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The folder's own names of its splits; empty if it has none."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, the same for every split."""

    @property
    def category_ids(self) -> Mapping[Key, int]:
        """Index of the class by COCO's ``category_id``; empty where classes have no ids."""

    def load(self, split: str | None) -> tuple[list[Sample], list[str]]:
        """Samples of a split (its own name; None for all), and a line for each that was bad."""


@dataclass(frozen=True)
class Entry:
    """One annotated object as its label file has it, box already xyxy from 0.

    Attributes:
        where: ``path:line`` or the like, for messages.
        label: index of the class.
        box: xyxy; pixels of the upright image, or fractions of its sides (``relative``).
        difficult: VOC's flag.
        crowd: COCO's flag.
        area: annotated area in square pixels; None to take the box's.
        relative: whether the box is in fractions of the image's width and height.
    """

    where: str
    label: int
    box: Box
    difficult: bool = False
    crowd: bool = False
    area: float | None = None
    relative: bool = False


FaultKind: TypeAlias = Literal["syntax", "class", "columns", "swapped", "missing", "repeated"]
"""What is wrong: how an object is written; its class; its numbers are no fractions; its corners
or the sign of its size; what it refers to is not there; it is there twice."""


@dataclass(frozen=True)
class Fault:
    """Something in a label file that cannot be used.

    Attributes:
        kind: what sort of thing is wrong.
        path: the file.
        line: in the file, from 1; 0 if that is not known.
        what: is wrong, in a few words.
        item: the object in question, where a line does not tell it.
        index: place of the object in its list, from 0, where a line does not tell it.
        numbers: as far as they could be read: the box as it is written, or a whole line.
    """

    kind: FaultKind
    path: Path
    line: int
    what: str
    item: str = ""
    index: int | None = None
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else f"{self.path}"
        return ": ".join(filter(None, (place, self.item, self.what)))


class Faults:
    """Broken labels: the first one ends the run, or with ``skip_bad`` each is noted.

    Attributes:
        skip_bad: whether to go on.
        noted: what was wrong, in the order in which it was found.
    """

    def __init__(self, skip_bad: bool) -> None:
        self.skip_bad = skip_bad
        self.noted: list[UserError | Fault | str] = []

    @property
    def lines(self) -> list[str]:
        """A message for each."""
        return [one.message if isinstance(one, UserError) else str(one) for one in self.noted]

    def add(self, fault: UserError | Fault | str) -> None:
        """Raises `fault`, or notes that what it speaks of is dropped."""
        if not self.skip_bad:
            error = fault if isinstance(fault, UserError) else UserError(str(fault), SKIP_HINT)
            raise with_skip_hint(error) from error
        self.noted.append(fault)


def with_skip_hint(error: UserError) -> UserError:
    """The error of a label or an image, with ``--skip-bad`` among the ways out."""
    if "--skip-bad" in error.hint:
        return error
    hint = f"{error.hint}, or drop it with --skip-bad" if error.hint else "drop it with --skip-bad"
    return UserError(error.message, hint, error.code)


def build_sample(
    sample_id: str,
    image: Path,
    entries: Iterable[Entry],
    faults: Faults,
    *,
    stated: Size | None = None,
    key: Key | None = None,
) -> Sample | None:
    """Reads the image's size, checks each box against it and makes the arrays.

    Where bad images are to be skipped the whole image is read.

    Args:
        sample_id: name in the dataset.
        image: path of the image.
        entries: the objects in it.
        faults: told of an image that cannot be read, and of every bad box, which is left out.
        stated: size by the label; given, the image need not be there. Boxes are only checked
            against a size that is known.
        key: COCO's id of the image.

    Returns:
        The sample; None if the image cannot be read.

    Raises:
        UserError: the image or a box is bad, and `faults` is strict.
    """
    try:
        width, height = _size(image, stated, whole=faults.skip_bad)
    except UserError as error:
        faults.add(error)
        return None
    kept: list[tuple[Entry, Box]] = []
    for entry in entries:
        box = entry.box
        if entry.relative:
            box = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
        try:
            kept.append((entry, check_box(box, width, height)))
        except BoxError as error:
            faults.add(f"{entry.where}: {error}")
    boxes = np.array([box for _, box in kept], dtype=np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    area = sides[:, 0] * sides[:, 1]
    for index, (entry, _) in enumerate(kept):
        if entry.area is not None:
            area[index] = entry.area
    return Sample(
        id=sample_id,
        image=image,
        width=width,
        height=height,
        boxes=boxes,
        labels=np.array([entry.label for entry, _ in kept], dtype=np.int64),
        difficult=np.array([entry.difficult for entry, _ in kept], dtype=np.bool_),
        crowd=np.array([entry.crowd for entry, _ in kept], dtype=np.bool_),
        area=area,
        key=key,
    )


def stated_size(size: tuple[float, float] | None) -> Size:
    """The size that a label states, if it is one: other programs write 0 x 0."""
    if size is None or not all(1 <= side <= LONGEST_SIDE for side in size):  # also if it is NaN
        return UNKNOWN_SIZE
    return int(size[0]), int(size[1])


def _size(image: Path, stated: Size | None, *, whole: bool) -> Size:
    if stated is None:
        # The header says the size; whether the rest is whole, only decoding tells.
        return read_image(image).size if whole else image_size(image)
    if not exists(image):
        return stated
    try:
        return image_size(image)
    except UserError:
        return stated


class BoxError(ValueError):
    """A box that cannot be meant; says why in a few words."""

    def __init__(self, box: Box, reason: str) -> None:
        super().__init__(f"box [{', '.join(f'{value:g}' for value in box)}] {reason}")


def check_box(box: Box, width: int, height: int) -> Box:
    """Checks a box against its image, and clips what sticks out by a rounding error.

    Args:
        box: xyxy in pixels.
        width: of the image; 0 where it is unknown.
        height: of the image, likewise.

    Returns:
        The box inside the image, with positive sides; where the size is unknown, as it is.

    Raises:
        BoxError: a coordinate is NaN or infinite, the corners are swapped, a side is zero, or
            the box leaves the image by more than ``max(1 px, 1 % of that side)``.
    """
    if not all(isfinite(value) for value in box):
        raise BoxError(box, "is not finite")
    if max(map(abs, box)) > FARTHEST_PIXEL:
        raise BoxError(box, "is outside of any image")
    x1, y1, x2, y2 = box
    if x2 < x1 or y2 < y1:
        raise BoxError(box, "has swapped corners or a negative size")
    if x2 == x1 or y2 == y1:
        raise BoxError(box, "has no size")
    if not (width and height):
        return box
    slack_x = max(ROUNDING_PIXELS, ROUNDING_FRACTION * width) + 1e-6
    slack_y = max(ROUNDING_PIXELS, ROUNDING_FRACTION * height) + 1e-6
    if x1 < -slack_x or y1 < -slack_y or x2 > width + slack_x or y2 > height + slack_y:
        raise BoxError(box, f"leaves the image of {width} x {height} pixels")
    inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        raise BoxError(box, f"lies outside the image of {width} x {height} pixels")
    return inside


def canonical_split(name: str) -> str:
    """The usual name of a split: ``Valid`` is ``val``, ``train2017`` is ``train``."""
    bare = _YEAR.sub("", name.lower())
    usual = _CANONICAL.get(bare, bare)
    return usual if usual in {"train", "trainval", "val", "test"} else name


def unique_ids(images: Iterable[Path], root: Path) -> list[str]:
    """An id for each image: its path below `root`, without ``images/`` and suffix.

    Where two would be the same (``a.jpg``, ``a.png``) the later one keeps its suffix. Ids do not
    depend on how `root` is written.
    """
    ids: dict[str, None] = {}
    for image in images:
        parts = Path(os.path.relpath(image, root)).parts
        kept = [part for part in parts[:-1] if part != ".." and part.lower() not in IMAGE_FOLDERS]
        image_id = "/".join((*kept, image.stem))
        while image_id in ids:
            image_id += image.suffix or "_"
        ids[image_id] = None
    return list(ids)


def check_counts(path: Path, objects: int, faults: int, most: int = MAX_FAULTS) -> None:
    """Stops the reading of what is no label file, before it fills the memory.

    Raises:
        UserError: `path` has more than ``MAX_OBJECTS`` objects or `most` broken ones.
    """
    if objects > MAX_OBJECTS:
        raise UserError(f"{path}: more than {MAX_OBJECTS} objects in one image")
    if faults > most:
        raise UserError(f"{path}: more than {most} broken objects", "is this a label file?")


def number(text: str) -> float | None:
    """The number that `text` is (also ``nan`` and ``inf``), or None."""
    try:
        return float(text)
    except ValueError:
        return None


_BRIEF = Repr()
_BRIEF.maxlevel = 2
_BRIEF.maxlist = _BRIEF.maxdict = 4
_BRIEF.maxstring = _BRIEF.maxother = 40


def brief(value: object) -> str:
    """A value of a JSON file for a message: short, however large or deep it is."""
    return _BRIEF.repr(value)[:60]
