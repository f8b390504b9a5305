"""The pictures of the README's lecture; ``python -m tests.lecture`` makes them.

Each is what a command of the README writes, made smaller: the repository is no album.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "weights" / "lecture"


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
        for arguments in lecture_commands():
            assert run(arguments) == 0
        for picture in PICTURES:
            (FOLDER / picture.name).write_bytes(small(Path(picture.made), picture))
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
