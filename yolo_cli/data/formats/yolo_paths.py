"""Where the label file of an image lies in a YOLO dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, SPLIT_FOLDERS

LABEL_FOLDERS = ("labels", "label")

_PART_OF_NAME = re.compile(r"(?<![a-z])(image|img)(s?)(?![a-z])", re.IGNORECASE)


def label_of(image: Path) -> Path | None:
    """Return the label file of an image; None if it has none.

    It lies in ``labels/`` for ``images/``, in ``train_labels/`` for ``train_images/``, beside the
    image, or in ``labels/`` beside it.
    """
    folders = label_folders(image.parent)
    paths = (folder / f"{image.stem}.txt" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def split_of_images(folder: str) -> str:
    """Return ``train`` for ``train_images`` and ``images-train``: the split that is in a name."""
    split = _PART_OF_NAME.sub("", folder).strip("_- ").lower()
    return split if split in SPLIT_FOLDERS and split != folder.lower() else ""


def label_folders(images: Path) -> Iterator[Path]:
    """Yield where the label files of a folder of images may lie, the likeliest first."""
    parts = images.parts
    for index in range(len(parts) - 1, -1, -1):
        if parts[index].lower() in IMAGE_FOLDERS:
            for labels in (*LABEL_FOLDERS, "Labels", "annotations"):
                yield Path(*parts[:index], labels, *parts[index + 1 :])
    named = _PART_OF_NAME.sub(r"label\2", images.name)
    if named != images.name and images.name.lower() not in IMAGE_FOLDERS:
        yield images.with_name(named)
    yield images
    yield images / "labels"
