"""Which image and which class of the ground truth a name or number in a result file means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np

from yolo_cli.data.class_names import class_places
from yolo_cli.data.formats.common import IMAGE_FOLDERS, Key, number
from yolo_cli.data.images import IMAGE_SUFFIXES
from yolo_cli.data.sample import IntArray, Sample
from yolo_cli.errors import UserError
from yolo_cli.evaluation.result_forms import CLASS_BASE_FLAG, IGNORE_FLAG
from yolo_cli.evaluation.results.rows import Rows
from yolo_cli.evaluation.results.text_results import class_number

_SEVERAL = -2


class ImageNames:
    """The images of the ground truth by all that other tools call them.

    A name is an image's id, or a path that ends with it, or the file's name; with the suffix of an
    image or without. A number is COCO's id, else the number that the file's name is (``139`` for
    ``000139.jpg``).

    Args:
        samples: the images.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._ids = {sample.id: index for index, sample in enumerate(samples)}
        self._keys = {one.key: index for index, one in enumerate(samples) if one.key is not None}
        self._names: dict[str, int] = {}
        self._numbers: dict[int, int] = {}
        for index, sample in enumerate(samples):
            last = sample.id.rsplit("/", maxsplit=1)[-1]
            for name in {last, sample.image.name, sample.image.stem}:
                self._names[name] = index if name not in self._names else _SEVERAL
            value = class_number(last)
            if value is not None:
                self._numbers[value] = index if value not in self._numbers else _SEVERAL

    def find(self, key: Key) -> int:
        """Return the index of the image, -1 if there is none, -2 if there are several."""
        if key in self._keys:
            return self._keys[key]
        if isinstance(key, str):
            found = self._find_name(key)
            value = class_number(key)
            return self._keys.get(value, -1) if found == -1 and value is not None else found
        if self._keys:
            return self._keys.get(str(key), -1)
        return self._numbers.get(key, -1)

    def _find_name(self, name: str) -> int:
        if name in self._ids:
            return self._ids[name]
        path = PurePosixPath(name.replace("\\", "/"))
        bare = path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path
        for one in (path, bare):
            # As ids are made: without the folders that merely hold images.
            folders = [part for part in one.parts[:-1] if part.lower() not in IMAGE_FOLDERS]
            parts = [*folders, one.name]
            for start in range(len(parts)):
                found = self._ids.get("/".join(parts[start:]))
                if found is not None:
                    return found
        return self._names.get(path.name, self._names.get(bare.name, -1))


def image_indices(rows: Rows, names: ImageNames, *, ignore_unknown: bool) -> IntArray:
    """Return the ``[N]`` index of the image of each row, -1 for those to be left out.

    Raises:
        UserError: an image is unknown and that is not to be ignored, all are, or a name is
            several images'.
    """
    table = np.array([names.find(key) for key in rows.images], dtype=np.int64)
    used = np.unique(rows.image)  # a file may be there and have nothing in it
    several = used[table[used] == _SEVERAL]
    if len(several):
        index = int(several[0])
        raise UserError(
            f"{_first(rows, rows.image, index)}: several images are called "
            f"{str(rows.images[index])[:200]!r}",
            "name them with their folders",
        )
    unknown = used[table[used] < 0]
    if len(unknown) and (not ignore_unknown or len(unknown) == len(used)):
        row = _first(rows, rows.image, int(unknown[0]))
        what = "no image of the detections is" if len(unknown) == len(used) else "an image is not"
        name = str(rows.images[int(unknown[0])])[:200]
        hint = "are these the detections of another dataset or split?"
        if not ignore_unknown:
            hint += f" Leave unknown images and classes out with {IGNORE_FLAG}"
        raise UserError(f"{row}: {what} in the ground truth: {name!r}", hint)
    return table[rows.image]


def class_indices(
    rows: Rows,
    classes: Sequence[str],
    category_ids: Mapping[Key, int],
    *,
    class_base: int | None,
    ignore_unknown: bool,
) -> IntArray:
    """Return the ``[N]`` index of the class of each row, -1 for those to be left out.

    Numbers are looked up in `category_ids`; where there are none they are counted from
    `class_base`, or from whichever of 0 and 1 the highest and lowest number allow.

    Raises:
        UserError: a class is unknown and that is not to be ignored, all are, or numbers may be
            counted from either.
    """
    used = np.unique(rows.label)
    places = class_places([str(key) for key in rows.classes], classes)
    numbers = [_as_number(key) for key in rows.classes]
    table = np.array(places, dtype=np.int64)
    if category_ids:
        ids = {str(key): index for key, index in category_ids.items()}
        table[:] = [
            place if isinstance(key, str) and place >= 0 else ids.get(str(key), -1)
            for key, place in zip(rows.classes, places, strict=True)
        ]
    else:
        open_ones = [i for i in used.tolist() if places[i] < 0 and numbers[i] is not None]
        if open_ones:
            found = [value for i in open_ones if (value := numbers[i]) is not None]
            base = _base(found, len(classes), class_base, rows, open_ones)
            shifted = np.array(found, dtype=np.int64) - base
            table[open_ones] = np.where((shifted >= 0) & (shifted < len(classes)), shifted, -1)
    unknown = used[table[used] < 0]
    if len(unknown) and (not ignore_unknown or len(unknown) == len(used)):
        index = int(unknown[0])
        name = str(rows.classes[index])
        hint = f"its classes: {_listed(classes)}"
        if not ignore_unknown:
            hint += f"; leave others out with {IGNORE_FLAG}"
        words = name.split()
        if len(words) > 1 and number(words[-1]) is not None:
            hint = "there seem to be more numbers than a score and a box"
        raise UserError(
            f"{_first(rows, rows.label, index)}: class {name[:80]!r} is not in the ground truth",
            hint,
        )
    return table[rows.label]


def _as_number(key: Key) -> int | None:
    if isinstance(key, str):
        return class_number(key)
    return key if 0 <= key < 2**31 else None


def _base(
    numbers: Sequence[int], count: int, given: int | None, rows: Rows, places: Sequence[int]
) -> int:
    """Return whether classes are counted from 0 or from 1."""
    if given is not None:
        return given
    if 0 in numbers:
        return 0
    if count in numbers:
        return 1
    raise UserError(
        f"{_first(rows, rows.label, places[0])}: class {rows.classes[places[0]]!r} is a number, "
        "and nothing says what the first class is",
        f"say it: {CLASS_BASE_FLAG} 0 or {CLASS_BASE_FLAG} 1",
    )


def _first(rows: Rows, column: IntArray, value: int) -> str:
    """Return file and line of the first row with a value in a column."""
    return rows.where(int(np.flatnonzero(column == value)[0]))


def _listed(names: Iterable[str]) -> str:
    text = ", ".join(names)
    return text if len(text) < 200 else f"{text[:200]} …"
