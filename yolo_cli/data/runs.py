"""Regions as COCO's run lengths (RLE), which it uses where polygons will not do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yolo_cli.data.sample import BoolArray, IntArray

_FIRST, _LAST = 48, 48 + 63  # characters, six bits each: five of the number, one says "goes on"
_MOST = 2**53


@dataclass(frozen=True, eq=False)
class Runs:
    """Pixels of an image, column after column: the number outside, then inside, then outside.

    Attributes:
        height: of the image in pixels.
        width: of the image in pixels.
        counts: lengths of the runs, the first one outside; together all pixels.
    """

    height: int
    width: int
    counts: IntArray

    @classmethod
    def read(cls, value: object) -> Runs | None:
        """Read COCO's ``segmentation``, run lengths in a list or compressed in a text.

        Returns:
            None for what is something else or does not add up.
        """
        if not isinstance(value, dict):
            return None
        size, written = value.get("size"), value.get("counts")
        if not (isinstance(size, list) and [*map(type, size)] == [int, int] and min(size) > 0):
            return None
        try:
            listed = [*_unpack(written)] if isinstance(written, str) else written
        except ValueError:
            return None
        if not isinstance(listed, list) or {*map(type, listed)} != {int}:
            return None
        if min(listed) < 0 or sum(listed) != size[0] * size[1] or size[0] * size[1] > _MOST:
            return None
        return cls(size[0], size[1], np.array(listed, dtype=np.int64))

    @property
    def area(self) -> int:
        """Number of pixels inside."""
        return int(self.counts[1::2].sum())

    def mask(self) -> BoolArray:
        """Return whether each pixel is inside, ``[H, W]``."""
        inside = np.arange(len(self.counts)) % 2 == 1
        columns: npt.NDArray[np.bool_] = np.repeat(inside, self.counts)
        return columns.reshape(self.width, self.height).T

    def fingerprint(self) -> bytes:
        """Return a digest of the region."""
        return hashlib.sha256(
            repr((self.height, self.width)).encode() + self.counts.tobytes()
        ).digest()


def _unpack(text: str) -> Iterator[int]:
    """Yield run lengths of COCO's compressed form.

    Each number is written in groups of five bits, the lowest first, as two's complement; from the
    fourth on what is written is the difference from the run before the last.

    Raises:
        ValueError: for a character that is none of it, or a number that does not end.
    """
    before: list[int] = []
    value = shift = 0
    for code in text.encode("utf-8"):
        if not _FIRST <= code <= _LAST:
            raise ValueError(f"character {code}")
        bits = code - _FIRST
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        if len(before) > 2:  # as its authors have it
            value += before[-2]
        before.append(value)
        yield value
        value = shift = 0
    if shift:
        raise ValueError("a number without an end")
