"""Finds and reads the files of a dataset; nothing is waited for, nothing fills the memory."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from yolo_cli.errors import ExitCode, UserError

T = TypeVar("T")

MAX_LABEL_BYTES = 4 * 1024**2
"""Largest label file of one image that is read: hundreds of thousands of boxes."""

MAX_LIST_BYTES = 64 * 1024**2
"""Largest list of images that is read."""


_listed: ContextVar[dict[Path, list[Path]] | None] = ContextVar("listed", default=None)


@contextmanager
def listed_once() -> Iterator[None]:
    """List each folder once while the context lasts, however often :func:`visible` is asked."""
    token = _listed.set({})
    try:
        yield
    finally:
        _listed.reset(token)


def child(folder: Path, *names: str) -> Path | None:
    """Return the first of `names` (any case) that is a folder inside `folder`."""
    if not folder.is_dir():
        return None
    try:
        with os.scandir(folder) as entries:  # tells folders from files without a look at each
            folders = sorted(one.name for one in entries if is_folder(one) and is_visible(one.name))
    except OSError as error:
        raise unreadable(folder, error) from error
    found = {name.lower(): folder / name for name in folders}
    return next((found[name.lower()] for name in names if name.lower() in found), None)


def read_once(read: Callable[[Path], T]) -> Callable[[Path], T | UserError]:
    """Read each file at most once, when it is asked for; return the error of one that is broken."""

    @cache
    def result(path: Path) -> T | UserError:
        try:
            return read(path)
        except UserError as error:
            return error

    return result


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; False also for what can be no path at all."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def visible(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted, without hidden files and leftovers of archivers."""
    listed = _listed.get()
    if listed is None:
        return _visible(folder)
    if folder not in listed:
        listed[folder] = _visible(folder)
    return listed[folder].copy()


def _visible(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir(), key=attrgetter("name"))  # much quicker than by path
    except OSError as error:
        raise unreadable(folder, error) from error
    return [path for path in paths if is_visible(path.name)]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder that can be looked into."""
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads round in a circle


def is_visible(name: str) -> bool:
    """Whether a name is neither hidden nor what an archiver leaves behind."""
    return not name.startswith((".", "__MACOSX"))


def walk(folder: Path) -> Iterator[Path]:
    """Yield all visible files below a folder, in any order, as :func:`walk_folders` does."""
    for base, files in walk_folders(folder, is_visible):
        yield from (Path(base, name) for name in files if not name.startswith("."))


def walk_folders(folder: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, list[str]]]:
    """Yield a folder and those below it, each with the names of all its files.

    Links to folders are followed; one that leads back to a folder it is in is not.

    Args:
        folder: to begin with.
        wanted: whether a folder of that name is looked into.

    Raises:
        UserError: a folder cannot be read.
    """
    seen: set[str] = set()

    def stop(error: OSError) -> None:
        raise unreadable(Path(error.filename or folder), error) from error

    for base, folders, files in os.walk(folder, onerror=stop, followlinks=True):
        real = os.path.realpath(base)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(filter(wanted, folders))
        yield base, files


class FileIndex:
    """The files below a folder by id: relative path without suffix, ``/`` between parts.

    Of several files with the same id (``a.jpg``, ``a.png``) the first by name is meant.

    Args:
        folder: where to look, subfolders included.
        wanted: whether a file belongs into the index.
    """

    def __init__(self, folder: Path, wanted: Callable[[Path], bool]) -> None:
        self.folder = folder
        self.unused: dict[Path, Path] = {}
        """Files behind another one of the same id, and that one."""
        self._by_id: dict[str, Path] = {}
        self._by_name: dict[str, Path] = {}
        for path in sorted(filter(wanted, walk(folder))):
            used = self._by_id.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
            if used is not path:
                self.unused[path] = used
            self._by_name.setdefault(path.name.lower(), path)

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def paths(self) -> Iterable[Path]:
        """The files that ids mean, sorted."""
        return self._by_id.values()

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    @cached_property
    def _by_folded_id(self) -> dict[str, Path]:
        return {name.lower(): path for name, path in reversed(self._by_id.items())}

    def find(self, file_id: str) -> Path | None:
        """Return the file with this id, in the given case if there is one, else in any."""
        return self._by_id.get(file_id) or self._by_folded_id.get(file_id.lower())

    def named(self, name: str) -> Path | None:
        """Return the file with this name (suffix included, any case), in whichever subfolder."""
        return self._by_name.get(name.lower())


def read_bytes(path: Path, limit: int = MAX_LABEL_BYTES) -> bytes:
    """Read the content of a label file.

    Raises:
        UserError: missing, a folder, unreadable, or larger than `limit` bytes.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UserError("a folder where a label file should be", path=path)
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise UserError("not a file that can be read whole", path=path)
        if found.st_size > limit:
            raise UserError(
                f"{found.st_size / 1024**2:.1f} MB is too large for such a file",
                f"at most {limit / 1024**2:g} MB are read",
                path=path,
            )
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise UserError("no such file", path=path) from error
    except OSError as error:
        raise unreadable(path, error) from error


def read_lines(path: Path, limit: int = MAX_LABEL_BYTES) -> list[str]:
    """Read the lines of a text file in UTF-8 (with or without byte order mark) or UTF-16 with one.

    Raises:
        UserError: as :func:`read_bytes`, or it is not text.
    """
    data = read_bytes(path, limit)
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("not UTF-8 text", "save the file as UTF-8", path=path, line=line) from error
    return [line.strip() for line in text.split("\n")]


def unreadable(path: Path, error: OSError) -> UserError:
    """Return the error for a file or folder that the system does not let us read."""
    reason = error.strerror or str(error)
    code = ExitCode.FAILURE if isinstance(error, PermissionError) else ExitCode.BAD_INPUT
    return UserError(f"cannot be read ({reason})", code=code, path=path)


def link(path: Path, target: Path) -> None:
    """Make a link to a folder.

    Raises:
        UserError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target.resolve(), target_is_directory=True)
    except OSError as error:
        raise UserError(
            f"cannot link to {target}: {error.strerror or error}",
            "choose a folder on a file system that has links",
            ExitCode.FAILURE,
            path=path,
        ) from error
