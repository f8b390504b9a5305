"""What result files call an image by where no ground truth says its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath

from yolo_cli.tasks.result import Record

_MAX_DIGITS = 15


class ImageIds:
    """The ids that COCO's results give to images: no two of a file have the same."""

    def __init__(self) -> None:
        self._taken: dict[int | str, str] = {}

    def __call__(self, record: Record) -> int | str:
        """Return an image's id.

        It is the number that the file's name is (``139`` of ``000139.jpg``), or its stem; of a
        second image of that name (``train/139.png``) its whole name, as it was given.
        """
        name = record["image"]
        stem = PurePath(name).stem
        frame = f"-{record['frame']}" if "frame" in record else ""
        number = not frame and stem.isdecimal() and len(stem) <= _MAX_DIGITS
        short = int(stem) if number else f"{stem}{frame}"
        return short if self._taken.setdefault(short, name) == name else f"{name}{frame}"


def with_ids(records: Iterable[Record]) -> Iterator[tuple[Record, int | str]]:
    """Yield the records of a result file, and the id of each one's image."""
    ids = ImageIds()
    return ((record, ids(record)) for record in records)
