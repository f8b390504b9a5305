"""The detections of all images in one file: JSON lines as they come, other forms made from those.

JSON lines are a journal: each line is whole, and written when its image is done. It is what a run
that was interrupted goes on from, however it ended.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath
from typing import IO, Any

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write
from yolo_cli.tasks.detect.records import DetectionRecord

JOURNAL = "detections.jsonl"
NAMES = {"json": "detections.json", "csv": "detections.csv", "coco": "detections.coco.json"}
COLUMNS = ("image", "frame", "time", "width", "height", "label", "score", "x1", "y1", "x2", "y2")
_MAX_DIGITS = 15  # of an image's number


class Journal:
    """A file of JSON lines that is appended to.

    Args:
        path: the file, in a folder that is there.
        keep: which of its records stay; None to begin anew.
    """

    def __init__(self, path: Path, keep: Callable[[DetectionRecord], bool] | None = None) -> None:
        self.path = path
        self._keep = keep
        self._file: IO[bytes] | None = None
        self._end = 0

    def names(self) -> set[str]:
        """The images in it whose records stay."""
        if self._keep is None:
            return set()
        return {record["image"] for record in read_journal(self.path) if self._keep(record)}

    def add(self, record: DetectionRecord) -> None:
        """Append a record, whole or not at all.

        Raises:
            UserError: it cannot be written.
        """
        try:
            file = self._file or self._begin()
            line = json.dumps(record).encode() + b"\n"
            file.write(line)
            file.flush()
            self._end += len(line)
        except OSError as error:
            self.close()
            raise UserError(
                f"{self.path}: cannot be written: {error.strerror or error}",
                "free some space or choose another folder",
                ExitCode.FAILURE,
            ) from error

    def close(self) -> None:
        """Leave whole lines."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()
            with suppress(OSError):  # what a full disk took of the last line
                os.truncate(self.path, self._end)

    def _begin(self) -> IO[bytes]:
        """Open the file, with what stays of it."""
        kept = filter(self._keep, read_journal(self.path)) if self._keep else iter(())
        with atomic_write(self.path, self.path.parent) as file:
            for record in kept:
                file.write(json.dumps(record).encode() + b"\n")
        self._file = self.path.open("ab", buffering=0)
        self._end = self._file.seek(0, os.SEEK_END)
        return self._file


def read_journal(path: Path) -> Iterator[DetectionRecord]:
    """The records of a file of JSON lines; none if there is none. What is cut off is left out."""
    try:
        with path.open("rb") as file:
            for line in file:
                with suppress(ValueError, RecursionError):
                    record = json.loads(line)
                    if isinstance(record, dict) and {"image", "detections"} <= record.keys():
                        yield record  # type: ignore[misc]  # as far as we can tell
    except FileNotFoundError:
        return


def write_json(journal: Path, path: Path) -> None:
    """One JSON document: a list of the records."""
    with atomic_write(path) as file:
        separator = b"[\n"
        for record in read_journal(journal):
            file.write(separator + json.dumps(record).encode())
            separator = b",\n"
        file.write(b"\n]\n" if separator == b",\n" else b"[]\n")


def write_csv(journal: Path, path: Path) -> None:
    """A row for each detection, with a header; see :data:`COLUMNS`."""
    with atomic_write(path) as file:
        # Names of files may have bytes that are no UTF-8.
        text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        for record in read_journal(journal):
            about = [record.get(name, "") for name in COLUMNS[:5]]
            for found in record["detections"]:
                rows.writerow([*about, found["label"], found["score"], *found["box"]])
        text.detach()


def write_coco(journal: Path, path: Path, classes: tuple[str, ...]) -> None:
    """COCO's result format, https://cocodataset.org/#format-results.

    The ids of a ground truth are not known here. An image's is the number that its file's name
    is (``139`` of ``000139.jpg``) or else the name without suffix; a category's its place among
    the classes, from 1. Beside them stand ``file_name`` and ``category_name``, for readers that go
    by names.
    """
    with atomic_write(path) as file:
        separator = b"[\n"
        for record in read_journal(journal):
            for item in _coco_items(record, classes):
                file.write(separator + json.dumps(item).encode())
                separator = b",\n"
        file.write(b"\n]\n" if separator == b",\n" else b"[]\n")


def _coco_items(record: DetectionRecord, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    name = record["image"]
    stem = PurePath(name).stem
    image: int | str = int(stem) if stem.isdecimal() and len(stem) <= _MAX_DIGITS else stem
    if "frame" in record:
        image = f"{stem}-{record['frame']}"
    for found in record["detections"]:
        x1, y1, x2, y2 = found["box"]
        label = found["label"]
        yield {
            "image_id": image,
            "category_id": classes.index(label) + 1 if label in classes else label,
            "bbox": [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
            "score": found["score"],
            "file_name": name,
            "category_name": label,
        }
