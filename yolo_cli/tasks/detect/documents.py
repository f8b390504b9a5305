"""The detections of all images in one file: a table, and COCO's results."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from yolo_cli.files import atomic_write, write_json_list
from yolo_cli.tasks.image_ids import with_ids
from yolo_cli.tasks.result import Record
from yolo_cli.text import encodable

COLUMNS = ("image", "frame", "time", "width", "height", "label", "score", "x1", "y1", "x2", "y2")


def write_csv(records: Iterable[Record], path: Path, _names: tuple[str, ...] = ()) -> None:
    """Write a row for each detection, with a header; see :data:`COLUMNS`."""
    with atomic_write(path) as file:
        # Names of files may have bytes that are no UTF-8.
        text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        for record in records:
            about = [record.get(name, "") for name in COLUMNS[:5]]
            for found in record.get("detections", ()):
                label = encodable(found["label"])
                rows.writerow([*about, label, found["score"], *found["box"]])
        text.detach()


def write_coco(records: Iterable[Record], path: Path, names: tuple[str, ...]) -> None:
    """Write COCO's result format, https://cocodataset.org/#format-results.

    The ids of a ground truth are not known here. An image's is that of
    :func:`~yolo_cli.tasks.image_ids.with_ids`, a category's its place among the classes, from 1.
    Beside them stand ``file_name`` and ``category_name``, for readers that go by names.
    """
    items = (_coco_items(record, image, names) for record, image in with_ids(records))
    write_json_list(path, chain.from_iterable(items))


def _coco_items(
    record: Record, image: int | str, classes: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    name = record["image"]
    for found in record.get("detections", ()):
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
