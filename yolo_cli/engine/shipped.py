"""Weights on their way to machines that may not have them, known by what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.errors import UserError
from yolo_cli.files import atomic_write, cache_folder
from yolo_cli.model.embedded import weights_path

_COMPANIONS = (".xml", ".param", ".bin")
"""Suffixes of files that are read together with others of their stem."""


@dataclass(frozen=True)
class Shipped:
    """A weights file, or the folder of an export.

    Attributes:
        path: where it is on the user's machine.
        digest: SHA-256 of the names and contents of its files.
    """

    path: str
    digest: str

    @classmethod
    def of(cls, weights: str) -> Shipped:
        """Find what ``--weights`` names.

        Raises:
            UserError: it is not there, or cannot be read.
        """
        path = weights_path(weights).absolute()
        return cls(str(path), _digest(_contents(path)))

    def contents(self) -> dict[str, bytes]:
        """Return its files.

        Raises:
            UserError: they cannot be read.
        """
        return _contents(Path(self.path))

    def is_here(self) -> bool:
        """Return whether this machine has it in the same place."""
        try:
            return _digest(_contents(Path(self.path))) == self.digest
        except UserError:
            return False

    def unpacked(self, contents: Mapping[str, bytes]) -> Path:
        """Put it into this machine's cache.

        Args:
            contents: of its files, see :meth:`contents`.

        Returns:
            Path of the weights file or folder there.

        Raises:
            UserError: nothing can be written there.
        """
        folder = cache_folder("weights") / self.digest[:32]
        for name, data in contents.items():
            if not (folder / name).is_file():
                with atomic_write(folder / name) as file:
                    file.write(data)
        name = Path(self.path).name
        return folder / name if name in contents else folder


def _contents(path: Path) -> dict[str, bytes]:
    """Return the contents of a file, with others that belong to it, or of a folder's files."""
    try:
        if path.is_dir():
            files = sorted(one for one in path.rglob("*") if one.is_file())
            return {one.relative_to(path).as_posix(): one.read_bytes() for one in files}
        if path.suffix in _COMPANIONS:
            files = sorted(one for one in path.parent.glob(f"{path.stem}.*") if one.is_file())
            return {one.name: one.read_bytes() for one in files}
        return {path.name: path.read_bytes()}
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", path=path) from error


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(contents.items()):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()
