from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.data.builders import image
from tests.data.check.builders import PHOTOS, save
from yolo_cli.data.check.duplicates import identical_flat, near_duplicates, nearest, same_pixels
from yolo_cli.data.check.pictures import THUMBNAIL
from yolo_cli.data.images import inspect_image

SAMPLES = Path(__file__).parents[3] / "samples/JPEGImages"


def thumbnails(paths: list[Path]) -> np.ndarray:
    return np.stack([inspect_image(path, THUMBNAIL).thumbnail for path in paths])


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
    originals = thumbnails(photographs)
    near = [nearest(one, originals) for one in thumbnails(copies)]
    assert near == [(i, change == "mirrored") for i in range(count)]


def test_different_photographs(photographs: list[Path]) -> None:
    assert near_duplicates(thumbnails(photographs)) == []


def test_smooth_pictures_are_not_the_same() -> None:
    """Sky above, ground below, and something else in the middle of each."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(40):
        picture = np.linspace(220, 60, 64)[:, None] * np.ones((64, 64))
        x, y = rng.integers(8, 40, 2)
        picture[y : y + 16, x : x + 16] = rng.integers(0, 255, (16, 16))
        pictures.append((picture + rng.normal(0, 2, (64, 64))).clip(0, 255).astype(np.uint8))
    assert near_duplicates(np.stack(pictures)) == []


def test_a_chain_is_no_group() -> None:
    """Frames of a camera that pans: each is like its neighbours, the ends have little in common."""
    rng = np.random.default_rng(0)
    wide = Image.fromarray(rng.integers(0, 256, (8, 20), dtype=np.uint8)).resize((160, 64))
    frames = np.stack([np.asarray(wide.crop((x, 0, x + 64, 64))) for x in range(40)])
    pairs = [near_duplicates(frames[[i, i + 1]]) for i in range(39)]
    assert pairs == [[[0, 1]]] * 39
    groups = near_duplicates(frames)
    assert max(group[-1] - group[0] for group in groups) <= 4
    for group in groups:  # each is the same as the first of its group
        assert [near_duplicates(frames[[group[0], other]]) for other in group[1:]] == (
            [[[0, 1]]] * (len(group) - 1)
        )


def test_a_board_with_its_pieces_elsewhere(photographs: list[Path]) -> None:
    """Sixty photographs from a tripod, of 12 dark pieces that stand elsewhere in each."""
    rng = np.random.default_rng(0)
    with Image.open(SAMPLES / "coffee.jpg") as opened:
        board = np.asarray(opened.convert("L").resize((640, 640)))
    pictures = []
    for _ in range(60):
        scene = board.copy()
        for x, y in rng.integers(40, 560, (12, 2)):
            scene[y : y + 32, x : x + 32] = 20
        noise = rng.normal(0, 2, scene.shape)
        pictures.append(Image.fromarray((scene + noise).clip(0, 255).astype(np.uint8)).reduce(10))
    assert near_duplicates(np.stack([np.asarray(one) for one in pictures])) == []


def test_the_same_pixels_in_another_file(tmp_path: Path, photographs: list[Path]) -> None:
    with Image.open(photographs[0]) as opened:
        opened.convert("RGB").save(tmp_path / "a.png")
        opened.convert("RGB").save(tmp_path / "b.png", compress_level=0)
        opened.convert("RGB").save(tmp_path / "c.jpg", quality=80)
    assert same_pixels(tmp_path / "a.png", tmp_path / "b.png")
    assert same_pixels(photographs[0], tmp_path / "a.png")
    assert not same_pixels(tmp_path / "a.png", tmp_path / "c.jpg")
    assert not same_pixels(tmp_path / "a.png", tmp_path / "missing.png")


def test_thousands_of_the_same_are_one_group() -> None:
    one = inspect_image(SAMPLES / "dog.jpg", THUMBNAIL).thumbnail
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
