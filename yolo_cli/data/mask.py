"""Masks: the class of every pixel of a photograph, as a picture of indices or as polygons."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from yolo_cli.data.images import opened
from yolo_cli.data.runs import Runs
from yolo_cli.data.sample import BoolArray, FloatArray, IntArray
from yolo_cli.errors import UserError
from yolo_cli.text import counted

MaskArray: TypeAlias = npt.NDArray[np.uint8]
"""``[H, W]`` indices of classes; :data:`IGNORED` where a pixel is not labelled."""

Palette: TypeAlias = Mapping[tuple[int, int, int], int]
"""Index of the class by its colour."""

IGNORED = 255
FEWEST_CORNERS = 3  # of a polygon
MOST_CLASSES = 255  # as many as a byte has besides the one that is ignored

_LOSSY = frozenset({"JPEG", "MPO", "JPEG2000", "AVIF"})
_COLOURS = frozenset({"RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "LA", "PA"})


def read_mask(path: Path, classes: int, palette: Palette | None = None) -> MaskArray:
    """Read a picture of indices: palette or grey, or of colours that a palette names.

    Args:
        path: the file.
        classes: how many there are.
        palette: of a picture in colours; its other colours are an error.

    Raises:
        UserError: it cannot be read, has colours and there is no palette, or indices that are no
            class.
    """
    with opened(path) as image:
        if image.format in _LOSSY:
            raise UserError(
                f"a {image.format} file: its colours are not exact",
                "save masks as PNG, from the original",
                path=path,
            )
        colours = image.mode in _COLOURS
        values = np.asarray(image.convert("RGB") if colours else image)
    if colours and palette is None and (values == values[..., :1]).all():
        values, colours = values[..., 0], False  # indices in three equal channels
    if colours:
        return _by_colour(path, values, palette)
    _check_indices(path, values, classes)
    return values.astype(np.uint8)


def _check_indices(path: Path, values: npt.NDArray[np.generic], classes: int) -> None:
    found = np.unique(values)  # of 16 bits, perhaps, or negative
    beyond = [int(value) for value in found if int(value) >= classes and int(value) != IGNORED]
    beyond += [int(value) for value in found if int(value) < 0]
    if beyond:
        pixels = int(np.isin(values, beyond).sum())
        raise UserError(
            f"index {beyond[0]} in {counted(pixels, 'pixel')}, and there are "
            f"{counted(classes, 'class')} (0 to {classes - 1}; 255 is ignored)",
            "name all classes in classes.txt, a line each from index 0 on, or correct the mask",
            path=path,
        )
    if classes == 2 and found.tolist() == [0, IGNORED]:
        raise UserError(
            "its only indices are 0 and 255, and 255 means: not labelled",
            "write 1 for the second class",
            path=path,
        )


def _by_colour(path: Path, values: npt.NDArray[np.uint8], palette: Palette | None) -> MaskArray:
    """Turn ``[H, W, 3]`` into indices."""
    if palette is None:
        raise UserError(
            "a mask in colours (RGB), and nothing says which class is which",
            "put a palette.txt beside the folder of masks, a line 'red green blue name' for each "
            "class, or save masks of indices",
            path=path,
        )
    codes = values.astype(np.int32) @ np.array([65536, 256, 1], dtype=np.int32)
    known = np.array([red * 65536 + green * 256 + blue for red, green, blue in palette])
    order = np.argsort(known)
    place = np.searchsorted(known[order], codes).clip(max=len(known) - 1)
    match = known[order][place] == codes
    if not match.all():
        red, green, blue = values[~match][0].tolist()
        raise UserError(
            f"the colour {red} {green} {blue} in {counted(int((~match).sum()), 'pixel')} is not "
            "in palette.txt",
            f"add a line '{red} {green} {blue} name', or '{red} {green} {blue} void' for pixels "
            "that are not labelled",
            path=path,
        )
    indices: MaskArray = np.array([*palette.values()], dtype=np.uint8)[order][place]
    return indices


@dataclass(frozen=True, eq=False)
class MaskFile:
    """A mask on disk: see :class:`yolo_cli.data.sample.Annotation`.

    Attributes:
        path: of the picture of indices.
        count: of classes.
        pixels: ``[C]`` how many of each class.
        palette: of a picture in colours.
    """

    path: Path
    count: int
    pixels: IntArray
    palette: Palette | None = None

    @classmethod
    def read(
        cls, path: Path, count: int, size: tuple[int, int], palette: Palette | None
    ) -> MaskFile:
        """Read and check a mask.

        Args:
            path: of the picture.
            count: of classes.
            size: width and height of its upright photograph in pixels.
            palette: of a picture in colours.

        Raises:
            UserError: as of :func:`read_mask`, or if it is not as large as its photograph.
        """
        mask = read_mask(path, count, palette)
        if mask.shape != (size[1], size[0]):
            raise UserError(
                f"the mask has {mask.shape[1]} × {mask.shape[0]} pixels, and its photograph "
                f"{size[0]} × {size[1]}",
                "save both in one size; masks must not be interpolated",
                path=path,
            )
        return cls(path, count, count_pixels(mask, count), palette)

    @property
    def classes(self) -> IntArray:
        """Indices of the classes in it."""
        return np.flatnonzero(self.pixels)

    def mask(self) -> MaskArray:
        """Read it."""
        return read_mask(self.path, self.count, self.palette)

    def fingerprint(self) -> bytes:
        """Return a digest of the file and of what its values mean."""
        palette = sorted(self.palette.items()) if self.palette else []
        return hashlib.sha256(self.path.read_bytes() + repr(palette).encode()).digest()


@dataclass(frozen=True, eq=False)
class Polygons:
    """Objects drawn as polygons or runs: see :class:`yolo_cli.data.sample.Annotation`.

    Pixels in none of them are background, the first class. Of two objects that share a pixel the
    smaller one has it: what is in front of another thing hides part of it, and not the other way
    round. Crowds are not labelled.

    Attributes:
        width: of the photograph in pixels.
        height: of the photograph in pixels.
        count: of classes, background included.
        objects: index of the class (None: not labelled) and its parts; of polygons, each
            ``[K, 2]`` x, y in pixels, drawn as COCO's tools do, or runs of this size.
    """

    width: int
    height: int
    count: int
    objects: Sequence[tuple[int | None, Sequence[FloatArray | Runs]]]

    @cached_property
    def pixels(self) -> IntArray:
        """``[C]`` how many pixels of each class."""
        return count_pixels(self.mask(), self.count)

    @property
    def classes(self) -> IntArray:
        """Indices of the classes in it."""
        return np.flatnonzero(self.pixels)

    def mask(self) -> MaskArray:
        """Draw it."""
        drawn: MaskArray = np.zeros((self.height, self.width), dtype=np.uint8)
        order = sorted(self.objects, key=lambda one: -sum(map(_area, one[1])))
        for label, parts in order:
            for part in parts:
                drawn[self._inside(part)] = IGNORED if label is None else label
        return drawn

    def _inside(self, part: FloatArray | Runs) -> BoolArray:
        """Return which pixels a part of an object has, ``[H, W]``."""
        from faster_coco_eval.core import mask as coco  # type: ignore[import-untyped]

        if isinstance(part, Runs):
            return part.mask()
        if len(part) < FEWEST_CORNERS:
            return np.zeros((self.height, self.width), dtype=np.bool_)
        runs = coco.frPyObjects([part.ravel().tolist()], self.height, self.width)
        inside: BoolArray = coco.decode(runs).any(axis=2)
        return inside

    def fingerprint(self) -> bytes:
        """Return a digest of all parts."""
        digest = hashlib.sha256(repr((self.width, self.height, self.count)).encode())
        for label, parts in self.objects:
            lengths = [0 if isinstance(one, Runs) else len(one) for one in parts]
            digest.update(repr((label, lengths)).encode())
            for part in parts:
                digest.update(
                    part.fingerprint()
                    if isinstance(part, Runs)
                    else np.ascontiguousarray(part, dtype=np.float64).tobytes()
                )
        return digest.digest()


def _area(part: FloatArray | Runs) -> float:
    """Return the area of a polygon, by the shoelace formula, or of runs."""
    if isinstance(part, Runs):
        return part.area
    x, y = part[:, 0], part[:, 1]
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def count_pixels(mask: MaskArray, count: int) -> IntArray:
    """Count the pixels of each class, ``[C]``; those that are not labelled are none."""
    return np.bincount(mask.ravel(), minlength=IGNORED + 1)[:count]
