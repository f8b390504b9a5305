"""What all readers share: finding files, reading text, checking boxes, and ``--skip-bad``."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from operator import attrgetter
from pathlib import Path
from reprlib import Repr
from typing import Literal, Protocol, TypeAlias

import numpy as np

from yolo_cli.data.images import image_size, read_image
from yolo_cli.data.sample import Sample
from yolo_cli.errors import ExitCode, UserError

MAX_LABEL_BYTES = 4 * 1024**2
"""Largest label file of one image that is read: hundreds of thousands of boxes."""

MAX_OBJECTS = 100_000
"""Most objects that the label file of one image can have."""

MAX_FAULTS = 1000
"""A label file with more broken objects than this is none."""

MAX_LIST_BYTES = 64 * 1024**2
"""Largest list of images that is read."""

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


def child(folder: Path, *names: str) -> Path | None:
    """The first of `names` (any case) that is a folder inside `folder`."""
    if not folder.is_dir():
        return None
    try:
        with os.scandir(folder) as entries:  # tells folders from files without a look at each
            folders = sorted(one.name for one in entries if one.is_dir() and _is_visible(one.name))
    except OSError as error:
        raise unreadable(folder, error) from error
    found = {name.lower(): folder / name for name in folders}
    return next((found[name.lower()] for name in names if name.lower() in found), None)


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; False also for what can be no path at all."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def visible(folder: Path) -> list[Path]:
    """What is in a folder, sorted, without hidden files and what archivers leave behind."""
    try:
        paths = sorted(folder.iterdir(), key=attrgetter("name"))  # much quicker than by path
    except OSError as error:
        raise unreadable(folder, error) from error
    return [path for path in paths if _is_visible(path.name)]


def _is_visible(name: str) -> bool:
    return not name.startswith((".", "__MACOSX"))


def walk(folder: Path) -> Iterator[Path]:
    """All visible files below a folder, in no particular order; links to folders are followed.

    A link that leads back to a folder it is in is not followed again.
    """
    seen: set[str] = set()

    def stop(error: OSError) -> None:
        raise unreadable(Path(error.filename or folder), error) from error

    for base, folders, files in os.walk(folder, onerror=stop, followlinks=True):
        real = os.path.realpath(base)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(filter(_is_visible, folders))
        yield from (Path(base, name) for name in files if not name.startswith("."))


class FileIndex:
    """The files below a folder by id: relative path without suffix, ``/`` between parts.

    Of several files with the same id (``a.jpg``, ``a.png``) the first by name is meant.

    Args:
        folder: where to look, subfolders included.
        wanted: whether a file belongs into the index.
    """

    def __init__(self, folder: Path, wanted: Callable[[Path], bool]) -> None:
        self.folder = folder
        self.unused: dict[Path, Path] = {}
        """Files behind another one of the same id, and that one."""
        self._by_id: dict[str, Path] = {}
        self._by_name: dict[str, Path] = {}
        for path in sorted(filter(wanted, walk(folder))):
            used = self._by_id.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
            if used is not path:
                self.unused[path] = used
            self._by_name.setdefault(path.name.lower(), path)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    @cached_property
    def _by_folded_id(self) -> dict[str, Path]:
        return {name.lower(): path for name, path in reversed(self._by_id.items())}

    def find(self, file_id: str) -> Path | None:
        """The file with this id, in the given case if there is one, else in any."""
        return self._by_id.get(file_id) or self._by_folded_id.get(file_id.lower())

    def named(self, name: str) -> Path | None:
        """The file with this name (suffix included, any case), in whichever subfolder."""
        return self._by_name.get(name.lower())


def read_bytes(path: Path, limit: int = MAX_LABEL_BYTES) -> bytes:
    """Content of a label file.

    Raises:
        UserError: missing, a folder, unreadable, or larger than `limit` bytes.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UserError(f"{path}: a folder where a label file should be")
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise UserError(f"{path}: not a file that can be read whole")
        if found.st_size > limit:
            raise UserError(
                f"{path}: {found.st_size / 1024**2:.1f} MB is too large for such a file",
                f"at most {limit / 1024**2:g} MB are read",
            )
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise UserError(f"{path}: no such file") from error
    except OSError as error:
        raise unreadable(path, error) from error


def read_lines(path: Path, limit: int = MAX_LABEL_BYTES) -> list[str]:
    """Lines of a text file in UTF-8 (with or without byte order mark) or UTF-16 with one.

    Raises:
        UserError: as :func:`read_bytes`, or it is no text.
    """
    data = read_bytes(path, limit)
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8 text", "save the file as UTF-8") from error
    return [line.strip() for line in text.split("\n")]


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


def unreadable(path: Path, error: OSError) -> UserError:
    """The error for a file or folder that the system does not let us read."""
    reason = error.strerror or str(error)
    code = ExitCode.FAILURE if isinstance(error, PermissionError) else ExitCode.BAD_INPUT
    return UserError(f"{path}: cannot be read ({reason})", code=code)
