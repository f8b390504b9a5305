"""Opens every image of a survey, on several threads, and keeps what is small of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from yolo_cli.data.check.finding import Finding, finding, of_error
from yolo_cli.data.formats.scan import Spot
from yolo_cli.data.images import DamagedImageError, ImageFacts, inspect_image
from yolo_cli.errors import UserError

THUMBNAIL = 32
"""Side of the thumbnails that duplicates are found by: 1 KB an image."""

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


def inspect_all(
    paths: list[Path], count: Callable[[int], None]
) -> tuple[dict[Path, ImageFacts], list[Finding]]:
    """Decode images, each once.

    Pillow lets other threads run while it decodes.

    Args:
        paths: of the images.
        count: called with 1 for each image that was decoded.

    Returns:
        What is known of each image that can be read, and what is wrong with the files.
    """
    facts: dict[Path, ImageFacts] = {}
    findings: list[Finding] = []
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS))
    try:
        for path, one in zip(paths, pool.map(_inspect, paths), strict=True):
            count(1)
            if isinstance(one, UserError):
                damaged = isinstance(one, DamagedImageError)
                code = "image-damaged" if damaged else "image-unreadable"
                findings.append(of_error(code, one, path))
                continue
            facts[path] = one
            kind, suffix = one.header.format, path.suffix.lower()
            if suffix not in _SUFFIXES.get(kind, suffix).split():
                message = f"is a {kind} file called {path.suffix}"
                findings.append(finding("image-suffix", Spot(path), message))
    finally:  # also after Ctrl-C: nobody waits for what is left
        pool.shutdown(cancel_futures=True)
    return facts, findings


def _inspect(path: Path) -> ImageFacts | UserError:
    try:
        return inspect_image(path, THUMBNAIL)
    except UserError as error:
        return error
