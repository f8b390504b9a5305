"""Which way up an image is: its EXIF orientation, and the same picture upright."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import ExifTags, Image

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image of each EXIF orientation upright (EXIF 2.32, tag 0x0112; 1 is upright)."""

SIDEWAYS = frozenset({5, 6, 7, 8})
"""Orientations of EXIF in which width and height change places."""


def orientation_of(image: Image.Image, path: Path) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where the metadata is damaged."""
    # The PNG reader decodes all pixels to look for metadata behind them: only if there is any.
    read: Callable[[Image.Image], Image.Exif] = Image.Image.getexif
    if image.format != "PNG" or _png_ends_with_exif(path):
        read = type(image).getexif
    try:
        value = read(image).get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError):
        return 1
    except Exception as error:  # struct.error and others that derive from Exception alone
        if isinstance(error, Image.DecompressionBombError):
            raise
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def _png_ends_with_exif(path: Path) -> bool:
    """Return whether an ``eXIf`` chunk follows the pixels; reads eight bytes a chunk."""
    seen_pixels = False
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            kind = head[4:]
            if kind == b"IDAT":
                seen_pixels = True
            elif kind == b"eXIf":
                return seen_pixels
            elif kind == b"IEND":
                break
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)  # data and checksum
    return False


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return a copy that needs no orientation; the image itself if it is upright."""
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
