"""What the paths in a YOLO dataset lead to, and where the label file of an image lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS
from yolo_cli.data.formats.files import exists

LABEL_FOLDERS = ("labels", "label")

# YAML's escapes in double quotes, of which no path has the meaning: "images\train", "images\val".
_ESCAPES = str.maketrans(
    {
        **{"\0": "/0", "\a": "/a", "\b": "/b", "\t": "/t", "\n": "/n", "\v": "/v", "\f": "/f"},
        **{"\r": "/r", "\x1b": "/e", "\x85": "/N", "\xa0": "/_", "\u2028": "/L", "\u2029": "/P"},
    }
)


def locate(text: str, bases: tuple[Path, ...], *, fewest: int = 2) -> Path | None:
    """Find the file or folder that a path in a YAML or list file means.

    Datasets are moved. What a path does not lead to is therefore looked for without its leading
    ``../``; and an absolute path of another machine, without its first folders. Backslashes
    separate folders as well, also those that YAML took for escapes.

    Args:
        text: path as written.
        bases: folders that it may be relative to, the likeliest first.
        fewest: how many last parts of an absolute path must remain. One is right for a file,
            but would take a dataset's ``images/`` for the ``/elsewhere/val/images`` it lacks.

    Returns:
        A path that exists, or None.
    """
    slashed = text.replace("\\", "/")
    for written in dict.fromkeys((text, slashed, slashed.translate(_ESCAPES))):
        path = Path(written)
        parts = [part for part in path.parts if part != path.anchor]
        while parts and parts[0] == "..":
            parts.pop(0)
        absolute = path.is_absolute() or written[1:3] == ":/"
        ends = range(1, len(parts) - fewest + 1) if absolute or fewest == 1 else ()
        for candidate in (path, Path(*parts), *(Path(*parts[start:]) for start in ends)):
            for base in bases:
                if exists(base / candidate):
                    return _plain(base / candidate)
    return None


def _plain(path: Path) -> Path:
    """Without ``..`` inside, if that leads to the same place in spite of links."""
    plain = Path(os.path.normpath(path))
    return plain if exists(plain) and plain.samefile(path) else path


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
