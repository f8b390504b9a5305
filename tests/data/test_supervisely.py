"""Supervisely: boxes worked by hand, layouts, splits, damage."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.data.builders import boxes, image, load, write
from tests.data.check.builders import told
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import UserError

Object = dict[str, object]


def thing(name: object, *points: object, kind: str | None = "rectangle", **more: object) -> Object:
    exterior = {"exterior": [*points], "interior": []}
    record: Object = {"classTitle": name, "points": exterior, "tags": [], **more}
    return record if kind is None else {**record, "geometryType": kind}


CAT = thing("cat", [10, 20], [50, 60])


def mask(name: str, x: object, y: object, width: int, height: int) -> Object:
    """A bitmap as the server writes it: a PNG of one bit a pixel, compressed once more."""
    file = io.BytesIO()
    Image.new("1", (width, height), 1).save(file, format="PNG")
    data = base64.b64encode(zlib.compress(file.getvalue())).decode()
    return {
        "classTitle": name,
        "geometryType": "bitmap",
        "bitmap": {"data": data, "origin": [x, y]},
        "points": {"exterior": [], "interior": []},
    }


def annotation(path: Path, *objects: object, **more: object) -> Path:
    """A label of a 100 x 80 image."""
    content = {
        "description": "",
        "tags": [],
        "size": {"height": 80, "width": 100},
        "objects": [*objects],
    }
    return write(path, json.dumps({**content, **more}))


def pair(folder: Path, name: str, *objects: object, **more: object) -> Path:
    """An image with its label."""
    image(folder / "img" / name)
    return annotation(folder / "ann" / f"{name}.json", *(objects or [CAT]), **more)


def meta(root: Path, **shapes: str) -> Path:
    classes = [{"title": name, "shape": shape, "color": "#F00"} for name, shape in shapes.items()]
    return write(root / "meta.json", json.dumps({"classes": classes, "tags": []}))


SHAPES = {
    "rectangle": (CAT, [10, 20, 50, 60]),
    "other corners": (thing("cat", [50, 20], [10, 60]), [10, 20, 50, 60]),
    "polygon": (thing("cat", [30, 10], [60, 40], [20, 50], kind="polygon"), [20, 10, 60, 50]),
    "untyped": (thing("cat", [30, 10], [60, 40], [20, 50], kind=None), [20, 10, 60, 50]),
    "bitmap": (mask("cat", 7, 8, 10, 20), [7, 8, 17, 28]),
    "old bitmap": ({**mask("cat", 7, 8, 10, 20), "geometryType": None}, [7, 8, 17, 28]),
    "numbers as text": (thing("cat", ["10", "20"], ["50.0", 60]), [10, 20, 50, 60]),
}


@pytest.mark.parametrize(("one", "box"), SHAPES.values(), ids=SHAPES)
def test_shapes(tmp_path: Path, one: Object, box: list[float]) -> None:
    pair(tmp_path, "a.jpg", one)
    data = load(tmp_path)
    assert data.format == "supervisely"
    assert boxes(data) == {"a": [box]}


def test_shapes_without_a_box_are_skipped_with_one_warning_of_a_kind(tmp_path: Path) -> None:
    point, line = thing("cat", [1, 2], kind="point"), thing("cat", [1, 2], [3, 4], kind="line")
    pair(tmp_path, "a.jpg", point, CAT, line, point)
    assert boxes(load(tmp_path)) == {"a": [[10, 20, 50, 60]]}
    label = "ann/a.jpg.json"
    assert [one for one in told(tmp_path) if one[1] == label] == [("shape-skipped", label, 0)] * 2


def test_a_project(tmp_path: Path) -> None:
    """Classes in their order; only folders of that name are splits; names may be alike."""
    meta(tmp_path, zebra="any", cat="rectangle", eye="point", dog="polygon")
    for name, x in (("train", 1), ("val", 2), ("more", 3)):
        pair(tmp_path / name, "1.jpg", thing("cat", [x, 1], [50, 40]))
    folder = open_dataset(tmp_path)
    assert folder.format == "supervisely"
    assert sorted(folder.splits) == ["train", "val"]
    assert folder.classes == ("zebra", "cat", "dog")
    assert boxes(folder.load("train")) == {"train/1": [[1, 1, 50, 40]]}
    assert boxes(folder.load("val")) == {"val/1": [[2, 1, 50, 40]]}
    assert len(folder.load(None)) == 3


def test_folders_that_are_no_splits(tmp_path: Path) -> None:
    meta(tmp_path, cat="any")
    for name in ("ds1", "ds2"):
        pair(tmp_path / "datasets" / name, "1.png", thing("cat", [1, 1], [50, 40]))
    folder = open_dataset(tmp_path)
    assert folder.splits == ()
    assert sorted(boxes(folder.load(None))) == ["datasets/ds1/1", "datasets/ds2/1"]


def test_older_names_of_labels(tmp_path: Path) -> None:
    image(tmp_path / "img/a.b.jpg")
    annotation(tmp_path / "ann/a.b.json", CAT)
    assert boxes(load(tmp_path)) == {"a.b": [[10, 20, 50, 60]]}


def test_what_is_missing(tmp_path: Path) -> None:
    pair(tmp_path, "a.jpg")
    annotation(tmp_path / "ann/gone.jpg.json", CAT)
    image(tmp_path / "img/b.jpg")
    assert [*boxes(load(tmp_path))] == ["a"]
    found = told(tmp_path)
    assert ("no-image", "ann/gone.jpg.json", 0) in found
    assert ("no-label", "img/b.jpg", 0) in found


BAD_BITMAP = {"data": base64.b64encode(zlib.compress(b"GIF89a" * 9)).decode(), "origin": [1, 2]}
FAULTS = {
    "object": (1, "objects[1]: a number where an object should be"),
    "class": (thing(None, [1, 2], [3, 4]), "objects[1]: its classTitle None is no class name"),
    "points": (thing("cat") | {"points": None}, "objects[1].points.exterior: missing"),
    "few": (thing("cat", [1, 2]), "objects[1].points.exterior: 1 of the 2 points"),
    "pair": (thing("cat", [1, 2], {}), "point 1 (from 0) is {}, not [x, y]"),
    "outside": (thing("cat", [1, 2], [150, 9]), "objects[1]: box [1, 2, 150, 9] of 'cat' leaves"),
    "bitmap": (mask("cat", 1, 2, 3, 4) | {"bitmap": []}, "objects[1].bitmap: missing"),
    "origin": (mask("cat", 1, None, 3, 4), "its origin [1, None] is not [x, y]"),
    "data": (mask("cat", 1, 2, 3, 4) | {"bitmap": BAD_BITMAP}, "is no compressed PNG image"),
    "base64": (
        mask("cat", 1, 2, 3, 4) | {"bitmap": {"data": "é", "origin": [1, 2]}},
        "is no compressed PNG image",
    ),
}


@pytest.mark.parametrize(("one", "message"), FAULTS.values(), ids=FAULTS)
def test_faults(tmp_path: Path, one: object, message: str) -> None:
    pair(tmp_path, "a.jpg", CAT, one)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert message in caught.value.message
    assert caught.value.path == tmp_path / "ann/a.jpg.json"
    assert boxes(load(tmp_path, skip_bad=True)) == {"a": [[10, 20, 50, 60]]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty annotation file"),
        ('{"objects": [', "broken JSON"),
        ("[]", "not Supervisely's annotation of an image (a list)"),
        ("{}", "not Supervisely's annotation of an image (no list of 'objects')"),
        ('{"objects": [], "frames": []}', "a video"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, message: str) -> None:
    pair(tmp_path, "a.jpg")
    write(pair(tmp_path, "b.jpg"), text)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert message in caught.value.message
    assert caught.value.path == tmp_path / "ann/b.jpg.json"
    assert [*boxes(load(tmp_path, skip_bad=True))] == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "broken JSON"), ("{}", "no list of 'classes'"), ('{"classes": [1]}', "classes[0]: has")],
)
def test_a_broken_meta_file(tmp_path: Path, text: str, message: str) -> None:
    pair(tmp_path / "ds", "a.jpg")
    write(tmp_path / "meta.json", text)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert message in caught.value.message
    assert caught.value.path == tmp_path / "meta.json"


def test_a_bitmap_that_unpacks_to_a_gigabyte(tmp_path: Path) -> None:
    """Its beginning alone is unpacked; what it says of its size is outside the image."""
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (10**9).to_bytes(4, "big") * 2
    packed = zlib.compressobj(9)
    zeros = bytes(10**6)
    data = packed.compress(head) + b"".join(packed.compress(zeros) for _ in range(1000))
    bomb = {"data": base64.b64encode(data + packed.flush()).decode(), "origin": [0, 0]}
    pair(tmp_path, "a.jpg", mask("cat", 1, 2, 3, 4) | {"bitmap": bomb})
    with pytest.raises(UserError, match="outside"):
        load(tmp_path)
