from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.pictures.save import output_path, save_annotated, taken_by
from yolo_cli.tasks.detect.records import detection_record


def picture() -> Image.Image:
    x, y = np.meshgrid(np.arange(40), np.arange(30))
    return Image.fromarray(np.stack([6 * x, 8 * y, 255 - 3 * (x + y)], axis=2).astype(np.uint8))


def test_a_record_holds_plain_rounded_values() -> None:
    record = detection_record(
        Path("photos/1.jpg"),
        640,
        480,
        np.array([[1.234, 5.678, 100.0, 200.999], [0, 0, 640, 480]], dtype=np.float32),
        np.array([0.87654321, 0.25], dtype=np.float32),
        np.array([1, 0]),
        ["cat", "dog"],
    )
    assert record == {
        "image": str(Path("photos/1.jpg")),
        "width": 640,
        "height": 480,
        "detections": [
            {"label": "dog", "score": 0.87654, "box": [1.23, 5.68, 100.0, 201.0]},
            {"label": "cat", "score": 0.25, "box": [0.0, 0.0, 640.0, 480.0]},
        ],
    }
    assert json.loads(json.dumps(record)) == record
    assert list(record) == ["image", "width", "height", "detections"]


def test_a_record_of_nothing() -> None:
    record = detection_record(Path("x.jpg"), 4, 3, np.zeros((0, 4)), [], [], [])
    assert record == {"image": "x.jpg", "width": 4, "height": 3, "detections": []}


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (".jpg", "JPEG"),
        (".JPEG", "JPEG"),
        (".png", "PNG"),
        (".webp", "WEBP"),
        (".bmp", "BMP"),
        (".tif", "TIFF"),
        (".ppm", "PPM"),
    ],
)
def test_the_format_is_that_of_the_suffix(tmp_path: Path, suffix: str, expected: str) -> None:
    path = tmp_path / "new" / f"x{suffix}"
    assert save_annotated(picture(), path) == path
    with Image.open(path) as saved:
        assert saved.format == expected
        difference = np.asarray(saved.convert("RGB")) - np.asarray(picture()).astype(np.int64)
    assert np.abs(difference).mean() < (4 if expected in {"JPEG", "WEBP"} else 1e-9)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("x.gif", "x.png"), ("x.PGM", "x.png"), ("x.heic", "x.jpg"), ("x", "x.jpg")],
)
def test_suffixes_that_cannot_be_written_are_replaced(
    tmp_path: Path, name: str, expected: str
) -> None:
    assert save_annotated(picture(), tmp_path / name).name == expected
    assert [p.name for p in tmp_path.iterdir()] == [expected]
    assert output_path(tmp_path, Path("photos", name), set()).name == expected


def test_orientation_is_dropped_and_an_rgb_profile_is_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me": the pixels handed over are upright already
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        image = picture()
        image.info.update(icc_profile=profile, exif=exif.tobytes(), transparency=(1, 2, 3))
        path = save_annotated(image, tmp_path / f"x{suffix}")
        with Image.open(path) as saved:
            assert saved.getexif().get(0x0112, 1) == 1
            assert saved.info["icc_profile"] == profile
            assert not saved.has_transparency_data
        assert image.info["exif"]  # the caller's image is as it was


def test_the_profile_of_a_cmyk_original_is_dropped(tmp_path: Path) -> None:
    image = picture()
    image.info["icc_profile"] = b"\0" * 16 + b"CMYK" + b"\0" * 108
    with Image.open(save_annotated(image, tmp_path / "x.jpg")) as saved:
        assert "icc_profile" not in saved.info


def test_a_full_disk_leaves_nothing_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_a_little(_: Image.Image, file: IO[bytes], **__: Any) -> None:
        file.write(b"\xff\xd8")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", write_a_little)
    with pytest.raises(UserError) as caught:
        save_annotated(picture(), tmp_path / "x.jpg")
    assert caught.value.message == f"{tmp_path / 'x.jpg'}: cannot be written: " + os.strerror(
        errno.ENOSPC
    )
    assert caught.value.code == ExitCode.FAILURE
    assert not list(tmp_path.iterdir())


def test_equal_names_from_two_folders_get_numbers() -> None:
    sources = [Path(name) for name in ("a/x.jpg", "b/x.jpg", "c/x-2.jpg", "d/X.JPG", "e/x.png")]
    for _ in range(2):  # and the same ones the next time
        taken = taken_by(sources)
        names = [output_path(Path("out"), source, taken).name for source in sources]
        # x.jpg and X.JPG are one file on some systems, and x-2.jpg is given out already.
        assert names == ["x.jpg", "x-2.jpg", "x-2-2.jpg", "X-3.JPG", "x.png"]


def test_no_source_is_ever_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    sources = [Path("photos/x.jpg"), Path("photos/x-2.jpg")]
    taken = taken_by(sources)
    # x.jpg is the source itself, x-2.jpg the next source.
    out = tmp_path / "photos"
    assert output_path(out, sources[0], taken) == out / "x-3.jpg"
    assert output_path(out, sources[1], taken) == out / "x-2-2.jpg"
    # The image itself is safe even where the others were not told of.
    assert output_path(Path("photos"), sources[0], set()) == Path("photos/x-2.jpg")


@pytest.mark.skipif(os.name != "posix", reason="making links needs a right on Windows")
def test_a_source_behind_a_link_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "photos")
    source = tmp_path / "photos" / "x.jpg"
    assert output_path(tmp_path / "out", source, set()).name == "x-2.jpg"


def test_detection_helpers_need_neither_torch_nor_matplotlib() -> None:
    code = (
        "import sys, yolo_cli.inference.inputs, yolo_cli.pictures.save; "
        "from yolo_cli.pictures.drawing import draw_detections; from PIL import Image; "
        "draw_detections(Image.new('RGB', (9, 9)), [[0, 0, 9, 9]], [1], [0], ['a']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
