"""What the user names (files, folders, patterns, lists, addresses) becomes a list of sources."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Literal, TypeAlias

from yolo_cli.data.images import is_image_path
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.web import file_name, is_address

_PATTERN_CHARACTERS = frozenset("*?[")
_NOT_THERE = (FileNotFoundError, NotADirectoryError)
_KNOWN_BY_SUFFIX = "images are known by their suffix (.jpg, .png, .webp and others)"

Warn: TypeAlias = Callable[[UserError], None]
"""Takes what is wrong with a part of a source, the rest of which is taken."""

_VIDEOS = (
    ("mp4", "m4v", "mov", "avi", "mkv", "webm", "mpg"),
    ("mpeg", "wmv", "flv", "3gp", "ogv", "mts", "m2ts"),
)
VIDEO_SUFFIXES = frozenset(f".{name}" for names in _VIDEOS for name in names)
"""Suffixes, in lower case, of files that are taken for videos."""

LIST_SUFFIX = ".txt"
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Input:
    """An image, a video, or the address of an image.

    Attributes:
        name: as the user wrote it, or as it was found.
        kind: what it is taken for.
        file: its path; of an address, the name that a file would have.
    """

    name: str
    kind: Literal["image", "video", "address"]
    file: Path


def _stop(error: UserError) -> None:
    raise error


def list_inputs(
    sources: Sequence[str],
    *,
    recursive: bool = False,
    stdin: IO[bytes] | None = None,
    report: Warn = _stop,
) -> list[Input]:
    """List all that the sources name.

    Beside what :func:`expand_inputs` knows, a source may be

    - a video file, known by its suffix;
    - an ``http(s)`` address of an image;
    - a text file (``.txt``) with a path in each line: as seen from the working directory or else
      from the file's folder;
    - ``-`` for such lines on standard input; paths may also be separated by NUL (find -print0).

    What a list names is not looked for: that a file is missing is found in its turn.

    Args:
        sources: as the user typed them.
        recursive: search the subfolders of folders as well, except hidden ones.
        stdin: what ``-`` reads.
        report: called for each subfolder that cannot be read; raises by default.

    Returns:
        Each source once, at its first place. Nothing was opened but lists.

    Raises:
        UserError: as :func:`expand_inputs`; a list cannot be read, is empty, or holds an address.
    """
    found: dict[Path | str, Input] = {}
    for source in sources:
        if is_address(source):
            found.setdefault(source, Input(source, "address", Path(file_name(source))))
            continue
        for path in _paths(source, recursive, stdin, report):
            kind: Literal["image", "video"] = "video" if is_video_path(path) else "image"
            found.setdefault(_identity(path), Input(str(path), kind, path))
    return list(found.values())


def without_results(found: Sequence[Input], sources: Sequence[str], out: Path) -> list[Input]:
    """Leave out what an earlier run has written, which a search of all folders finds as well.

    Args:
        found: by :func:`list_inputs`.
        sources: as the user typed them; where a list is among them, or something in ``out``,
            nothing is left out: whoever names results wants them.
        out: folder of the results.
    """
    own = _resolved(out)
    for source in sources:
        path = Path(os.path.realpath(source))
        if source == STANDARD_INPUT or source.endswith(LIST_SUFFIX) or own in (path, *path.parents):
            return list(found)
    return [one for one in found if own not in _identity(one.file).parents] or list(found)


def is_video_path(path: Path) -> bool:
    """Return whether the name looks like a video's."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")


def _paths(source: str, recursive: bool, stdin: IO[bytes] | None, report: Warn) -> list[Path]:
    if source == STANDARD_INPUT and stdin is not None:
        return _listed(stdin.read(), "standard input", Path())
    path = Path(source)
    if path.suffix.lower() == LIST_SUFFIX and path.is_file():
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
        return _listed(data, str(path), path.parent)
    return expand_inputs([source], recursive=recursive, report=report)


def _listed(data: bytes, name: str, folder: Path) -> list[Path]:
    """Return the paths in a list."""
    paths: list[Path] = []
    for text in listed_names(data, name):
        path = Path(text)
        beside = folder / path
        paths.append(beside if not _exists(path) and _exists(beside) else path)
    return paths


def listed_names(data: bytes, name: str) -> list[str]:
    """Return what is in a list: one in each line, or with NUL between.

    Args:
        data: what the list holds.
        name: of the list, for messages.

    Raises:
        UserError: for an empty list, and for one with an address in it.
    """
    separator = b"\0" if b"\0" in data else b"\n"
    names: list[str] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(separator), start=1):
        text = os.fsdecode(line.removesuffix(b"\r"))
        if not text.strip():
            continue
        if is_address(text):
            raise UserError(
                f"{name}:{number}: {text[:100]}: addresses are fetched only when they are typed",
                "name it on the command line, or download the image",
            )
        names.append(text)
    if not names:
        raise UserError(f"{name}: no paths in it", "a list has the path of an image in each line")
    return names


def expand_inputs(
    sources: Sequence[str], *, recursive: bool = False, report: Warn = _stop
) -> list[Path]:
    """List the image files that the sources name.

    A source is one of these, tried in this order:

    - a file: taken whatever its suffix is, decoding will tell whether it is an image;
    - a folder: its images, recognised by suffix, in natural order (``2.jpg`` before ``10.jpg``);
      hidden files are no images; where it has none itself, those in its subfolders;
    - a pattern with ``*``, ``?``, ``[...]`` or ``**`` (any number of folders): what a shell
      would put in its place, without the files that are no images.

    ``~`` at the beginning is the home folder.

    Args:
        sources: as the user typed them.
        recursive: search the subfolders of folders as well, except hidden ones.
        report: called for each subfolder that cannot be read; raises by default.

    Returns:
        Each file once, at its first place. Nothing was opened.

    Raises:
        UserError: a source does not exist, a folder and those below it hold no image, a pattern
            matches none.
    """
    files: dict[Path, Path] = {}
    for source in sources:
        for path in _expand(source, recursive, report):
            files.setdefault(_identity(path), path)
    return list(files.values())


def _expand(source: str, recursive: bool, report: Warn) -> list[Path]:
    path = Path(source)
    if not _exists(path) and source.startswith("~"):
        path = _home(source)
    if _exists(path):
        return _folder(path, recursive, report) if path.is_dir() else [path]
    if _PATTERN_CHARACTERS.isdisjoint(source):
        raise UserError(
            f"{source}: no such file or folder",
            "name images, folders of images, or patterns such as 'photos/*.jpg'",
        )
    return _matches(path, source, recursive, report)


def _folder(folder: Path, recursive: bool, report: Warn) -> list[Path]:
    images = _images_in(folder, recursive, report)
    if not images:
        raise UserError(f"{folder}: no images in this folder or below it", _KNOWN_BY_SUFFIX)
    return images


def _matches(path: Path, source: str, recursive: bool, report: Warn) -> list[Path]:
    # Not Path.glob: it takes no absolute pattern, and finds hidden files.
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207
    found = sorted(map(Path, names), key=_natural)
    images: list[Path] = []
    for match in found:
        if match.is_dir():
            images += _images_in(match, recursive, report)
        elif is_image_path(match) or is_video_path(match):
            images.append(match)
    if not images:
        what = "matches no image" if found else "matches nothing"
        raise UserError(f"{source}: the pattern {what}", _KNOWN_BY_SUFFIX)
    return images


def _images_in(folder: Path, recursive: bool, report: Warn) -> list[Path]:
    """Return the folder's images; those below it as well if asked, or if it has none itself."""
    names = _walk(folder, report) if recursive else _list(folder)
    images = sorted((path for path in names if is_image_path(path)), key=_natural)
    return images if images or recursive else _images_in(folder, True, report)


def _list(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name
                if not path.is_dir():  # unlike the entry's own question, right for a loop of links
                    yield path
    except OSError as error:
        raise _unreadable(folder, error) from error


def _walk(folder: Path, report: Warn) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        place = Path(error.filename or folder)
        if place == folder:
            raise _unreadable(folder, error) from error
        report(_unreadable(place, error))

    for place, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in files)


def _natural(path: Path) -> list[list[str | int]]:
    """Return a sort key in which the numbers within a name count as numbers."""
    # Splitting by a group alternates text and number, so that like is compared with like. The
    # path itself comes last, to order "1.jpg" and "01.jpg".
    key: list[list[str | int]] = [
        [int(part) if i % 2 else part.casefold() for i, part in enumerate(re.split(r"(\d+)", name))]
        for name in path.parts
    ]
    return [*key, [str(path)]]


def _identity(path: Path) -> Path:
    """Return what is equal for two spellings of a file; a link is another file than its target."""
    return _resolved(path.parent) / path.name


def _resolved(folder: Path) -> Path:
    return _resolved_absolute(folder.absolute())  # what a relative one means may change


@lru_cache(maxsize=1024)
def _resolved_absolute(folder: Path) -> Path:
    return Path(os.path.realpath(folder))  # Path.resolve fails on a loop of links


def _home(source: str) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError as error:  # the home folder of an unknown user
        raise UserError(f"{source}: no such home folder") from error


def _exists(path: Path) -> bool:
    """Return whether the name is there: a broken link is, and reading it says what is wrong."""
    try:
        path.lstat()
    except _NOT_THERE:
        return False
    except PermissionError as error:
        raise _unreadable(path, error) from error
    except (OSError, ValueError):  # not even a valid name: too long, say
        return False
    return True


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"{path}: cannot be read: {error.strerror or error}",
        "change its mode, or that of the folder that holds it",
        ExitCode.FAILURE,
    )
