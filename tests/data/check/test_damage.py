"""Random damage is told of, or refused; nothing else is raised."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.builders import write
from tests.data.check.builders import PHOTOS, coco_content, report, save, write_coco, xml
from yolo_cli.data.check.finding import CODES
from yolo_cli.errors import UserError

TRIES = 30


PIECES = (b"-", b"9e9", b"nan", b"\0", b"[", b"../", b"\xef\xbf", b"<", b"\n", b"1" * 400)


def make_voc(root: Path) -> Path:
    for photo in PHOTOS[:3]:
        save(photo.picture(), root / f"JPEGImages/{photo.stem}.jpg")
        write(root / f"Annotations/{photo.stem}.xml", xml(photo))
    write(root / "ImageSets/Main/train.txt", "000\n001\n")
    write(root / "ImageSets/Main/val.txt", "002\n")
    return root / "Annotations/000.xml"


def make_list(root: Path) -> Path:
    make_voc(root)
    return root / "ImageSets/Main/train.txt"


def make_yolo(root: Path) -> Path:
    for photo in PHOTOS[:3]:
        save(photo.picture(), root / f"images/train/{photo.stem}.jpg")
        write(root / f"labels/train/{photo.stem}.txt", "0 .5 .5 .2 .2\n1 .1 .1 .3 .3 .2 .7\n")
    write(root / "data.yaml", "path: .\ntrain: images/train\nnames: {0: cat, 1: dog}\n")
    return root / "labels/train/000.txt"


def make_yaml(root: Path) -> Path:
    make_yolo(root)
    return root / "data.yaml"


def make_image(root: Path) -> Path:
    make_yolo(root)
    return root / "images/train/000.jpg"


def make_coco(root: Path) -> Path:
    for photo in PHOTOS[:3]:
        save(photo.picture(), root / f"images/{photo.stem}.jpg")
    content = coco_content("train")
    content["images"], content["annotations"] = content["images"][:3], content["annotations"][:9]
    return write_coco(root, "train", content)


def damaged(data: bytes, draw: random.Random) -> bytes:
    """A few bytes changed, cut out, put in, or copied from elsewhere."""
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 5])):
        at, start = draw.randrange(len(changed) + 1), draw.randrange(len(changed) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            changed[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            changed[at : at + draw.randrange(20)] = b""
        else:
            copied = bytes(changed[start : start + draw.randrange(60)])
            changed[at:at] = draw.choice(PIECES) if kind == 2 else copied
    return bytes(changed)


@pytest.mark.parametrize("make", [make_voc, make_list, make_yolo, make_yaml, make_coco, make_image])
def test_damage(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    target = make(tmp_path)
    whole = target.read_bytes()
    draw = random.Random(make.__name__)
    told = 0
    for _ in range(TRIES):
        target.write_bytes(damaged(whole, draw))
        try:
            found = report(tmp_path)
        except UserError as error:
            assert "\n" not in error.message
            continue
        for one in found.findings:
            assert one.code in CODES
            assert one.spot.line >= 0
            assert one.spot.path.exists() or one.code == "split-empty"
        told += any(one.spot.path == target for one in found.findings)
    assert told > 2
