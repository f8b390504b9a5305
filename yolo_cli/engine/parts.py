"""The list of images in numbered parts, and a file for each: what is whole is never done again."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Form: TypeAlias = Literal["parquet", "jsonl"]
"""What results are written as."""

FOUND, ERRORS = "detections", "errors"
"""Folders of results, and of images that cannot be read."""

LEAST, MOST = 16, 500
"""Images of a part: of less, starting takes too long; of more, what is lost with an actor."""

EACH = 16
"""Parts for each actor: at the end one waits for another's last part, a 32nd of the time."""


MOST_PARTS = 50_000
"""Files in a folder, and tasks that Ray keeps in mind: of 25 million images parts are larger."""


@dataclass(frozen=True)
class Parts:
    """A list of images, divided the same way whoever does it.

    Attributes:
        names: of the images.
        size: images of a part; the last one may have fewer.
    """

    names: Sequence[str]
    size: int

    @classmethod
    def for_actors(cls, names: Sequence[str], actors: int) -> Parts:
        """Divide a list so that so many actors are busy to the end."""
        even = math.ceil(len(names) / (EACH * actors))
        least = math.ceil(len(names) / MOST_PARTS)
        return cls(names, max(least, min(MOST, max(LEAST, even))))

    def __len__(self) -> int:
        """Return the number of parts."""
        return math.ceil(len(self.names) / self.size)

    def of(self, number: int) -> Sequence[str]:
        """Return the names in a part."""
        return self.names[number * self.size : (number + 1) * self.size]


def file_of(number: int, form: Form) -> str:
    """Return the name of a part's file."""
    return f"part-{number:06d}.{form}"


def number_of(file: str, form: Form) -> int | None:
    """Return the number of the part that a file is of; None for another file."""
    match = re.fullmatch(rf"part-(\d{{6,}})\.{form}", file)
    return int(match[1]) if match else None


def is_part(file: str) -> bool:
    """Return whether a file is that of a part."""
    return any(number_of(file, form) is not None for form in get_args(Form))


def digest_of(names: Sequence[str]) -> str:
    """Return what is equal for equal lists of names alone."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()
