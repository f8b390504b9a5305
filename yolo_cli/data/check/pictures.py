"""Opens every image of a dataset, on several threads, and keeps what is small of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from yolo_cli.data.check.finding import Finding, finding, of_error
from yolo_cli.data.formats.scan import Spot
from yolo_cli.data.images import DamagedImageError, ImageFacts, inspect_image
from yolo_cli.errors import UserError

THUMBNAIL = 64
"""Side of the thumbnails that duplicates are found by: 4 KB an image."""

_MOST_THREADS = 8

_SUFFIXES = {
    "JPEG": ".jpg .jpeg .jpe .jfif",
    "MPO": ".jpg .jpeg .jpe .jfif",
    "PNG": ".png",
    "BMP": ".bmp .dib",
    "DIB": ".bmp .dib",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "WEBP": ".webp",
    "AVIF": ".avif",
    "PPM": ".ppm .pgm .pbm .pnm",
    "JPEG2000": ".jp2 .j2k",
}


Seen: TypeAlias = ImageFacts | UserError
"""What is known of an image file, or why it cannot be decoded."""


def inspect_all(paths: Sequence[Path], progress: Callable[[int], None]) -> dict[Path, Seen]:
    """Decode images, each once.

    Pillow lets other threads run while it decodes.

    Args:
        paths: of the images.
        progress: called with 1 for each image that was looked at.

    Returns:
        What was found, in the order of the paths.
    """
    found: dict[Path, Seen] = {}
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS))
    try:
        for path, one in zip(paths, pool.map(_inspect, paths), strict=True):
            found[path] = one
            progress(1)
    finally:  # also after Ctrl-C: nobody waits for what is left
        pool.shutdown(cancel_futures=True)
    return found


def check_files(found: Mapping[Path, Seen]) -> Iterator[Finding]:
    """Judge image files: whether they can be decoded, and are what they are called."""
    for path, one in found.items():
        if isinstance(one, UserError):
            damaged = isinstance(one, DamagedImageError)
            yield of_error("image-damaged" if damaged else "image-unreadable", one, path)
            continue
        kind, suffix = one.header.format, path.suffix.lower()
        if suffix not in _SUFFIXES.get(kind, suffix).split():
            yield finding("image-suffix", Spot(path), f"is a {kind} file called {path.suffix}")


def _inspect(path: Path) -> Seen:
    try:
        return inspect_image(path, THUMBNAIL)
    except UserError as error:
        return error
