"""What lies in the folder of the feature caches: one folder an entry, named by its key."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.files import atomic_write_text
from yolo_cli.text import counted

ABOUT = "about.json"
NAMED = 5  # entries in one message


@dataclass(frozen=True)
class Entry:
    """A cache that an earlier run has left.

    Attributes:
        path: its folder.
        size: bytes on disk.
        images: the folder of the images that it was made from, as far as is known.
        days: since it was last used.
    """

    path: Path
    size: int
    images: str
    days: float

    def line(self) -> str:
        """Return the entry in words."""
        since = "today" if self.days < 1 else f"{counted(int(self.days), 'day')} ago"
        return f"{self.path}: {self.size / 1e9:.2f} GB, {self.images}, last used {since}"


def describe(folder: Path, *, images: str, part: str, depth: int) -> None:
    """Say in words, beside an entry's files, what they are.

    Args:
        folder: of the entry.
        images: folder of the images.
        part: ``training`` or ``validation``.
        depth: backbone blocks that the activations have passed.
    """
    about = {"images": images, "part": part, "depth": depth}
    atomic_write_text(folder / ABOUT, json.dumps(about, indent=2) + "\n")


def touch(folder: Path) -> None:
    """Note that an entry is in use."""
    about = folder / ABOUT
    if about.exists():
        os.utime(about)


def begun(folder: Path) -> bool:
    """Return whether an entry is there, complete or not."""
    return (folder / ABOUT).is_file()


def others(parent: Path, used: Collection[Path]) -> list[Entry]:
    """Return the entries in ``parent`` but those that are ``used``, largest first.

    Folders that hold no cache are none of our business and left out.
    """
    entries = [
        _entry(folder)
        for folder in (parent.iterdir() if parent.is_dir() else ())
        if folder not in used and begun(folder)
    ]
    return sorted(entries, key=lambda entry: -entry.size)


def depths(parent: Path) -> set[int]:
    """Return the depths of the entries in ``parent``, as far as they say."""
    found = set()
    for about in parent.glob(f"*/{ABOUT}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.add(int(json.loads(about.read_bytes())["depth"]))
    return found


def removal(entries: list[Entry]) -> list[str]:
    """Return lines that name entries and say how to remove them; none for none."""
    if not entries:
        return []
    total = sum(entry.size for entry in entries) / 1e9
    named = entries[:NAMED]
    more = [f"{len(entries) - NAMED} more"] if len(entries) > NAMED else []
    command = "rm -r " + " ".join(shlex.quote(str(entry.path)) for entry in named)
    return [
        f"{counted(len(entries), 'cache')} of other runs, {total:.2f} GB:",
        *(f"  {entry.line()}" for entry in named),
        *(f"  {line}" for line in more),
        f"  remove what you do not need: {command}",
    ]


def _entry(folder: Path) -> Entry:
    about = folder / ABOUT
    try:
        images = str(json.loads(about.read_bytes())["images"])
        used = about.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        images, used = "of unknown images", folder.stat().st_mtime
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Entry(folder, size, images, (time.time() - used) / 86400)
