"""What result files call an image by where no ground truth says its number."""

from __future__ import annotations

from pathlib import PurePath

from yolo_cli.tasks.result import Record

_MAX_DIGITS = 15


def coco_image_id(record: Record) -> int | str:
    """Return the number that an image's file name is (``139`` of ``000139.jpg``), or its stem."""
    stem = PurePath(record["image"]).stem
    if "frame" in record:
        return f"{stem}-{record['frame']}"
    return int(stem) if stem.isdecimal() and len(stem) <= _MAX_DIGITS else stem
