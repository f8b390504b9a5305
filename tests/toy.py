"""Small labelled pictures that a network can learn: bright shapes on dark noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("disc", "square")
COLORS = {"disc": (230, 60, 40), "square": (40, 120, 230)}

OBJECT = """  <object><name>{name}</name><difficult>0</difficult>
    <bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>
"""


def make_voc(root: Path, images: int = 8, *, size: int = 96, seed: int = 0) -> Path:
    """A Pascal VOC dataset of ``images`` pictures with one or two objects each, split in halves.

    Every class occurs, and objects of a picture lie in different quarters of it.
    """
    rng = np.random.default_rng(seed)
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / name).mkdir(parents=True)
    stems = [f"{i:03d}" for i in range(images)]
    for i, stem in enumerate(stems):
        noise = rng.integers(0, 60, (size, size, 3), dtype=np.uint8)
        picture = Image.fromarray(noise)
        pen = ImageDraw.Draw(picture)
        text = "<annotation>\n"
        half = size // 2
        quarters = rng.permutation(4)[: 1 + i % 2]
        for k, quarter in enumerate(quarters):
            name = CLASSES[(i + k) % 2]
            width, height = rng.integers(half // 2, half - 4, 2)
            left = int(quarter % 2) * half + int(rng.integers(1, half - width))
            top = int(quarter // 2) * half + int(rng.integers(1, half - height))
            box = (left, top, left + int(width), top + int(height))
            draw = pen.ellipse if name == "disc" else pen.rectangle
            draw((box[0], box[1], box[2] - 1, box[3] - 1), fill=COLORS[name])
            # VOC counts from 1 and includes the last pixel.
            text += OBJECT.format(box[0] + 1, box[1] + 1, box[2], box[3], name=name)
        picture.save(root / "JPEGImages" / f"{stem}.png")
        (root / "Annotations" / f"{stem}.xml").write_text(text + "</annotation>\n")
    middle = (images + 1) // 2
    for split, part in (("train", stems[:middle]), ("val", stems[middle:])):
        (root / "ImageSets/Main" / f"{split}.txt").write_text("\n".join(part) + "\n")
    return root


def make_folders(root: Path, images: int = 6, *, size: int = 48, splits: bool = True) -> Path:
    """A folder a class: ``images`` pictures of each, a bright shape on dark noise."""
    rng = np.random.default_rng(0)
    for index in range(images):
        split = ("val" if index % 3 == 2 else "train") if splits else ""
        for name in CLASSES:
            picture = Image.fromarray(rng.integers(0, 60, (size, size, 3), dtype=np.uint8))
            pen = ImageDraw.Draw(picture)
            draw = pen.ellipse if name == "disc" else pen.rectangle
            left, top = rng.integers(2, size // 3, 2).tolist()
            draw((left, top, left + size // 2, top + size // 2), fill=COLORS[name])
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"{index:03d}.png")
    return root


def make_masks(root: Path, images: int = 8, *, seed: int = 0) -> Path:
    """Photographs of a bright disc on dark ground with their masks; no splits."""
    rng = np.random.default_rng(seed)
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for i in range(images):
        picture = Image.fromarray(rng.integers(0, 60, (64, 80, 3), dtype=np.uint8))
        mask = Image.new("L", picture.size)
        left, top = (int(value) for value in rng.integers(0, 30, 2))
        box = (left, top, left + 34, top + 30)
        ImageDraw.Draw(picture).ellipse(box, fill=COLORS["disc"])
        ImageDraw.Draw(mask).ellipse(box, fill=1)
        mask.putpixel((0, 0), 255)
        picture.save(root / "images" / f"{i}.png")
        mask.save(root / "masks" / f"{i}.png")
    (root / "classes.txt").write_text("ground\ndisc\n")
    return root
