"""A damaged label file gives a dataset that keeps its promises, or `UserError`."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import UserError

from .builders import CAT, coco, image, voc, voc_xml, write

TRIES = 150


def make_voc(root: Path) -> Path:
    voc(root, {"a": voc_xml(CAT, CAT), "b": voc_xml(CAT)}, {"train": "a", "val": "b"})
    return root / "Annotations/a.xml"


def make_voc_list(root: Path) -> Path:
    make_voc(root)
    return root / "ImageSets/Main/train.txt"


def make_yolo(root: Path) -> Path:
    for split in ("train", "val"):
        image(root / f"images/{split}/a.jpg")
        write(root / f"labels/{split}/a.txt", "0 .5 .5 .2 .2\n0 .1 .1 .3 .3 .2 .7\n")
    write(root / "data.yaml", "path: .\ntrain: images/train\nval: [images/val]\nnames: {0: cat}\n")
    return root / "labels/train/a.txt"


def make_yaml(root: Path) -> Path:
    make_yolo(root)
    return root / "data.yaml"


def make_coco(root: Path) -> Path:
    image(root / "images/a.jpg")
    objects = [{"id": n, "image_id": 1, "category_id": 3, "bbox": [1, 2, 30, 4]} for n in (1, 2)]
    for split in ("train", "val"):
        write(root / f"annotations/{split}.json", coco([(1, "a.jpg")], objects, {3: "cat"}))
    return root / "annotations/train.json"


def damaged(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(changed) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            changed[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            changed[at : at + draw.randrange(20)] = b""
        elif kind == 2:
            changed[at:at] = draw.choice(
                [b"-", b"9e9", b"nan", b"\0", b"[", b"../", b"\xef\xbf", b"<"]
            )
        else:
            start = draw.randrange(len(changed) + 1)
            changed[at:at] = changed[start : start + draw.randrange(60)]
    return bytes(changed)


@pytest.mark.parametrize("make", [make_voc, make_voc_list, make_yolo, make_yaml, make_coco])
@pytest.mark.parametrize("skip_bad", [False, True])
def test_damage(tmp_path: Path, make: Callable[[Path], Path], skip_bad: bool) -> None:
    target = make(tmp_path)
    whole = target.read_bytes()
    draw = random.Random(f"{make.__name__}{skip_bad}")
    outcomes = set()
    for _ in range(TRIES):
        target.write_bytes(damaged(whole, draw))
        try:
            folder = open_dataset(tmp_path, skip_bad=skip_bad)
            for split in (*folder.splits, None):
                data = folder.load(split)
                assert skip_bad or not data.skipped
                for sample in data.samples:
                    x1, y1, x2, y2 = sample.boxes.T
                    assert ((x1 >= 0) & (y1 >= 0) & (x2 <= 100) & (y2 <= 80)).all()
                    assert ((x2 > x1) & (y2 > y1)).all()
                    assert (np.isfinite(sample.area)).all()
                    assert (sample.labels < len(data.classes)).all()
            outcomes.add("fine")
        except UserError as error:
            assert "\n" not in error.message
            assert str(tmp_path) in error.message
            outcomes.add("refused")
    assert outcomes == {"fine", "refused"}
