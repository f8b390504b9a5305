"""Images as the page shows them: one that fits a screen, and tiles of the full resolution."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from pathlib import Path

from PIL import Image

from yolo_cli.data.images import image_size
from yolo_cli.data.reduced import Reduced, read_drawable, read_reduced

SCREEN = 2560
"""Longest side of the picture that is shown first, in pixels; larger ones have tiles as well."""

TILE = 1024
"""Side of a tile in pixels."""

_KEPT = 2  # whole images in memory, of up to half a gigabyte each
_QUALITY = 90


class Pictures:
    """Makes pictures of image files. For any thread: whole images are decoded one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole: OrderedDict[Path, tuple[float, Reduced]] = OrderedDict()

    def screen(self, path: Path) -> bytes:
        """Return a JPEG of an image with at most :data:`SCREEN` pixels along each side.

        Raises:
            UserError: it cannot be read.
        """
        width, height = image_size(path)
        scale = min(1.0, SCREEN / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = read_reduced(path, *size)
        return _jpeg(picture.image if picture.image.size == size else picture.stretched(*size))

    def tile(self, path: Path, level: int, column: int, row: int) -> bytes:
        """Return a JPEG of a part of an image.

        Args:
            path: the file.
            level: a pixel of the tile is 2^level pixels of the image.
            column: of the tile, from 0.
            row: likewise.

        Raises:
            UserError: the image cannot be read.
            LookupError: there is no such tile.
        """
        picture = self._read(path)
        width, height = picture.size
        side = TILE << level
        left, top = column * side, row * side
        right, bottom = min(left + side, width), min(top + side, height)
        if not (0 <= left < right and 0 <= top < bottom):
            raise LookupError("no such tile")
        size = -(-(right - left) // (1 << level)), -(-(bottom - top) // (1 << level))
        scale = (picture.box[2] - picture.box[0]) / width
        x, y = picture.box[:2]
        box = (x + left * scale, y + top * scale, x + right * scale, y + bottom * scale)
        return _jpeg(picture.image.resize(size, Image.Resampling.BILINEAR, box=box))

    def _read(self, path: Path) -> Reduced:
        with self._lock:
            written = path.stat().st_mtime if path.exists() else 0.0
            known = self._whole.pop(path, None)
            if known is None or known[0] != written:
                while len(self._whole) >= _KEPT:
                    self._whole.popitem(last=False)
                known = written, read_drawable(path)
            self._whole[path] = known
            return known[1]


def _jpeg(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=_QUALITY)
    return data.getvalue()
