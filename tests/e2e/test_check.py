from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.builders import write
from tests.data.check.builders import IMAGES, PHOTOS, make_voc, make_yolo, one_based, xml
from tests.e2e.conftest import Refused, Yolo
from yolo_cli.data.dataset import open_dataset

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Five boxes outside, a tiny one, and an image that is cut off."""
    root = make_voc(tmp_path / "data")
    bad = [("person", (60, 50, 300 + i, 80)) for i in range(5)]
    tiny = ("bottle", (30, 30, 30, 60))
    whole = ("bicycle", one_based(PHOTOS[12].boxes[0]))
    write(root / "Annotations/012.xml", xml(PHOTOS[12], [whole, *bad, tiny]))
    path = root / "JPEGImages/005.jpg"
    path.write_bytes(path.read_bytes()[:-600])
    return root


def test_a_sound_dataset(yolo: Yolo, tmp_path: Path) -> None:
    root = make_voc(tmp_path / "data")
    result = yolo("check", root)
    assert result.code == 0
    assert result.out == ""
    assert "nothing is wrong" in result.err
    assert "voc, 30 images (0 without objects), 90 objects, 3 classes" in result.err
    assert "7×7 cells" in result.err


def test_warnings_are_no_failure(yolo: Yolo) -> None:
    result = yolo("check", SAMPLES)
    assert result.code == 0
    lists = SAMPLES / "ImageSets/Main/val.txt"
    assert result.out.startswith(f"{lists}: warning [class-missing] val has no object of ")
    assert len(result.out.splitlines()) == 1
    assert "1 warning" in result.err


def test_a_finding_a_line(yolo: Yolo, damaged: Path) -> None:
    result = yolo("check", damaged)
    assert result.code == 3
    lines = result.out.splitlines()
    assert len(lines) == 7
    for i, line in enumerate(lines[:5]):  # objects from line 4 on, the first one is whole
        assert line.startswith(f"{damaged}/Annotations/012.xml:{5 + i}: error [box-outside] ")
        assert line.endswith("; correct the box")
    assert lines[5].startswith(f"{damaged}/JPEGImages/005.jpg: error [image-damaged] ")
    assert lines[6].startswith(f"{damaged}/Annotations/012.xml:10: info [box-tiny] ")
    assert "6 errors, 1 for information" in result.err


def test_the_limit(yolo: Yolo, damaged: Path) -> None:
    lines = yolo("check", damaged, "--limit", 2).out.splitlines()
    assert sum("box-outside" in line for line in lines) == 3
    assert lines[2] == "… and 3 more [box-outside]; --limit 0 shows all"
    assert len(yolo("check", damaged, "--limit", 0).out.splitlines()) == 7


def test_json(yolo: Yolo, damaged: Path) -> None:
    result = yolo("check", damaged, "--json", "--limit", 1)
    assert result.code == 3
    told = json.loads(result.out)
    assert told["format"] == "voc"
    assert (told["images"], told["background"]) == (IMAGES, 0)
    assert told["splits"] == {"train": 19, "val": 10}  # those that can be read
    assert told["counts"] == {"error": 6, "warning": 0, "info": 1}
    assert told["classes"]["bicycle"] == {"all": 30, "train": 20, "val": 10}
    assert told["grid"]["14"]["all"] == 100
    assert len(told["findings"]) == 7
    assert told["findings"][0] == {
        "code": "box-outside",
        "severity": "error",
        "file": f"{damaged}/Annotations/012.xml",
        "line": 5,
        "message": "box [60, 50, 300, 80] of 'person' leaves the image of 120 x 90 pixels: 180 px "
        "over the right edge",
        "remedy": "correct the box",
    }
    assert told["findings"][5]["line"] is None


def test_a_broken_description(yolo: Yolo, tmp_path: Path) -> None:
    root = make_yolo(tmp_path / "data")
    write(root / "data.yaml", "names: [a\n")
    result = yolo("check", root)
    assert result.code == 3
    assert result.out.startswith(f"{root}/data.yaml:2: error [dataset-unreadable] broken YAML")
    assert json.loads(yolo("check", root, "--json").out)["format"] is None


def test_preview(yolo: Yolo, damaged: Path) -> None:
    result = yolo("check", damaged, "--preview", 6, "--out", "sheet.png")
    assert "labelled images: sheet.png" in result.err
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 4 * 320
        assert 2 * 320 < sheet.height < 3 * 320
    yolo("check", SAMPLES, "--preview", 2)
    assert Path("preview.jpg").is_file()


def test_split(yolo: Yolo, tmp_path: Path) -> None:
    root = make_voc(tmp_path / "data")
    result = yolo("check", root, "--split", "60/20/20", "--out", "parts", "--preview", 1)
    assert result.code == 0
    folder = open_dataset(Path("parts"))
    assert [len(folder.load(split)) for split in ("train", "val", "test")] == [18, 6, 6]
    assert Path("parts/preview.jpg").is_file()
    again = yolo("check", root, "--split", "60/20/20", "--out", "again")
    lines = again.err.splitlines()
    before, after = lines.index("as it is:"), lines.index("divided:")
    assert lines[before + 1].split() == ["class", "train", "val", "objects"]
    assert lines[after + 1].split() == ["class", "train", "val", "test", "objects"]
    assert lines[-1] == "written to again; yolo train again"
    lists = "ImageSets/Main/train.txt"
    assert Path("parts", lists).read_text() == Path("again", lists).read_text()


def test_split_of_masks_counts_images(yolo: Yolo, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for k in range(10):
        photo = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        mask = np.full((64, 64), 1 + k % 2, dtype=np.uint8)
        mask[0] = 0
        for folder, values in (("images", photo), ("masks", mask)):
            path = tmp_path / "data" / folder / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)
    (tmp_path / "data/classes.txt").write_text("sky\nroad\ncar\n")
    result = yolo("check", tmp_path / "data", "--split", "80/20", "--out", "parts")
    lines = [line.split() for line in result.err.splitlines()]
    table = lines[lines.index(["divided:"]) :]
    assert table[1] == ["class", "train", "val", "images"]
    assert ["sky", "8", "2", "10"] in table
    assert ["car", "4", "1", "5"] in table


def test_wrong_use(refused: Refused, tmp_path: Path) -> None:
    root = make_voc(tmp_path / "data")
    assert "--split needs --out" in refused("check", root, "--split", "80/20", code=2)
    assert "--split 80: not shares" in refused("check", root, "--split", "80", "--out", "a", code=2)
    assert "inside the dataset" in refused(
        "check", root, "--split", "80/20", "--out", root / "b", code=2
    )
    assert "inside the dataset" in refused(
        "check", root, "--preview", 3, "--out", root / "b.jpg", code=2
    )
    assert "no picture has that suffix" in refused(
        "check", root, "--preview", 3, "--out", "sheet.v2", code=2
    )
    assert "--out is for" in refused("check", root, "--out", "c", code=2)
    assert "is a folder" in refused("check", root, "--preview", 3, "--out", tmp_path, code=2)
    assert "no such folder" in refused("check", tmp_path / "nowhere", code=3)
    assert not list(Path().iterdir())
