"""The new folder: it looks whole when it is, whatever happens to the run that writes it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from yolo_cli.files import LOCK, locked_folder, unwritable

PARTIAL = ".partial"
"""Folder inside the new one that all is written into, and that no reader looks into."""

LEFTOVERS = frozenset({LOCK, PARTIAL})
"""What a run that was killed leaves in the new folder; the next one removes it."""

_LAST = ("images", "JPEGImages")  # without which nothing is taken for a dataset


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Name a folder to be written, the content of which moves to ``out`` once it is complete.

    On any failure, Ctrl-C included, all of it is removed. A run that is killed leaves nothing
    outside of :data:`PARTIAL`.

    Args:
        out: a new or an empty folder, made if it is missing.

    Raises:
        UserError: with :attr:`ExitCode.FAILURE` on a full disk, without permission and the like.
    """
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked_folder(out, "name another folder with --out"):
            yield from _filled(out)
    except OSError as error:
        raise unwritable(out, error) from error
    finally:
        if made:
            with suppress(OSError):  # as it should be, it is not empty
                out.rmdir()


def _filled(out: Path) -> Iterator[Path]:
    partial = out / PARTIAL
    moved: list[Path] = []
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir()
        yield partial
        for entry in sorted(partial.iterdir(), key=lambda path: (path.name in _LAST, path.name)):
            moved.append(out / entry.name)
            entry.replace(moved[-1])
    except BaseException:
        for path in moved:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(True)
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
