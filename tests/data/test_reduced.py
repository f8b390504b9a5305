from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from yolo_cli.data import reduced
from yolo_cli.data.images import read_image
from yolo_cli.data.reduced import read_drawable, read_reduced
from yolo_cli.errors import UserError


def photo(path: Path, size: tuple[int, int], orientation: int = 1, **options: object) -> Path:
    """A smooth picture: red grows to the right, green downwards."""
    x, y = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    pixels = np.stack([x, y, np.full_like(x, 90)], axis=2).astype(np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(pixels).save(path, "JPEG", quality=95, exif=exif, **options)
    return path


@pytest.mark.parametrize(
    ("size", "least", "expected"),
    [
        ((800, 600), (100, 100), (200, 150)),  # 600 / 100 is 6: a quarter
        ((800, 600), (75, 75), (100, 75)),  # an eighth, exactly as large as needed
        ((800, 600), (76, 76), (200, 150)),
        ((800, 600), (400, 300), (400, 300)),
        ((800, 600), (401, 300), (800, 600)),
        ((800, 600), (1000, 1000), (800, 600)),
        ((801, 603), (100, 100), (201, 151)),  # a part of a pixel more
    ],
)
def test_the_smallest_fraction_that_is_large_enough(
    tmp_path: Path, size: tuple[int, int], least: tuple[int, int], expected: tuple[int, int]
) -> None:
    picture = read_reduced(photo(tmp_path / "a.jpg", size), *least)
    assert picture.size == size
    assert picture.image.size == expected
    assert picture.image.mode == "RGB"
    scale = 8 if expected[0] < 150 else 4 if expected[0] < 300 else 2 if expected[0] < 500 else 1
    assert picture.box == (0, 0, size[0] / scale, size[1] / scale)
    assert picture.whole == (size == expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(805, 603), (603, 805), (800, 600)])
def test_every_orientation_shows_the_same_part(
    tmp_path: Path, orientation: int, size: tuple[int, int]
) -> None:
    path = photo(tmp_path / "a.jpg", size, orientation)
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    picture = read_reduced(path, 70, 70)
    assert picture.size == upright.size
    assert picture.image.width < upright.width / 3
    small = np.asarray(picture.stretched(50, 40)).astype(int)
    whole = np.asarray(upright.resize((50, 40), Image.Resampling.BILINEAR)).astype(int)
    # 805 is 100.6 eighths: were the part of a pixel taken for a whole one, the picture would be
    # .4 % narrower, and red differ by one.
    assert np.abs(small - whole).mean() < 0.5
    assert np.abs(small - whole).max() <= 4


def test_sideways_pictures_are_measured_upright(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", (800, 200), 6)  # upright 200 wide, 800 high
    assert read_reduced(path, 100, 400).image.size == (100, 400)
    assert read_reduced(path, 101, 400).image.size == (200, 800)


def test_other_files_are_read_whole(tmp_path: Path) -> None:
    Image.new("RGB", (800, 600), "teal").save(tmp_path / "a.png")
    picture = read_reduced(tmp_path / "a.png", 10, 10)
    assert picture.image.size == picture.size == (800, 600)
    assert picture.box == (0, 0, 800, 600)


def test_grey_and_cmyk_become_rgb(tmp_path: Path) -> None:
    for mode in ("L", "CMYK"):
        Image.new(mode, (400, 400)).save(tmp_path / f"{mode}.jpg")
        picture = read_reduced(tmp_path / f"{mode}.jpg", 100, 100)
        assert (picture.image.mode, picture.image.size) == ("RGB", (100, 100))


def test_without_need_it_is_what_read_image_returns(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", (80, 60), 8)
    picture = read_reduced(path, 80, 80)
    assert np.array_equal(np.asarray(picture.image), np.asarray(read_image(path)))


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0junk", b"<html>"])
def test_damage_is_told_as_elsewhere(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    messages = []
    readers: list[Callable[[Path], object]] = [
        read_image, lambda p: read_reduced(p, 9, 9), read_drawable,
    ]  # fmt: skip
    for read in readers:
        with pytest.raises(UserError) as caught:
            read(path)
        messages.append(caught.value.message)
    assert len(set(messages)) == 1, messages


def test_a_cut_off_photograph_is_damaged(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", (800, 600))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UserError, match="damaged image"):
        read_reduced(path, 50, 50)


def test_beyond_what_fits_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits a thousandth of the real ones: 178,956 and a million pixels."""
    monkeypatch.setattr(reduced, "MAX_PIXELS", 178_956)
    monkeypatch.setattr(reduced, "MAX_REDUCED_PIXELS", 1_000_000)
    path = photo(tmp_path / "a.jpg", (1000, 900))  # 900,000: a half has 225,000, a quarter 56,250
    assert read_reduced(path, 100, 100).image.size == (125, 113)
    assert read_drawable(path).image.size == (250, 225)
    for least in (400, 900):
        with pytest.raises(UserError, match=r"too large \(1000 x 900 pixels"):
            read_reduced(path, least, least)
    progressive = photo(tmp_path / "b.jpg", (1000, 900), progressive=True)
    with pytest.raises(UserError, match="progressive"):
        read_reduced(progressive, 100, 100)
    with pytest.raises(UserError, match="too large"):
        read_reduced(photo(tmp_path / "c.jpg", (1200, 900)), 100, 100)
