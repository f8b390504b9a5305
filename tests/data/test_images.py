from __future__ import annotations

import contextlib
import io
import random
import shutil
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from yolo_cli.data import images
from yolo_cli.data.images import image_size, inspect_image, is_image_path, read_image
from yolo_cli.errors import ExitCode, UserError

RED, GREEN = (255, 0, 0), (0, 255, 0)

# EXIF 2.32, tag 0x0112: the visual side that row 0 and column 0 of the stored picture are on.
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}
OPPOSITE = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}


def pixel(path: Path, x: int = 0, y: int = 0) -> tuple[int, ...]:
    value = read_image(path).getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def near(value: tuple[int, ...], wanted: tuple[int, ...], by: int = 2) -> bool:
    return all(abs(a - b) <= by for a, b in zip(value, wanted, strict=True))


def marked() -> Image.Image:
    """48 x 32, white; the stored top left block is red, the stored top right one green."""
    picture = Image.new("RGB", (48, 32), "white")
    picture.paste(RED, (0, 0, 16, 16))
    picture.paste(GREEN, (32, 0, 48, 16))
    return picture


def with_orientation(path: Path, orientation: int, kind: str) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    marked().save(path, kind, exif=exif)
    return path


def centre(sides: set[str]) -> tuple[float, float]:
    """Where the middle of the corner block between two sides is, as fractions of 48 x 32 sides."""
    return (0.05 if "left" in sides else 0.95, 0.05 if "top" in sides else 0.95)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_orientation_becomes_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    path = with_orientation(tmp_path / "a.img", orientation, kind)
    upright = read_image(path)
    assert upright.size == ((48, 32) if orientation < 5 else (32, 48))
    assert image_size(path) == upright.size
    row, column = ORIENTATIONS[orientation]
    for sides, colour in [({row, column}, RED), ({row, OPPOSITE[column]}, GREEN)]:
        x, y = centre(sides)
        found = upright.getpixel((int(x * upright.width), int(y * upright.height)))
        assert isinstance(found, tuple)
        assert near(found, colour, by=40)  # JPEG and WebP blur
    assert 0x0112 not in upright.getexif()


def test_png_metadata_behind_the_pixels_counts(tmp_path: Path) -> None:
    path = with_orientation(tmp_path / "a.png", 6, "PNG")
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">I", data[start : start + 4])[0]
    last = data.index(b"IEND") - 4
    path.write_bytes(data[:start] + data[end:last] + data[start:end] + data[last:])
    assert image_size(path) == (32, 48) == read_image(path).size


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_unknown_orientation_is_none(tmp_path: Path, orientation: int) -> None:
    path = with_orientation(tmp_path / "a.jpg", orientation, "JPEG")
    assert image_size(path) == (48, 32) == read_image(path).size


def test_damaged_metadata_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    marked().save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f not a directory")
    assert image_size(path) == (48, 32) == read_image(path).size


@pytest.mark.parametrize(
    ("mode", "value", "name", "wanted"),
    [
        ("1", 1, "a.png", (255, 255, 255)),
        ("L", 100, "a.png", (100, 100, 100)),
        ("L", 100, "a.jpg", (100, 100, 100)),
        ("RGB", (10, 20, 30), "a.bmp", (10, 20, 30)),
        ("RGB", (10, 20, 30), "a.ppm", (10, 20, 30)),
        ("RGB", (10, 20, 30), "a.gif", (10, 20, 30)),
        # On white: 255 * (1 - a) + value * a with a = 51 / 255 = 0.2.
        ("RGBA", (0, 100, 255, 51), "a.png", (204, 224, 255)),
        ("RGBA", (0, 100, 255, 0), "a.png", (255, 255, 255)),
        ("LA", (0, 51), "a.png", (204, 204, 204)),
        # R = (1 - C)(1 - K) and so on. Pillow writes CMYK JPEG as Adobe does: inverted.
        ("CMYK", (0, 255, 255, 0), "a.tif", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "a.jpg", (255, 0, 0)),
        ("CMYK", (0, 0, 0, 0), "a.jpg", (255, 255, 255)),
        ("CMYK", (0, 0, 0, 255), "a.jpg", (0, 0, 0)),
        # 65535 is white: v * 255 / 65535 = v / 257.
        ("I;16", 65535, "a.png", (255, 255, 255)),
        ("I;16", 257 * 100, "a.png", (100, 100, 100)),
        ("I;16", 257 * 100, "a.tif", (100, 100, 100)),
        ("I", 257 * 100, "a.tif", (100, 100, 100)),
        ("I", -5, "a.tif", (0, 0, 0)),
        ("I", 2**31 - 1, "a.tif", (255, 255, 255)),
        ("F", 0.2, "a.tif", (51, 51, 51)),
        ("F", 200.0, "a.tif", (200, 200, 200)),
        ("F", float("nan"), "a.tif", (0, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(
    tmp_path: Path, mode: str, value: float | tuple[int, ...], name: str, wanted: tuple[int, ...]
) -> None:
    path = tmp_path / name
    Image.new(mode, (9, 5), value).save(path)
    picture = read_image(path)
    assert (picture.mode, picture.size, image_size(path)) == ("RGB", (9, 5), (9, 5))
    assert near(pixel(path), wanted)


def test_sixteen_bits_keep_their_order(tmp_path: Path) -> None:
    values = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "a.png")
    got = np.asarray(read_image(tmp_path / "a.png"))[..., 0].ravel().astype(int)
    assert got[0] == 0
    assert got[-1] == 254  # 65280 / 257 = 254.008
    assert (np.diff(got) >= 0).all()
    assert len(set(got.tolist())) > 250


def test_palette_with_transparency_lies_on_white(tmp_path: Path) -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([200, 0, 0, 0, 200, 0])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "index.png", transparency=0)
    palette.save(tmp_path / "bytes.png", transparency=bytes([51, 255]))
    palette.save(tmp_path / "a.gif", transparency=0)
    palette.save(tmp_path / "plain.png")
    assert pixel(tmp_path / "index.png") == (255, 255, 255)
    assert pixel(tmp_path / "index.png", 1) == (0, 200, 0)
    assert near(pixel(tmp_path / "bytes.png"), (244, 204, 204))  # 255 * .8 + 200 * .2, 255 * .8
    assert pixel(tmp_path / "a.gif") == (255, 255, 255)
    assert pixel(tmp_path / "plain.png") == (200, 0, 0)


def test_a_transparent_colour_survives_turning(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    marked().save(tmp_path / "a.png", transparency=RED, exif=exif)
    assert pixel(tmp_path / "a.png", 31, 0) == (255, 255, 255)  # stored top left is top right
    assert pixel(tmp_path / "a.png", 31, 47) == GREEN


def test_of_an_animation_the_first_picture_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    for name in ("a.gif", "a.png", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert pixel(tmp_path / name) == RED


@pytest.mark.parametrize("read", [read_image, image_size])
def test_files_that_are_no_images(tmp_path: Path, read: object) -> None:
    assert callable(read)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("I am a JPEG")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "eps.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n")
    for name, words in [
        ("none.jpg", "no such image"),
        ("empty.jpg/inside.jpg", "no such image"),
        ("empty.jpg", "empty image file"),
        ("text.jpg", "not an image"),
        ("folder.jpg", "a folder"),
        ("link.jpg", "broken link"),
        ("eps.jpg", "not an image"),
        ("x" * 300 + ".jpg", "name too long"),
        ("nul\0.jpg", "null"),
    ]:
        path = tmp_path / name
        with pytest.raises(UserError) as caught:
            read(path)
        assert str(path) in caught.value.message
        assert words in caught.value.message
        assert "\n" not in caught.value.message
        assert caught.value.code is ExitCode.BAD_INPUT


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os = pytest.importorskip("os")
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(UserError, match="not a regular file"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP", "PPM"])
def test_truncated(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    data = buffer.getvalue()
    for part in (0.05, 0.3, 0.6, 0.9):
        path = tmp_path / f"{part}.img"
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(UserError, match=r"damaged|not an image"):
            read_image(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP", "PPM", "JPEG2000"])
def test_whatever_the_damage_it_is_a_user_error(tmp_path: Path, kind: str) -> None:
    if kind == "JPEG2000" and not features.check("jpg_2000"):
        pytest.skip("Pillow was built without JPEG 2000")
    draw = random.Random(kind)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    marked().save(
        buffer, kind, **({} if kind in {"BMP", "GIF", "PPM", "JPEG2000"} else {"exif": exif})
    )
    path = tmp_path / "a.img"
    for _ in range(100):
        data = bytearray(buffer.getvalue())
        for _ in range(draw.choice([1, 1, 3, 20])):
            # Headers are where it hurts: half of the damage goes to the first 64 bytes.
            data[draw.randrange(min(64, len(data)) if draw.random() < 0.5 else len(data))] = (
                draw.randrange(256)
            )
        path.write_bytes(data)
        for read in (read_image, image_size):
            with contextlib.suppress(UserError):
                result = read(path)
                assert isinstance(result, tuple) or result.mode == "RGB"


def png_header(path: Path, width: int, height: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))
    )
    return path


def test_large_metadata_of_a_png_is_no_damage(tmp_path: Path) -> None:
    """Pillow refuses profiles and texts of more than a megabyte, though the picture is sound."""
    rng = np.random.default_rng(0)
    profile = rng.integers(0, 256, 3 * 1024**2, dtype=np.uint8).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a cat " * 500_000, zip=True)
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 10), (9, 99, 199)).save(path, icc_profile=profile, pnginfo=text)
    assert image_size(path) == (20, 10)
    assert read_image(path).getpixel((0, 0)) == (9, 99, 199)
    assert inspect_image(path, 32).header.format == "PNG"


@pytest.mark.parametrize("read", [read_image, image_size])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, read: object) -> None:
    assert callable(read)
    # 178,956,970 = 13,378 * 13,377 + 13,464: the first is just below, the second above.
    assert image_size(png_header(tmp_path / "below.png", 13_378, 13_376)) == (13_378, 13_376)
    for side in (13_400, 2**20):
        with pytest.raises(UserError, match="too large") as caught:
            read(png_header(tmp_path / "bomb.png", side, side))
        assert "178,956,970" in caught.value.hint


def test_the_limit_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (20, 20)).save(tmp_path / "a.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 399)
    with pytest.raises(UserError, match="20 x 20"):
        read_image(tmp_path / "a.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 400)
    assert read_image(tmp_path / "a.png").size == (20, 20)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (2, 2)).save(tmp_path / "a.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(UserError, match="no permission") as caught:
        read_image(tmp_path / "a.png")
    assert caught.value.code is ExitCode.FAILURE


def test_threads_leave_the_warning_filters_alone(tmp_path: Path) -> None:
    marked().save(tmp_path / "a.jpg", quality=95)
    before = list(warnings.filters)

    def work() -> None:
        for _ in range(50):
            read_image(tmp_path / "a.jpg")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_the_file_is_let_go(tmp_path: Path) -> None:
    marked().save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    shutil.rmtree(tmp_path)
    assert picture.getpixel((0, 0)) == RED


def test_names_of_images() -> None:
    assert is_image_path(Path("a/b.JPG"))
    assert is_image_path(Path("b.webp"))
    assert not is_image_path(Path("b.xml"))
    assert not is_image_path(Path("._b.jpg"))
    assert not is_image_path(Path("jpg"))
