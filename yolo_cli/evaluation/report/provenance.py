"""Where a report's numbers come from."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from yolo_cli.version import __version__

# Whatever a number may depend on; each is named only where it is installed.
_LIBRARIES = ("numpy", "torch", "torchvision", "faster-coco-eval")


def installed_versions() -> dict[str, str]:
    """Return the versions of this program, of Python, and of the libraries behind the numbers."""
    versions = {"yolo-cli": __version__, "Python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def identify(path: Path) -> str:
    """Return a path with the beginning of the file's SHA-256, to tell it from others of its name.

    Args:
        path: of a file; of a folder, the path alone is returned.
    """
    if not path.is_file():
        return str(path)
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return f"{path} (SHA-256 {digest.hexdigest()[:16]}…)"


@dataclass(frozen=True)
class Provenance:
    """What somebody needs to reproduce the numbers.

    Attributes:
        title: of the report: what was scored on what, in a few words.
        facts: what to show, by its name: dataset, split, weights, command, thresholds …
        notes: what a reader has to know about the numbers (classes left out, images skipped).
        date: when it was made, local time with its zone; None for now.
        versions: of the programs; None for those that run.
    """

    title: str
    facts: Mapping[str, str]
    notes: Sequence[str] = ()
    date: str = field(default_factory=lambda: datetime.now().astimezone().isoformat(" ", "seconds"))
    versions: Mapping[str, str] = field(default_factory=installed_versions)

    def to_json(self) -> dict[str, object]:
        """Return plain values."""
        return {
            "title": self.title,
            **self.facts,
            "notes": list(self.notes),
            "date": self.date,
            "versions": dict(self.versions),
        }
