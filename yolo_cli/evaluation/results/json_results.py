"""Detections in JSON: COCO's results, and the lines of ``yolo detect --json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yolo_cli.data.formats.common import brief
from yolo_cli.data.formats.files import read_bytes
from yolo_cli.data.sample import FloatArray
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.evaluation.results.rows import MAX_RESULT_BYTES, Rows, numbered

_KEYS = frozenset({int, str})
_NUMBERS = frozenset({int, float})
_HUGE = 1e300
_MARK = b"\xef\xbb\xbf"  # byte order mark

_BY_ID = ("image_id", "category_id")
_BY_NAME = ("file_name", "category_name")

_COCO = "a list of {'image_id', 'category_id', 'bbox', 'score'}"
_OURS = "{'image': name, 'detections': [{'label', 'score', 'box'}]}"


def read_coco_results(path: Path) -> Rows:
    """Read COCO's result format, https://cocodataset.org/#format-results, boxes as written.

    Where every record has a ``file_name`` or a ``category_name`` as well, as some tools write it,
    that is what images or classes go by: ids are those of whatever the tool was given.

    Raises:
        UserError: the file cannot be read, or a record lacks something.
    """
    records = _parse(read_bytes(path, MAX_RESULT_BYTES), path)
    if isinstance(records, dict) and isinstance(records.get("annotations"), list):
        records = records["annotations"]  # as some tools wrap it
    if not isinstance(records, list):
        raise UserError(f"{path}: not COCO's result format", f"that is {_COCO}")

    def where(row: int) -> str:
        return f"{path}: detection {row} (from 0)"

    image, label = (
        name if records and all(_has_text(record, name) for record in records) else number
        for name, number in zip(_BY_NAME, _BY_ID, strict=True)
    )
    return _rows(records, (image, label, "bbox", "score"), where)


def _has_text(record: object, key: str) -> bool:
    return isinstance(record, dict) and isinstance(record.get(key), str)


def read_json_lines(path: Path) -> Rows:
    """Read what ``yolo detect --json`` wrote: an object for each image, in lines or in a list.

    Raises:
        UserError: the file cannot be read, or a record lacks something.
    """
    records: list[object] = []
    places: list[tuple[str, int]] = []
    for place, record in _images(path):
        image = record.get("image") if isinstance(record, dict) else None
        found = record.get("detections") if isinstance(record, dict) else None
        if not isinstance(image, str) or not isinstance(found, list):
            raise UserError(f"{place}: no 'image' or no 'detections'", f"it should be {_OURS}")
        for index, item in enumerate(found):
            records.append({**item, "image": image} if isinstance(item, dict) else item)
            places.append((place, index))

    def where(row: int) -> str:
        place, index = places[row]
        return f"{place}: detection {index} (from 0)"

    return _rows(records, ("image", "label", "box", "score"), where)


def _images(path: Path) -> Iterator[tuple[str, object]]:
    """Return the records of a file, and the place of each."""
    data = read_bytes(path, MAX_RESULT_BYTES)
    if data.removeprefix(_MARK).lstrip()[:1] == b"[":
        content = _parse(data, path)
        assert isinstance(content, list)
        for index, record in enumerate(content):
            yield f"{path}: image {index} (from 0)", record
        return
    for line, text in enumerate(data.split(b"\n"), start=1):
        if text.strip():
            yield f"{path}:{line}", _parse(text, path, line)


def _parse(data: bytes, path: Path, line: int = 0) -> object:
    """Return the value of a JSON text; `line` is its place in the file if it is a part of it."""
    try:
        value: object = json.loads(data.removeprefix(_MARK))
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}:{line or error.lineno}: broken JSON (column {error.colno}: {error.msg})",
            "the file is cut off or was edited by hand: get an intact copy",
        ) from error
    except UnicodeDecodeError as error:
        at = line or data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{at}: not UTF-8 text", "save the file as UTF-8") from error
    except RecursionError as error:
        raise UserError(f"{path}:{line or 1}: JSON nested too deeply to be detections") from error
    except MemoryError as error:
        raise UserError(f"{path}: not enough memory to read it", code=ExitCode.FAILURE) from error
    except ValueError as error:  # a number of thousands of digits
        raise UserError(f"{path}:{line or 1}: broken JSON ({str(error)[:80]})") from error
    return value


def _rows(
    records: Sequence[object], keys: tuple[str, str, str, str], where: Callable[[int], str]
) -> Rows:
    """Return the columns of records; `keys` are those of image, class, box and score."""
    checked: list[Mapping[str, Any]] = []
    for row, record in enumerate(records):
        fault = _fault(record, keys)
        if fault or not isinstance(record, Mapping):
            raise UserError(f"{where(row)}: {fault}", f"a detection has {', '.join(keys)}")
        checked.append(record)
    image, label, box, score = keys
    numbers = _numbers([(*record[box], record[score]) for record in checked])
    bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if len(bad):
        row = int(bad[0])
        raise UserError(f"{where(row)}: its {box} or score is not finite", "drop the detection")
    images, image_index = numbered(record[image] for record in checked)
    classes, class_index = numbered(record[label] for record in checked)
    return Rows(
        images=images,
        image=image_index,
        classes=classes,
        label=class_index,
        scores=numbers[:, 4],
        values=numbers[:, :4],
        where=where,
    )


def _numbers(rows: Sequence[Sequence[float]]) -> FloatArray:
    """Return ``[N, 5]``; an integer beyond all floating-point numbers is infinite."""
    try:
        return np.array(rows, dtype=np.float64).reshape(-1, 5)
    except OverflowError:
        capped = [[value if abs(value) < _HUGE else float("inf") for value in row] for row in rows]
        return np.array(capped, dtype=np.float64).reshape(-1, 5)


def _fault(record: object, keys: tuple[str, str, str, str]) -> str:
    """Return what is wrong with a record; empty if nothing is."""
    if not isinstance(record, dict):
        return f"{brief(record)} is not an object"
    missing = [key for key in keys if key not in record]
    if missing:
        return f"it has no {missing[0]!r}"
    image, label, box, score = keys
    for key in (image, label):
        if type(record[key]) not in _KEYS:  # bool is a kind of int, and no key
            return f"its {key} is {brief(record[key])}"
    if type(record[score]) not in _NUMBERS:
        return f"its score is {brief(record[score])}, not a number"
    corners = record[box]
    if (
        not isinstance(corners, list)
        or len(corners) != 4
        or not _NUMBERS.issuperset(map(type, corners))
    ):
        return f"its {box} is {brief(corners)}, not four numbers"
    return ""
