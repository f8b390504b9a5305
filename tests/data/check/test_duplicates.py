from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.data.builders import image
from tests.data.check.builders import PHOTOS, save
from yolo_cli.data.check.duplicates import identical_flat, near_duplicates, nearest
from yolo_cli.data.images import inspect_image

SAMPLES = Path(__file__).parents[3] / "samples/JPEGImages"


def thumbnails(paths: list[Path]) -> np.ndarray:
    return np.stack([inspect_image(path, 32).thumbnail for path in paths])


@pytest.fixture(scope="module")
def photographs() -> list[Path]:
    return sorted(SAMPLES.iterdir())


@pytest.mark.parametrize("change", ["saved", "halved", "grey", "brighter", "cropped", "mirrored"])
def test_copies_of_photographs(photographs: list[Path], tmp_path: Path, change: str) -> None:
    copies = []
    for path in photographs:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        quality = 30 if change == "saved" else 90
        if change == "halved":
            picture = picture.reduce(2)
        elif change == "grey":
            picture = picture.convert("L")
        elif change == "brighter":
            picture = ImageEnhance.Brightness(picture).enhance(1.2)
        elif change == "cropped":
            picture = ImageOps.crop(picture, min(picture.size) // 50)
        elif change == "mirrored":
            picture = ImageOps.mirror(picture)
        copies.append(tmp_path / path.name)
        picture.save(copies[-1], quality=quality)
    count = len(photographs)
    found = near_duplicates(thumbnails([*photographs, *copies]))
    assert sorted(found) == [[i, i + count] for i in range(count)]
    near = nearest(thumbnails(copies), thumbnails(photographs))
    assert near == [(i, change == "mirrored") for i in range(count)]


def test_different_photographs(photographs: list[Path]) -> None:
    assert near_duplicates(thumbnails(photographs)) == []


def test_smooth_pictures_are_not_the_same() -> None:
    """Sky above, ground below, and something else in the middle of each."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(40):
        picture = np.linspace(220, 60, 32)[:, None] * np.ones((32, 32))
        x, y = rng.integers(4, 20, 2)
        picture[y : y + 8, x : x + 8] = rng.integers(0, 255, (8, 8))
        pictures.append((picture + rng.normal(0, 2, (32, 32))).clip(0, 255).astype(np.uint8))
    assert near_duplicates(np.stack(pictures)) == []


def test_a_chain_is_one_group() -> None:
    """Frames of a camera that pans: the first and the last have little in common."""
    rng = np.random.default_rng(0)
    wide = Image.fromarray(rng.integers(0, 256, (8, 20), dtype=np.uint8)).resize((80, 32))
    frames = [np.asarray(wide.crop((x, 0, x + 32, 32))) for x in range(0, 40, 1)]
    assert near_duplicates(np.stack(frames)) == [[*range(40)]]
    assert near_duplicates(np.stack([frames[0], frames[-1]])) == []


def test_thousands_of_the_same_are_one_group() -> None:
    one = inspect_image(SAMPLES / "dog.jpg", 32).thumbnail
    many = np.repeat(one[None], 3000, axis=0)
    assert near_duplicates(many) == [[*range(3000)]]


def test_flat_pictures(tmp_path: Path) -> None:
    """Of pictures that show nothing, only the very same file is the same."""
    paths = [image(tmp_path / f"{i}.png", 64, 64 + i // 2) for i in range(4)]
    assert near_duplicates(thumbnails(paths)) == []
    assert identical_flat(paths, thumbnails(paths)) == [[0, 1], [2, 3]]


def test_the_thumbnail_is_upright(tmp_path: Path) -> None:
    picture = PHOTOS[0].picture()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = save(picture.transpose(Image.Transpose.ROTATE_90), tmp_path / "a.jpg", exif=exif)
    plain = save(picture, tmp_path / "b.jpg")
    one, other = (inspect_image(path, 32) for path in (turned, plain))
    assert one.header.upright == other.header.upright == picture.size
    assert (one.header.stored, one.header.orientation) == (picture.size[::-1], 6)
    assert np.abs(one.thumbnail.astype(int) - other.thumbnail).max() < 12
