"""Photographs at a fraction of their size, straight from the file: what a network needs of them.

A JPEG file can be decoded at 1/2, 1/4 or 1/8 of its width and height, which halves the time of a
photograph of 12 megapixels and takes a sixteenth of its memory.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from yolo_cli.data.images import MAX_PIXELS, opened, read_image, to_rgb, too_large
from yolo_cli.data.orientation import SIDEWAYS, orientation_of, turned_upright

MAX_REDUCED_PIXELS = 1_000_000_000
"""Largest width x height of a JPEG file that is decoded at a fraction of it."""

_START = b"\xff\xd8\xff"  # of a JPEG file
_FROM_RIGHT = frozenset({2, 3, 6, 7})  # orientations in which the stored first columns …
_FROM_BELOW = frozenset({3, 4, 7, 8})  # … or rows end up last

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Reduced:
    """A picture, as large as needed.

    Attributes:
        image: upright, in mode ``RGB``.
        size: width and height of the whole upright picture in pixels.
        box: xyxy in pixels of ``image``, what the picture takes up of it: where its sides are no
            multiple of the fraction, the last column or row is part of a pixel only.
    """

    image: Image.Image
    size: tuple[int, int]
    box: Box

    @property
    def whole(self) -> bool:
        """Whether the image is the picture itself, no fraction of it."""
        return self.image.size == self.size

    def stretched(self, width: int, height: int) -> Image.Image:
        """Return the picture in another size; its aspect ratio is not kept."""
        return self.image.resize((width, height), Image.Resampling.BILINEAR, box=self.box)


def read_reduced(path: Path, width: int, height: int) -> Reduced:
    """Decode an image file at the smallest size that still has the width and height asked for.

    Files other than JPEG are decoded whole.

    Args:
        path: the file.
        width: least width in pixels, upright.
        height: least height in pixels, upright.

    Raises:
        UserError: as :func:`~yolo_cli.data.images.read_image`; a JPEG file is too large only if
            the fraction is, or if its whole picture must be in memory for it (progressive JPEG).
    """
    if not _is_jpeg(path):
        image = read_image(path)
        return Reduced(image, image.size, (0, 0, *image.size))
    # Not by Image.open, which refuses what only a fraction of will be decoded.
    with opened(path, _open_jpeg, max_pixels=MAX_REDUCED_PIXELS) as image:
        stored = image.size
        orientation = orientation_of(image, path)
        if stored[0] * stored[1] > MAX_PIXELS and not _is_streamed(image):
            raise too_large(path, f"{stored[0]} x {stored[1]} pixels, progressive")
        least = (height, width) if orientation in SIDEWAYS else (width, height)
        _, part = image.draft("RGB", least) or ("", (0, 0, *stored))
        if image.width * image.height > MAX_PIXELS:
            raise too_large(path, f"{stored[0]} x {stored[1]} pixels")
        box = _upright_box(part[2:], image.size, orientation)
        rgb = turned_upright(_as_rgb(image), orientation)
        rgb.info = {}  # else the orientation would be there to be applied once more
        upright = stored[::-1] if orientation in SIDEWAYS else stored
        return Reduced(rgb, upright, box)


def _as_rgb(image: Image.Image) -> Image.Image:
    """Return the image itself where it is RGB: a copy takes more than half as long as decoding."""
    if image.mode != "RGB" or image.has_transparency_data:
        return to_rgb(image)
    image.load()
    return image


def read_drawable(path: Path) -> Reduced:
    """Decode an image file whole, or at the largest fraction that can be kept in memory.

    Raises:
        UserError: as :func:`read_reduced`.
    """
    if not _is_jpeg(path):
        return read_reduced(path, 1, 1)
    with opened(path, _open_jpeg, max_pixels=MAX_REDUCED_PIXELS) as image:
        width, height = image.size
        if orientation_of(image, path) in SIDEWAYS:
            width, height = height, width
    divisor = next((d for d in (1, 2, 4) if width * height <= MAX_PIXELS * d * d), 8)
    return read_reduced(path, width // divisor, height // divisor)


def _is_jpeg(path: Path) -> bool:
    try:
        if not path.is_file():  # to open a pipe would wait for somebody to write into it
            return False
        with path.open("rb") as file:
            return file.read(len(_START)) == _START
    except (OSError, ValueError):
        return False  # whoever reads it will say what is wrong


def _open_jpeg(path: Path) -> Image.Image:
    try:
        return JpegImageFile(path)
    except (SyntaxError, LookupError, TypeError, struct.error) as error:  # as Image.open does
        raise UnidentifiedImageError(str(error)) from error


def _is_streamed(image: Image.Image) -> bool:
    """Return whether rows are decoded one by one; progressive files need memory for all."""
    return "progressive" not in image.info


def _upright_box(covered: tuple[float, ...], size: tuple[int, int], orientation: int) -> Box:
    """Locate the part ``(0, 0, *covered)`` of a stored image of ``size`` when it is upright."""
    (wide, high), (width, height) = covered, size
    if orientation in SIDEWAYS:
        wide, high, width, height = high, wide, height, width
    left = width - wide if orientation in _FROM_RIGHT else 0.0
    top = height - high if orientation in _FROM_BELOW else 0.0
    return left, top, left + wide, top + high
