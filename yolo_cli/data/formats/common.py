"""What the formats share: names of folders and splits, ids of images, values in messages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from reprlib import Repr

from yolo_cli.errors import ExitCode, UserError

MAX_OBJECTS = 100_000
"""Most objects that the label file of one image can have."""

MAX_FAULTS = 1000
"""A label file with more broken objects than this is none."""

FARTHEST_PIXEL = 1e7
"""No box corner is farther out than this, whatever the size of the image."""

SPLIT_FOLDERS = ("train", "training", "trainval", "val", "valid", "validation", "test", "testing")
"""Names, in lower case, of folders that hold one split each."""

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages")
"""Names, in lower case, of folders that hold images."""

_CANONICAL = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
_YEAR = re.compile(r"(?<=[a-z])[_-]?(19|20)\d\d$")

Box = tuple[float, float, float, float]

Key = int | str
"""What COCO files call an image or a category by."""


def canonical_split(name: str) -> str:
    """Return the usual name of a split: ``Valid`` is ``val``, ``train2017`` is ``train``."""
    bare = _YEAR.sub("", name.lower())
    usual = _CANONICAL.get(bare, bare)
    return usual if usual in {"train", "trainval", "val", "test"} else name


def unique_ids(images: Iterable[Path], root: Path) -> list[str]:
    """Return an id for each image: its path below `root`, without ``images/`` and suffix.

    Where two would be the same (``a.jpg``, ``a.png``) the later one keeps its suffix. Ids do not
    depend on how `root` is written.
    """
    ids: dict[str, None] = {}
    for image in images:
        parts = Path(os.path.relpath(image, root)).parts
        kept = [part for part in parts[:-1] if part != ".." and part.lower() not in IMAGE_FOLDERS]
        image_id = "/".join((*kept, image.stem))
        while image_id in ids:
            image_id += image.suffix or "_"
        ids[image_id] = None
    return list(ids)


def with_skip_hint(error: UserError) -> UserError:
    """Return the error of a label or an image with ``--skip-bad`` among the ways out.

    That is none where an option is wrong or missing.
    """
    if "--skip-bad" in error.hint or error.code is ExitCode.USAGE:
        return error
    way_out = "drop it with --skip-bad"
    return error.with_hint(f"{error.hint}, or {way_out}" if error.hint else way_out)


def like_more(count: int) -> str:
    """Return ``, like 4 more`` for the first of five; nothing for the only one."""
    return f", like {count - 1} more" if count > 1 else ""


def check_counts(path: Path, objects: int, faults: int, most: int = MAX_FAULTS) -> None:
    """Stop the reading of what is no label file, before it fills the memory.

    Raises:
        UserError: `path` has more than ``MAX_OBJECTS`` objects or `most` broken ones.
    """
    if objects > MAX_OBJECTS:
        raise UserError(f"more than {MAX_OBJECTS} objects in one image", path=path)
    if faults > most:
        raise UserError(f"more than {most} broken objects", "is this a label file?", path=path)


RENAME_HINT = "rename the class"


def is_text(name: str) -> bool:
    r"""Whether a name is valid Unicode: JSON and YAML can write half a character, ``\ud800``."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def number(text: str) -> float | None:
    """Return the number that `text` is (also ``nan`` and ``inf``), or None."""
    try:
        return float(text)
    except ValueError:
        return None


_BRIEF = Repr()
_BRIEF.maxlevel = 2
_BRIEF.maxlist = _BRIEF.maxdict = 4
_BRIEF.maxstring = _BRIEF.maxother = 40


def brief(value: object) -> str:
    """Return a value of a JSON file for a message: short, however large or deep it is."""
    return _BRIEF.repr(value)[:60]
