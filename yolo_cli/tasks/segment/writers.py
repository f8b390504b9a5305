"""What ``yolo segment --save`` writes beside annotated copies and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from yolo_cli.data.reduced import Reduced
from yolo_cli.files import atomic_write, write_json_list
from yolo_cli.pictures.masks import save_mask
from yolo_cli.tasks.image_ids import with_ids
from yolo_cli.tasks.result import Document, ImageWriter, Record
from yolo_cli.text import encodable

MASKS = "masks"
COLUMNS = ("image", "frame", "time", "width", "height", "label", "share", "pixels")


class Masks(ImageWriter):
    """A PNG file of indices with a palette for each picture, and the names of the classes."""

    def classes(self, folder: Path) -> Path:
        """Return ``classes.txt``."""
        return folder / MASKS / "classes.txt"

    def path(self, folder: Path, target: Path) -> Path:
        """Return the mask."""
        return folder / MASKS / f"{target.stem}.png"

    def write(self, result: Any, picture: Reduced | None, folder: Path, target: Path) -> None:
        """Write the mask of a ``SegmentResult``."""
        save_mask(result.mask.numpy(), self.path(folder, target), folder)


def write_csv(records: Iterable[Record], path: Path, _names: tuple[str, ...] = ()) -> None:
    """Write a row for each class of each picture, with a header; see :data:`COLUMNS`."""
    with atomic_write(path) as file:
        # Names of files may have bytes that are no UTF-8.
        text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        for record in records:
            about = [record.get(name, "") for name in COLUMNS[:5]]
            for found in record.get("segments", ()):
                rows.writerow([*about, encodable(found["label"]), found["share"], found["pixels"]])
        text.detach()


def write_coco(records: Iterable[Record], path: Path, names: tuple[str, ...]) -> None:
    """Write COCO's result format for stuff, https://cocodataset.org/#format-results.

    A mask for each class of a picture; what names them is as in ``yolo detect --save coco``.
    """
    items = (_coco_items(record, image, names) for record, image in with_ids(records))
    write_json_list(path, chain.from_iterable(items))


def _coco_items(
    record: Record, image: int | str, classes: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    for found in record.get("segments", ()):
        label = found["label"]
        yield {
            "image_id": image,
            "category_id": classes.index(label) + 1 if label in classes else label,
            "segmentation": found["rle"],
            "score": 1.0,
            "file_name": record["image"],
            "category_name": label,
        }


WRITERS: dict[str, ImageWriter | Document] = {
    "mask": Masks(),
    "csv": Document("segments.csv", write_csv),
    "coco": Document("segments.coco.json", write_coco),
}
