"""Detections in text files: one file for each class, or one for each image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from yolo_cli.data.class_names import plain_name
from yolo_cli.data.formats.files import MAX_LABEL_BYTES, read_lines
from yolo_cli.errors import UserError
from yolo_cli.evaluation.results.rows import MAX_RESULT_BYTES, Lines, Rows, numbered, split_lines

_PER_CLASS = "image score xmin ymin xmax ymax"
_PER_IMAGE = "class score left top right bottom"
_YOLO = "class x y width height score"

_COMPETITION = re.compile(r"^(?:comp\d.*?_)?det_[^_]+_")  # comp4-ID_det_test_, det_val_


class ClassFiles:
    """Result files by class, as the VOC devkit, Darknet and others name them.

    ``comp4_det_test_CLASS.txt``, also with an identifier before the class or after ``comp4``;
    ``det_test_CLASS.txt``; ``CLASS.txt``.

    Args:
        classes: of the ground truth.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._same = frozenset(classes)
        self._like = {plain_name(name): name for name in classes}

    def find(self, path: Path) -> str | None:
        """Return the class in a file's name, the longest that it ends with; None without one."""
        stem = path.stem
        starts = [0, *(at + 1 for at, letter in enumerate(stem) if letter in "_- ")]
        for end in (stem[start:] for start in starts):
            name = end if end in self._same else self._like.get(plain_name(end))
            if name is not None:
                return name
        return None

    def name(self, path: Path) -> str:
        """Return the class in the name of a file, even one that the ground truth does not have."""
        return self.find(path) or _COMPETITION.sub("", path.stem)


def is_competition_file(path: Path) -> bool:
    """Return whether a name is of the kind that VOC's competitions use."""
    return path.suffix == ".txt" and _COMPETITION.match(path.stem) is not None


def read_per_class(files: dict[Path, str]) -> Rows:
    """Read VOC's result files, ``image score xmin ymin xmax ymax``, boxes as written.

    Raises:
        UserError: a file cannot be read, a line is malformed, or two files are of one class.
    """
    owner: dict[str, Path] = {}
    for path, name in files.items():
        if owner.setdefault(name, path) is not path:
            raise UserError(
                f"{path}: a second file for class {name!r} beside {owner[name].name}",
                "put the files of each run into a folder of their own",
            )
    lines = split_lines(
        [*files], lambda path: read_lines(path, MAX_RESULT_BYTES), expected=_PER_CLASS
    )
    images, image = numbered(lines.names)
    classes, of_file = numbered(files.values())
    return Rows(
        images=images,
        image=image,
        classes=classes,
        label=of_file[lines.file_of_row()],
        scores=lines.numbers[:, 0],
        values=lines.numbers[:, 1:],
        where=lines.where,
    )


def read_per_image(files: dict[Path, str], *, yolo: bool) -> Lines:
    """The lines of a folder with a text file for each image.

    Raises:
        UserError: a file cannot be read, or a line is malformed.
    """
    return split_lines(
        [*files],
        lambda path: read_lines(path, MAX_LABEL_BYTES),
        expected=_YOLO if yolo else _PER_IMAGE,
    )


def as_named(lines: Lines, files: dict[Path, str]) -> Rows:
    """Read ``class score`` and a box in each line; `files` has the image of each file."""
    images, of_file = numbered(files.values())
    classes, label = numbered(lines.names)
    return Rows(
        images=images,
        image=of_file[lines.file_of_row()],
        classes=classes,
        label=label,
        scores=lines.numbers[:, 0],
        values=lines.numbers[:, 1:],
        where=lines.where,
    )


def as_yolo(lines: Lines, files: dict[Path, str]) -> Rows:
    """Read ``class``, a box and the score in each line; `files` has the image of each file.

    Raises:
        UserError: a class is no number.
    """
    rows = as_named(lines, files)
    numbers: list[int] = []
    for index, text in enumerate(rows.classes):
        value = class_number(str(text))
        if value is None:
            row = int(np.flatnonzero(rows.label == index)[0])
            raise UserError(
                f"{lines.where(row)}: class {str(text)[:40]!r} is not a number from 0",
                f"a line is {_YOLO!r}, with nothing before or after",
            )
        numbers.append(value)
    return Rows(
        images=rows.images,
        image=rows.image,
        classes=numbers,
        label=rows.label,
        scores=lines.numbers[:, 4],
        values=lines.numbers[:, :4],
        where=lines.where,
    )


def class_number(text: str) -> int | None:
    """Return the class that a text numbers, wherever the count starts; None if it is no number."""
    return int(text) if text.isdecimal() and len(text) < 10 else None
