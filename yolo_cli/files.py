"""Output files and folders: written whole or not at all, by one run at a time."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO
from uuid import uuid4

from yolo_cli.errors import ExitCode, UserError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".yolo-lock"
"""File in a folder that is being written to; there for longer only after a crash, and harmless."""

MOST_BYTES = 255  # of a file's name, on nearly every file system
_ROOM = 20  # bytes for what may come behind a name: a number, a suffix

# What a file system says that has no locks (some network drives); better none than no results.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}

_HINTS = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some space or choose another folder",
    errno.EACCES: "change its mode or choose another folder",
    errno.EPERM: "change its mode or choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "is its folder still there?",
}


def cache_folder(name: str) -> Path:
    """Return ``$XDG_CACHE_HOME/yolo-cli/NAME``, usually under ``~/.cache``; it need not be there.

    Args:
        name: of what is kept there.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "yolo-cli" / name


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


def unwritable(path: Path, error: Exception) -> UserError:
    """Return the error for a file that cannot be written, with the way out for its cause."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    hint = os_hint(error) or "choose another folder"
    return UserError(f"{path}: cannot be written: {reason}", hint, ExitCode.FAILURE)


def os_hint(error: Exception) -> str:
    """Return what helps against an error of the operating system; empty if that is not known."""
    return _HINTS.get(getattr(error, "errno", None) or 0, "")


def fitting_name(name: str) -> str:
    """Cut a name so that a number and a suffix fit behind it."""
    while len(os.fsencode(name)) > MOST_BYTES - _ROOM:
        name = name[:-1]
    return name


@contextmanager
def locked_folder(folder: Path, hint: str) -> Iterator[None]:
    """Keep other runs from writing into a folder for as long as the context lasts.

    The operating system holds the lock (``flock``, on Windows ``LockFile``) and frees it when the
    process ends, however it ends: a folder cannot stay locked. Processes that are forked meanwhile
    hold it as well. On a file system without locks nothing is kept out.

    Args:
        folder: is there; the file :data:`LOCK` in it is removed in the end.
        hint: what else the user can do, "name another folder with --out" for example.

    Raises:
        UserError: with :attr:`ExitCode.FAILURE` if another run has locked it, or nothing can be
            written into it.
    """
    path = folder / LOCK
    try:
        handle = _locked(path)
    except BlockingIOError as error:
        raise UserError(
            f"{folder}: another run is writing into this folder",
            f"wait until it has finished, or {hint}",
            ExitCode.FAILURE,
        ) from error
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        if sys.platform == "win32":  # where an open file cannot be removed
            os.close(handle)
        with suppress(OSError):
            path.unlink()
        if sys.platform != "win32":
            # Not os.close alone: a child that was forked meanwhile has the file open as well.
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)


def _locked(path: Path) -> int:
    """Open and lock a file.

    Raises:
        BlockingIOError: another process has locked it.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if sys.platform == "win32":
                try:
                    msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
                except OSError as error:
                    raise BlockingIOError(error.errno, error.strerror) from error
            else:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno not in _NO_LOCKS:
                        raise
                    return handle
            # Whoever held it may have removed the file between the two calls.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
            os.close(handle)
        except BaseException:
            os.close(handle)
            raise


def claim_numbered_folder(parent: Path, stem: str) -> Path:
    """Make the first folder ``stem-1``, ``stem-2`` … that is not there yet.

    No two processes get the same one, even if both ask at the same moment.

    Args:
        parent: made if it is missing.
        stem: of the name.

    Raises:
        UserError: with :attr:`ExitCode.FAILURE` where nothing can be written.
    """
    for number in count(1):
        folder = parent / f"{stem}-{number}"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError as error:
            if not parent.is_dir():
                raise unwritable(folder, error) from error
            continue
        except OSError as error:
            raise unwritable(folder, error) from error
        return folder
    raise AssertionError("numbers do not end")


@contextmanager
def atomic_write(path: Path, inside: Path | None = None) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of ``path`` once it is complete.

    It is written beside ``path`` under a temporary name, and removed on any failure.

    Args:
        path: of the file; missing folders are made.
        inside: of them only those inside this one, which has to be there. Made again while others
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
        raise unwritable(path, error) from error
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


def write_json_list(path: Path, items: Iterable[object]) -> None:
    """Write a JSON list with an item in each line, whole or not at all; items may be many."""
    with atomic_write(path) as file:
        separator = b"[\n"
        for item in items:
            file.write(separator + json.dumps(item).encode())
            separator = b",\n"
        file.write(b"\n]\n" if separator == b",\n" else b"[]\n")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Name a file or folder to be written, which becomes ``path`` once it is complete.

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
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink(missing_ok=True)
