"""What ``yolo classify --save`` writes beside annotated copies and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from yolo_cli.files import atomic_write
from yolo_cli.tasks.result import Document, ImageWriter, Record
from yolo_cli.text import encodable

COLUMNS = ("image", "frame", "time", "width", "height", "rank", "label", "score")


def write_csv(records: Iterable[Record], path: Path, _names: tuple[str, ...] = ()) -> None:
    """Write a row for each class that is listed, the likeliest with rank 1; see :data:`COLUMNS`."""
    with atomic_write(path) as file:
        # Names of files may have bytes that are no UTF-8.
        text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        for record in records:
            about = [record.get(name, "") for name in COLUMNS[:5]]
            for rank, one in enumerate(record.get("classes", ()), start=1):
                rows.writerow([*about, rank, encodable(one["label"]), one["score"]])
        text.detach()


WRITERS: dict[str, ImageWriter | Document] = {"csv": Document("classes.csv", write_csv)}
