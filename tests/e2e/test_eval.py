from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import coco, image, voc_object, voc_xml, write
from tests.e2e.conftest import Refused, Yolo, save_fixed

# In an image of 160 × 80 the fixed weights find a disc (score .75) and a square (.375) in
# [20, 10, 60, 30], [100, 10, 140, 30], [20, 50, 60, 70] and [100, 50, 140, 70].
FOUND = [(20, 10, 60, 30), (100, 10, 140, 30), (20, 50, 60, 70), (100, 50, 140, 70)]
ELSEWHERE = (62, 31, 98, 49)  # touches none of them
ALL_DISCS = [("disc", box) for box in FOUND]

Objects = list[tuple[str, tuple[int, int, int, int]]]


def dataset(root: Path, difficult: bool = False, **images: Objects) -> Path:
    """A VOC folder of images of 160 × 80 with these objects."""
    for name, objects in images.items():
        image(root / "JPEGImages" / f"{name}.jpg", 160, 80)
        parts = [
            voc_object(label, x1 + 1, y1 + 1, x2, y2, difficult=int(difficult))
            for label, (x1, y1, x2, y2) in objects
        ]
        write(root / "Annotations" / f"{name}.xml", voc_xml(*parts))
    return root


def score(yolo: Yolo, *arguments: object) -> Any:
    result = yolo("eval", *arguments, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out, parse_constant=pytest.fail)  # nan is no JSON
    assert list(document) == ["voc07"]
    assert list(document["voc07"]) == ["mAP", "AP"]
    return document["voc07"]


def test_json(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    # All four discs are found and nothing else is called one; no square is where one is found.
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("square", ELSEWHERE)])
    expected = {"mAP": 50.0, "AP": {"disc": 100.0, "square": 0.0}}
    assert score(yolo, data, "--weights", fixed) == expected


def test_table(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("square", ELSEWHERE)], b=[])
    result = yolo("eval", data, "--weights", fixed)
    assert result.code == 0
    assert not result.out
    *lines, last = [" ".join(line.split()) for line in result.err.splitlines()]
    # Of the eight discs that are found the four in image b are wrong. They are as sure as those
    # in a and come after them: precision is 1 at every recall.
    assert lines == [
        f"{data} (all, 2 images)",
        "class objects detections found AP",
        "disc 4 8 4 100.0",
        "square 1 8 0 0.0",
    ]
    assert last == (
        "VOC07 mAP@0.5: 50.00 (11-point average precision, mean over 2 classes; "
        "difficult objects ignored)"
    )


def test_splits(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS, b=[("disc", ELSEWHERE)], c=ALL_DISCS)
    for name, ids in {"train": "a", "val": "b", "test": "c"}.items():
        write(data / "ImageSets/Main" / f"{name}.txt", f"{ids}\n")
    assert score(yolo, data, "--weights", fixed)["mAP"] == 0.0
    assert score(yolo, data, "--weights", fixed, "--split", "val")["mAP"] == 0.0
    assert score(yolo, data, "--weights", fixed, "--split", "test")["mAP"] == 100.0


def test_classes_that_the_weights_do_not_know(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("cat", ELSEWHERE), ("ball", ELSEWHERE)])
    assert score(yolo, data, "--weights", fixed) == {"mAP": 100.0, "AP": {"disc": 100.0}}
    said = yolo("eval", data, "--weights", fixed).err
    assert "not scored, as the weights do not know it: ball, cat\n" in said
    assert "not scored, as the dataset does not have it: square\n" in said


def test_classes_go_by_name_not_by_number(yolo: Yolo, tmp_path: Path) -> None:
    # The dataset's classes are, in order, ball, disc and tv monitor.
    weights = tmp_path / "weights.safetensors"
    save_fixed(weights, ("TV-Monitor", "Disc"))
    objects = [("tv monitor", box) for box in FOUND]
    data = dataset(tmp_path / "data", a=[*objects, ("disc", ELSEWHERE), ("ball", ELSEWHERE)])
    expected = {"mAP": 50.0, "AP": {"disc": 0.0, "tv monitor": 100.0}}
    assert score(yolo, data, "--weights", weights) == expected


def test_no_class_in_common(refused: Refused, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[("cat", FOUND[0])])
    message = refused("eval", data, "--weights", fixed, "--json", code=3)
    assert "no class in common: disc, square against cat" in message
    assert "yolo train DATA" in message


def test_nothing_to_find(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[("disc", FOUND[0])], b=[])
    write(data / "ImageSets/Main/train.txt", "a\n")
    write(data / "ImageSets/Main/val.txt", "b\n")
    assert score(yolo, data, "--weights", fixed) == {"mAP": None, "AP": {}}
    said = yolo("eval", data, "--weights", fixed).err
    assert "nan" not in said
    assert "no object, left out of the mean: disc\n" in said
    assert "VOC07 mAP@0.5: none, as there is no object to find\n" in said


def test_difficult_objects_count_for_nothing(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", difficult=True, a=ALL_DISCS)
    assert score(yolo, data, "--weights", fixed) == {"mAP": None, "AP": {}}


def test_one_image_of_yolo_and_coco(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    image(tmp_path / "yolo/images/a.jpg", 160, 80)
    centres = ("0.25 0.25", "0.75 0.25", "0.25 0.75", "0.75 0.75")
    write(tmp_path / "yolo/labels/a.txt", "".join(f"0 {c} 0.25 0.25\n" for c in centres))
    write(tmp_path / "yolo/classes.txt", "disc\n")
    image(tmp_path / "coco/images/a.jpg", 160, 80)
    annotations = [
        {"id": i, "image_id": 1, "category_id": 9, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for i, (x1, y1, x2, y2) in enumerate(FOUND)
    ]
    text = coco([(1, "a.jpg")], annotations, {9: "disc"})
    write(tmp_path / "coco/annotations/all.json", text)
    for name in ("yolo", "coco"):
        assert score(yolo, tmp_path / name, "--weights", fixed)["AP"] == {"disc": 100.0}


def test_skip_bad_counts_what_it_drops(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS, b=ALL_DISCS, c=[("disc", (20, 10, 600, 30))])
    photo = data / "JPEGImages/b.jpg"
    photo.write_bytes(photo.read_bytes()[:-500])
    result = yolo("eval", data, "--weights", fixed, "--skip-bad", "--json")
    assert result.code == 0
    skipped = [line for line in result.err.splitlines() if line.startswith("skipped:")]
    assert len(skipped) == 2
    assert str(photo) in skipped[0]
    assert f"{data / 'Annotations/c.xml'}:4" in skipped[1]
    assert "(all, 2 images)" in result.err  # a, and c without its object


@pytest.mark.parametrize("batch", ["1", "2", "9" * 30])
def test_batches_change_nothing(yolo: Yolo, tiny: Path, toy: Path, batch: str) -> None:
    expected = score(yolo, toy, "--weights", tiny)
    assert score(yolo, toy, "--weights", tiny, "--batch", batch) == expected
