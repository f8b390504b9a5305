"""The pictures of the README; ``python -m tests.lecture`` makes them.

Each is what a command of the README writes, made smaller: the repository is no album.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "weights" / "lecture"
STRIP = ROOT / "weights" / "found.jpg"
FOUND = ("dog", "tabby", "parrot", "astronaut", "owl", "chelsea")
"""Samples on the strip that the README begins with."""

_GAP, _WIDTH = 6, 1280  # pixels


class Picture(NamedTuple):
    """A picture of the README: the file, what the README's command writes, pixels of width."""

    name: str
    made: str
    width: int


PICTURES = (
    Picture("maps-early.jpg", "early.png", 760),
    Picture("maps-deep.jpg", "deep.png", 760),
    Picture("upsampling.png", "upsampled.png", 710),
    Picture("explained.jpg", "explained/tabby.jpg", 600),
)


def small(path: Path, picture: Picture) -> bytes:
    """Return what a command has written as the file that the README shows."""
    with Image.open(path) as image:
        size = picture.width, round(image.height * picture.width / image.width)
        scaled = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    if picture.name.endswith("png"):
        scaled.quantize(16, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    else:
        scaled.save(file, "JPEG", quality=68, optimize=True, progressive=True)
    return file.getvalue()


def strip(folder: Path) -> bytes:
    """Return annotated copies side by side, two rows as wide as each other.

    Args:
        folder: where ``yolo detect samples/`` has written them.
    """
    rows = [_row(folder, FOUND[:3]), _row(folder, FOUND[3:])]
    joined = Image.new("RGB", (_WIDTH, sum(one.height for one in rows) + _GAP), "white")
    joined.paste(rows[0], (0, 0))
    joined.paste(rows[1], (0, rows[0].height + _GAP))
    file = io.BytesIO()
    joined.save(file, "JPEG", quality=80, optimize=True, progressive=True)
    return file.getvalue()


def _row(folder: Path, names: Sequence[str]) -> Image.Image:
    """Return pictures of one height beside each other, :data:`_WIDTH` wide."""
    pictures = [Image.open(folder / f"{name}.jpg").convert("RGB") for name in names]
    room = _WIDTH - _GAP * (len(pictures) - 1)
    height = round(room / sum(one.width / one.height for one in pictures))
    row, left = Image.new("RGB", (_WIDTH, height), "white"), 0
    for one in pictures:
        width = round(one.width * height / one.height)
        row.paste(one.resize((width, height), Image.Resampling.LANCZOS), (left, 0))
        left += width + _GAP
    return row


def difference(one: bytes, other: bytes) -> float:
    """Return the mean difference of two picture files, of 255."""
    values = []
    for file in (one, other):
        with Image.open(io.BytesIO(file)) as image:
            values.append(np.asarray(image.convert("RGB"), dtype=float))
    return float(np.abs(values[0] - values[1]).mean())


def main() -> None:
    """Run the commands, and write the pictures."""
    from tests.e2e.test_readme import lecture_commands
    from yolo_cli.cli.app import run

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shutil.copytree(ROOT / "samples", "samples")
        shutil.copytree(FOLDER, "weights/lecture")
        for arguments in (["detect", "samples/"], *lecture_commands()):
            assert run(arguments) == 0
        STRIP.write_bytes(strip(Path("detections")))
        for picture in PICTURES:
            (FOLDER / picture.name).write_bytes(small(Path(picture.made), picture))
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
