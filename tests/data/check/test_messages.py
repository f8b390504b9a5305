"""What findings say: short, whatever numbers and names a label has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from tests.data.check.builders import coco_content, replace, report, write_coco
from tests.data.check.test_planted import with_box, with_line
from yolo_cli.data.check.finding import Finding
from yolo_cli.data.dataset import open_dataset


def voc(root: Path) -> None:
    with_box(root, (60, 50, "1e308", "1e308"))


def voc_stated(root: Path) -> None:
    replace(root / "Annotations/012.xml", "<width>120<", "<width>1e308<")


def yolo(root: Path) -> None:
    with_line(root, "0 .5 .5 1e308 1e308")


def yolo_negative(root: Path) -> None:
    with_line(root, "0 .5 .5 -1e-308 .1")


def coco(root: Path) -> None:
    content = coco_content("train")
    content["annotations"][5]["bbox"] = [1e308, 1, 1e308, 4]
    content["annotations"][6]["bbox"] = [1, 1, -1e308, 4]
    content["images"][3]["width"] = 10**300
    write_coco(root, "train", content)


def text(root: Path) -> None:
    path = root / "ground-truth/003.txt"
    path.write_text(path.read_text() + "person 60 50 1e308 -1e308\nperson 1 1 1e308 1e308\n")


@pytest.mark.parametrize(
    ("layout", "plant"),
    [
        ("voc", voc),
        ("voc", voc_stated),
        ("yolo", yolo),
        ("yolo", yolo_negative),
        ("coco", coco),
        ("text", text),
    ],
)
def test_numbers(copy: Callable[[str], Path], layout: str, plant: Callable[[Path], None]) -> None:
    root = copy(layout)
    plant(root)
    found: list[Finding] = report(root).findings
    assert found
    for one in found:
        assert len(one.message) < 160
        assert "0" * 20 not in one.message
    skipped = open_dataset(root, skip_bad=True).load(None).skipped
    assert all("0" * 20 not in line for line in skipped)


def test_half_a_character(copy: Callable[[str], Path]) -> None:
    root = copy("coco")
    content = coco_content("val")
    content["categories"][1]["name"] = "c\ud800"
    path = write_coco(root, "val", content)
    line = next(i for i, line in enumerate(path.read_text().splitlines(), 1) if "ud800" in line)
    found = [one for one in report(root).findings if one.code == "label-unreadable"]
    assert [(one.spot.path, one.spot.line) for one in found] == [(path, line)]
    assert found[0].message == r"class name 'c\ud800' is not valid Unicode"


def test_one_column(copy: Callable[[str], Path]) -> None:
    root = copy("yolo")
    with_line(root, "0")
    assert report(root).findings[0].message.startswith("1 column, not 'class x y width height'")


def test_how_alike_two_pictures_are(copy: Callable[[str], Path]) -> None:
    """Of one photograph: the same file, the same pixels, a smaller copy, its mirror image."""
    root = copy("yolo")
    original = root / "images/train/000.jpg"
    with Image.open(original) as opened:
        picture = opened.convert("RGB")
    (root / "images/val/030.jpg").write_bytes(original.read_bytes())
    picture.save(root / "images/val/031.png")
    picture.reduce(2).save(root / "images/val/032.jpg")
    ImageOps.mirror(picture).save(root / "images/val/033.jpg")
    for name in ("030", "031", "032", "033"):
        label = (root / "labels/train/000.txt").read_text()
        (root / f"labels/val/{name}.txt").write_text(label)
    found = {
        one.spot.path.stem: (one.severity, one.message.partition("/")[0].strip())
        for one in report(root).findings
        if one.code == "leak"
    }
    assert found == {
        "030": ("error", "identical to"),
        "031": ("warning", "identical to"),
        "032": ("warning", "nearly the same picture as"),
        "033": ("warning", "nearly the mirror image of"),
    }
