"""Labels that stand beside the pictures: made by hand, perhaps, and never written over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.inputs import Input
from yolo_cli.tasks.result import ImageWriter
from yolo_cli.text import class_lines

_ANOTHER = "name another folder with --out"


def check_beside(
    folder: Path,
    sources: Sequence[Input],
    targets: Mapping[str, Path],
    writers: Sequence[ImageWriter],
    names: tuple[str, ...],
    *,
    draws: bool,
) -> None:
    """Refuse to write over files of a folder that pictures are read from, or below.

    Any other folder is the results' own; there a run replaces what the last one left.

    Args:
        folder: of the run.
        sources: of the pictures that will be looked at.
        targets: of their annotated copies.
        writers: of files for each picture.
        names: of the classes that the network knows.
        draws: whether annotated copies are written.

    Raises:
        UserError: there is one already; with :attr:`ExitCode.USAGE`.
    """
    found = _in_the_way(
        folder, _files(folder, sources, targets, writers, draws=draws), writers, names
    )
    if found is None:  # links of many pictures need not be followed then
        return
    here = folder.resolve()
    if any(here in one.file.resolve().parents for one in sources if one.kind != "address"):
        raise found


def _in_the_way(
    folder: Path, files: Iterator[Path], writers: Sequence[ImageWriter], names: tuple[str, ...]
) -> UserError | None:
    """Return what is wrong with the first file that is there already, if one is."""
    for path in (one.classes(folder) for one in writers):
        if path is not None and path.is_file() and path.read_bytes() != class_lines(names).encode():
            return _there(path, "it names other classes", _ANOTHER)
    for path in files:
        if path.is_file():
            hint = f"{_ANOTHER}, or go on with an earlier run by --skip-existing"
            return _there(path, "it would be written over", hint)
    return None


def _files(
    folder: Path,
    sources: Sequence[Input],
    targets: Mapping[str, Path],
    writers: Sequence[ImageWriter],
    *,
    draws: bool,
) -> Iterator[Path]:
    """What a run writes for its pictures, but for copies that have their names and suffixes."""
    for source in sources:
        target = targets[source.name]
        yield from (path for one in writers if (path := one.path(folder, target)) is not None)
        if draws and source.kind != "video" and target.suffix != source.file.suffix:
            yield target


def _there(path: Path, why: str, hint: str) -> UserError:
    return UserError(f"{path}: there already, beside the pictures, and {why}", hint, ExitCode.USAGE)
