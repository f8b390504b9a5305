"""Where the label file of an image lies in a YOLO dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS

LABEL_FOLDERS = ("labels", "label")


def label_of(image: Path) -> Path | None:
    """Return the label file of an image: in ``labels/`` for ``images/``, else beside the image."""
    folders = label_folders(image.parent)
    paths = (folder / f"{image.stem}.txt" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def label_folders(images: Path) -> Iterator[Path]:
    """Yield where the label files of a folder of images may lie, the likeliest first."""
    parts = images.parts
    for index in range(len(parts) - 1, -1, -1):
        if parts[index].lower() in IMAGE_FOLDERS:
            for labels in (*LABEL_FOLDERS, "Labels"):
                yield Path(*parts[:index], labels, *parts[index + 1 :])
    yield images
