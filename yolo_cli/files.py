"""Output files that are written whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from yolo_cli.errors import ExitCode, UserError


def check_folder(path: Path, option: str) -> None:
    """Refuse an output folder that is no folder, before hours are spent on what goes into it.

    Args:
        path: the folder; it need not be there yet.
        option: that named it.

    Raises:
        UserError: with :attr:`ExitCode.USAGE`.
    """
    if path.exists() and not path.is_dir():
        raise UserError(f"{option} {path}: is a file", "name a folder", ExitCode.USAGE)


@contextmanager
def atomic_write(path: Path, inside: Path | None = None) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of ``path`` once it is complete.

    It is written beside ``path`` under a temporary name, and removed on any failure.

    Args:
        path: of the file; missing folders are made.
        inside: of them only those inside this one, which has to be there. Made anew while others
            write into it, it would hide that it has disappeared.

    Raises:
        UserError: with :attr:`ExitCode.FAILURE` on a full disk, without permission and the like.
    """
    # Not tempfile: its files are closed to other users, and opening them to all that the umask
    # allows would mean to change the umask, which all threads share, to read it.
    temporary = path.with_name(f".{uuid4().hex}.part")
    try:
        make_folders(path, inside)
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}",
            "free some space or choose another folder",
            ExitCode.FAILURE,
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folders(path: Path, inside: Path | None) -> None:
    """Make the folders that ``path`` lies in, see :func:`atomic_write`."""
    if inside is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    for part in reversed(path.relative_to(inside).parents[:-1]):
        (inside / part).mkdir(exist_ok=True)


def atomic_write_text(path: Path, text: str, inside: Path | None = None) -> None:
    """Write UTF-8 text, whole or not at all, see :func:`atomic_write`."""
    with atomic_write(path, inside) as file:
        file.write(text.encode())


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """The name of a file or folder to be written, which becomes ``path`` once it is complete.

    It lies beside ``path``, and is removed on any failure. Missing folders are made. Of a folder
    the files take their places one by one, and others that are there stay.

    Raises:
        UserError: with :attr:`ExitCode.FAILURE` on a full disk, without permission and the like.
    """
    temporary = path.with_name(f".{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.is_dir() and path.is_dir():
            for file in temporary.iterdir():
                file.replace(path / file.name)
        else:
            temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}",
            "free some space or choose another folder",
            ExitCode.FAILURE,
        ) from error
    finally:
        with suppress(OSError):
            shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink(missing_ok=True)
