"""The pictures of the README's lecture; ``python -m tests.lecture`` makes them.

Each is what a command of the README writes, made smaller: the repository is no album.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

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


def small(path: Path, width: int) -> Image.Image:
    """Read a picture and scale it to a width."""
    with Image.open(path) as image:
        height = round(image.height * width / image.width)
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


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
        for name, made, width in PICTURES:
            image = small(Path(made), width)
            if name.endswith("png"):
                image.quantize(16, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)
            else:
                image.save(FOLDER / name, quality=68, optimize=True, progressive=True)
            sys.stdout.write(f"{name}: {(FOLDER / name).stat().st_size:,} bytes\n")
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
