"""The first bytes of Darknet's weights files: three numbers of a version, and the images seen."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.errors import UserError

NEWEST = 10_000  # versions of a thousand and more say that connected layers are transposed


@dataclass(frozen=True)
class Header:
    """What a weights file begins with.

    Attributes:
        version: major, minor and revision; Darknet has written 0, 1, 0 and 0, 2, 0.
        seen: training images that the weights have seen.
    """

    version: tuple[int, int, int] = (0, 2, 0)
    seen: int = 0

    @property
    def wide(self) -> bool:
        """Whether the count of images has 64 bits, as it has since version 0.2."""
        major, minor, _ = self.version
        return major * 10 + minor >= 2 and major < 1000 and minor < 1000

    @property
    def transposed(self) -> bool:
        """Whether weights of connected layers stand as ``[inputs, outputs]``."""
        return self.version[0] > 1000 or self.version[1] > 1000

    @property
    def size(self) -> int:
        """Return how many bytes it takes."""
        return 20 if self.wide else 16

    def encode(self) -> bytes:
        """Return its bytes; Darknet writes in the order of the machine, which is little-endian."""
        return struct.pack("<3i", *self.version) + struct.pack(
            "<q" if self.wide else "<i", self.seen
        )

    @classmethod
    def decode(cls, content: bytes, path: Path) -> Header:
        """Read the first bytes of a file.

        Args:
            content: at least 20 bytes where the file has them.
            path: of the file, for errors.

        Raises:
            UserError: no weights file begins so.
        """
        hint = "name a .weights file of Darknet, and the cfg that it belongs to"
        if len(content) < 16:
            raise UserError(f"{len(content)} bytes are no weights file", hint, path=path)
        version: Sequence[int] = struct.unpack_from("<3i", content)
        header = cls((version[0], version[1], version[2]))
        if not all(0 <= number <= NEWEST for number in version):
            raise UserError("not a weights file of Darknet: no version in it", hint, path=path)
        if len(content) < header.size:
            raise UserError("ends within its header", "copy or download it again", path=path)
        (seen,) = struct.unpack_from("<q" if header.wide else "<i", content, 12)
        return cls(header.version, seen)
