from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.data.builders import image, voc, voc_object, voc_xml, write
from tests.data.check.builders import make_coco, make_text, make_voc
from tests.data.test_convert_roundtrip import snapshot
from tests.e2e.conftest import Refused, Yolo
from yolo_cli.data.dataset import open_dataset

SAMPLES = Path(__file__).parents[2] / "samples"


def counts(yolo: Yolo, root: Path) -> dict[str, object]:
    """What ``check`` counts."""
    told = json.loads(yolo("check", root, "--json").out)
    return {key: told[key] for key in ("images", "background", "objects", "splits", "classes")}


@pytest.mark.parametrize("target", ["voc", "yolo", "coco"])
def test_check_counts_the_same(yolo: Yolo, tmp_path: Path, target: str) -> None:
    before = snapshot(SAMPLES)
    for option in ("--copy", "--link"):
        out = tmp_path / f"out{option}"
        result = yolo("convert", SAMPLES, "--to", target, "--out", out, option)
        assert result.code == 0
        assert result.out == ""
        assert "voc, 10 images (7 train, 3 val), 1 without objects, 9 objects" in result.err
        assert result.err.splitlines()[-1].endswith(f" written to {out}; yolo train {out}")
        assert open_dataset(out).format == target
        assert counts(yolo, out) == counts(yolo, SAMPLES)
    assert snapshot(SAMPLES) == before


def test_labels_alone(yolo: Yolo, tmp_path: Path) -> None:
    result = yolo("convert", SAMPLES, "--to", "yolo", "--out", "out")
    images = SAMPLES / "JPEGImages"
    assert result.err.splitlines()[-3:] == [
        "note: 1 object is marked difficult, which YOLO cannot say: ordinary objects there",
        "YOLO labels written to out, without images",
        f"put the images of {images} into out/images, or use --copy or --link",
    ]
    Path("out/images").symlink_to(images)
    assert counts(yolo, Path("out")) == counts(yolo, SAMPLES)


def test_crops(yolo: Yolo, tmp_path: Path) -> None:
    result = yolo("convert", SAMPLES, "--crops", "--out", "out", "--split", "val")
    assert result.code == 0
    assert sorted(path.as_posix() for path in Path("out").rglob("*.jpg")) == [
        *("out/val/bird/owl_1.jpg", "out/val/cat/chelsea_1.jpg", "out/val/person/cameraman_1.jpg")
    ]
    said = "crops of the objects, a folder a class, written to out; yolo train out"
    assert result.err.splitlines()[-1] == said


def test_bad_labels(yolo: Yolo, refused: Refused, tmp_path: Path) -> None:
    bad = voc_xml(voc_object("cat", 11, 21, 300, 60))
    root = voc(tmp_path / "data", {"a": bad, "b": voc_xml(voc_object("cat", 1, 1, 9, 9))})
    command = ("convert", root, "--to", "coco", "--link", "--out", tmp_path / "out")
    message = refused(*command, code=3)
    assert message.startswith(f"error: {root}/Annotations/a.xml:4: box [11, 21, 300, 60]")
    assert "--skip-bad" in message
    assert not (tmp_path / "out").exists()
    result = yolo(*command, "--skip-bad")
    assert result.code == 0
    assert f"note: left out: 1 bad label or image ({root}/Annotations/a.xml:4: " in result.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "convert to what?"),
        (["--to", "voc", "--crops"], "two different conversions"),
        (["--to", "voc", "--copy", "--link"], "not both"),
        (["--crops", "--link"], "--crops writes new images"),
        (["--to", "voc", "--split", "tset"], "no split 'tset'"),
        (["--to", "voc", "--format", "coco"], "not recognised"),
    ],
)
def test_wrong_usage(refused: Refused, options: list[str], words: str) -> None:
    code = 3 if "--split" in options or "--format" in options else 2
    assert words in refused("convert", SAMPLES, "--out", "out", *options, code=code)
    assert not Path("out").exists()


def test_never_into_the_dataset_or_over_something(refused: Refused, tmp_path: Path) -> None:
    root = make_voc(tmp_path / "data")
    before = snapshot(root)
    for out in (root, root / "new", root / "JPEGImages"):
        assert "inside the dataset" in refused(
            "convert", root, "--to", "yolo", "--out", out, code=2
        )
    write(tmp_path / "full/x", "")
    message = refused("convert", root, "--to", "yolo", "--out", tmp_path / "full", code=2)
    assert "not empty" in message
    assert snapshot(root) == before


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a single process")
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    root = make_coco(tmp_path / "data")
    # Enough images that the interrupt comes in the middle.
    for number in range(3000):
        path = root / f"images/extra-{number}.jpg"
        path.symlink_to(root / "images/000.jpg")
    file = root / "annotations/instances_train.json"
    content = json.loads(file.read_text())
    for number in range(3000):
        name = f"extra-{number}.jpg"
        content["images"].append({"id": 1000 + number, "file_name": name})
    file.write_text(json.dumps(content))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "yolo_cli", "convert", str(root), "--to", "yolo", "--copy"]
    process = subprocess.Popen([*command, "--out", str(out)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(out.glob(".partial/images/train/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert (process.returncode, message.strip()) == (130, "interrupted")
    assert not out.exists()


def test_check_divides_a_layout_without_splits_as_coco(yolo: Yolo, tmp_path: Path) -> None:
    root = make_text(tmp_path / "data")
    out = tmp_path / "out"
    result = yolo("check", root, "--split", "80/20", "--out", out)
    assert result.code == 0
    last = f"written to {out} in the layout of coco; yolo train {out}"
    assert result.err.splitlines()[-1] == last
    assert open_dataset(out).format == "coco"
    assert {*open_dataset(out).splits} == {"train", "val"}


def test_a_dataset_without_labels(refused: Refused, tmp_path: Path) -> None:
    image(tmp_path / "data/images/a.jpg")
    write(tmp_path / "data/data.yaml", "names: [cat]\ntrain: images\n")
    message = refused("convert", tmp_path / "data", "--to", "voc", "--out", "out", code=3)
    assert "no labels at all" in message
