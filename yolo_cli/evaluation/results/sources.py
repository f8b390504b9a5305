"""Which format a file or folder of detections is in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_cli.data.formats.files import exists, unreadable, walk
from yolo_cli.data.sample import FloatArray
from yolo_cli.errors import UserError
from yolo_cli.evaluation.result_forms import FORMAT_FLAG, ResultFormat
from yolo_cli.evaluation.results.boxes import (
    FRACTION_FORMS,
    MOST_BAD,
    RULED_OUT,
    are_fractions,
    share_impossible,
)
from yolo_cli.evaluation.results.json_results import read_coco_results, read_json_lines
from yolo_cli.evaluation.results.rows import Lines, Rows
from yolo_cli.evaluation.results.text_results import (
    ClassFiles,
    as_named,
    as_yolo,
    class_number,
    is_competition_file,
    read_per_class,
    read_per_image,
)

_SNIFFED_BYTES = 4096
_OURS = re.compile(rb'\s*(?:\[\s*)?\{\s*"image"\s*:')
_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_NOT_DETECTIONS = frozenset({"classes.txt", "names.txt", "class_list.txt", "readme.txt"})


@dataclass(frozen=True)
class _Files:
    """Text files that are all of one kind."""

    paths: Sequence[Path]
    per_class: bool


def read_rows(
    path: Path,
    classes: Sequence[str],
    is_image: Callable[[str], bool],
    wanted: ResultFormat | None,
) -> tuple[ResultFormat, Rows]:
    """Read a file or folder of detections.

    Args:
        path: the file or folder.
        classes: of the ground truth.
        is_image: whether the ground truth has an image of this name.
        wanted: the format; None to find out.

    Returns:
        The format, and the detections as written.

    Raises:
        UserError: the format is not clear, or a file is broken.
    """
    try:
        if not exists(path):
            raise UserError(f"{path}: no such file or folder")
        path = _only_json(path) or path if path.is_dir() else path
        if wanted is None:
            wanted = _json_format(path)
        if wanted == "coco":
            return "coco", read_coco_results(path)
        if wanted == "jsonl":
            return "jsonl", read_json_lines(path)
        files = _text_files(path, ClassFiles(classes), is_image, wanted)
    except OSError as error:
        raise unreadable(path, error) from error
    if files.per_class:
        names = ClassFiles(classes)
        return "voc", read_per_class({file: names.name(file) for file in files.paths})
    base = path if path.is_dir() else path.parent
    images = {file: _image_name(file, base) for file in files.paths}
    lines = read_per_image(images, yolo=wanted == "yolo")
    if wanted == "yolo" or (wanted is None and _is_yolo(lines, path)):
        return "yolo", as_yolo(lines, images)
    return "text", as_named(lines, images)


def _only_json(folder: Path) -> Path | None:
    """Return the JSON file in a folder, if it is the only one and there is no text file."""
    files = [path for path in folder.iterdir() if path.suffix.lower() in {*_JSON_SUFFIXES, ".txt"}]
    return files[0] if len(files) == 1 and files[0].suffix.lower() in _JSON_SUFFIXES else None


def _json_format(path: Path) -> ResultFormat | None:
    """Return the format of a JSON file by how it begins; None for what is not JSON."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(_SNIFFED_BYTES).removeprefix(b"\xef\xbb\xbf")
    if _OURS.match(head) or path.suffix.lower() in {".jsonl", ".ndjson"}:
        return "jsonl"
    if head.lstrip()[:1] in {b"[", b"{"} or path.suffix.lower() == ".json":
        return "coco"
    return None


def _text_files(
    path: Path, classes: ClassFiles, is_image: Callable[[str], bool], wanted: ResultFormat | None
) -> _Files:
    """Return the text files, and whether there is one for each class or for each image."""
    files = [path] if path.is_file() else sorted(filter(_is_text, walk(path)))
    if not files:
        raise UserError(f"{path}: no text files of detections in it", "name a JSON file itself")
    competition = [file for file in files if is_competition_file(file)]
    if wanted is not None or competition:
        per_class = wanted in {None, "voc"}
        return _Files((competition or files) if per_class else files, per_class)
    base = path if path.is_dir() else path.parent
    images = sum(is_image(_image_name(file, base)) for file in files)
    named = (
        0 if images not in {0, len(files)} else sum(classes.find(one) is not None for one in files)
    )
    if images and named == len(files):
        raise UserError(
            f"{path}: the files are named like images and like classes",
            f"say which: {FORMAT_FLAG} voc (a file for each class), text or yolo (for each image)",
        )
    return _Files(files, per_class=not images and named == len(files))


def _image_name(file: Path, base: Path) -> str:
    return file.relative_to(base).as_posix().removesuffix(".txt")


def _is_text(path: Path) -> bool:
    return path.suffix == ".txt" and path.name.lower() not in _NOT_DETECTIONS


def _is_yolo(lines: Lines, path: Path) -> bool:
    """Return whether the score comes last, after fractions of the image, and not second.

    Raises:
        UserError: it may be either.
    """
    if not len(lines.numbers) or any(class_number(name) is None for name in {*lines.names}):
        return False
    if not are_fractions(lines.numbers[:, 1:]):
        return False
    ones = np.ones((len(lines.numbers), 2))
    yolo = share_impossible(lines.numbers[:, :4], "cxcywhn", ones)
    text = _least_impossible(lines.numbers[:, 1:], ones)
    if yolo <= MOST_BAD and text >= RULED_OUT:
        return True
    if text <= MOST_BAD and yolo >= RULED_OUT:
        return False
    raise UserError(
        f"{path}: the score may be the second or the last number of a line",
        f"say which: {FORMAT_FLAG} yolo (class x y width height score) or {FORMAT_FLAG} text",
    )


def _least_impossible(values: FloatArray, ones: FloatArray) -> float:
    return min(share_impossible(values, form, ones) for form in FRACTION_FORMS)
