"""Label Studio: boxes worked by hand, names of images, both exports, damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.builders import boxes, image, load, write
from tests.data.check.builders import told
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import UserError

Record = dict[str, object]

WIDTH, HEIGHT = 200, 80  # of the images: two pixels a percent, and .8


def region(kind: str, *labels: object, **value: object) -> Record:
    return {
        "id": "r1",
        "type": kind,
        "from_name": "label",
        "to_name": "image",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": {**value, kind: [*labels]},
    }


def rectangle(x: object, y: object, width: object, height: object, **more: object) -> Record:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, **more}
    return region("rectanglelabels", "cat", **value)


CAT = rectangle(10, 20, 30, 40)
BOX = [20, 16, 80, 48]


def task(name: str, *results: object, number: int = 1, **more: object) -> Record:
    annotation = {"id": 7, "was_cancelled": False, "result": [*results]}
    record: Record = {"id": number, "data": {"image": name}, "predictions": []}
    return {**record, "annotations": [annotation], **more}


def export(root: Path, *tasks: object, name: str = "project-1-at-2024-05-06.json") -> Path:
    return write(root / name, json.dumps([*tasks]))


def only(root: Path, *results: object) -> list[list[float]]:
    """Boxes of a dataset of one image with these regions."""
    image(root / "images/a.jpg", WIDTH, HEIGHT)
    export(root, task("/data/upload/1/0123abcd-a.jpg", *results))
    data = load(root)
    assert data.format == "labelstudio"
    (found,) = boxes(data).values()
    return found


REGIONS = {
    "rectangle": (CAT, BOX),
    # 60 x 32 pixels, turned clockwise about its upper left corner (100, 16): to the left of it.
    "turned": (rectangle(50, 20, 30, 40, rotation=90), [68, 16, 100, 76]),
    # cos .8, sin .6, 40 x 20 about (100, 16): -12 to 32 across, 0 to 24 + 16 down.
    "rotated": (rectangle(50, 20, 20, 25, rotation=36.86989764584402), [88, 16, 132, 56]),
    "rotated over the edge": (rectangle(10, 20, 30, 40, rotation=90), [0, 16, 20, 76]),
    "polygon": (
        region("polygonlabels", "cat", points=[[10, 20], [40, 10], [25, 60]], closed=True),
        [20, 8, 80, 48],
    ),
    "ellipse": (
        region("ellipselabels", "cat", x=50, y=50, radiusX=10, radiusY=25, rotation=0),
        [80, 20, 120, 60],
    ),
    "turned ellipse": (
        region("ellipselabels", "cat", x=50, y=50, radiusX=15, radiusY=25, rotation=90),
        [80, 10, 120, 70],
    ),
    "labels": (region("labels", "cat", x=10, y=20, width=30, height=40), BOX),
    "numbers as text": (rectangle("10", "20.0", 30, "40"), BOX),
    "rounding": (rectangle(60, 20, 40.4, 40), [120, 16, 200, 48]),
}


@pytest.mark.parametrize(("one", "box"), REGIONS.values(), ids=REGIONS)
def test_regions(tmp_path: Path, one: Record, box: list[float]) -> None:
    (found,) = only(tmp_path, one)
    assert found == pytest.approx(box, abs=1e-9)


def test_what_has_no_box_is_skipped(tmp_path: Path) -> None:
    brush = region("brushlabels", "cat", format="rle", rle=[1, 2])
    choice = {"id": "c", "type": "choices", "value": {"choices": ["day"]}}
    bare = {**CAT, "type": "rectangle", "id": "bare"}
    named = {**CAT, "type": "rectangle"}  # whose label is the other item's of its id
    link = {"type": "relation", "from_id": "r1", "to_id": "r1"}
    assert only(tmp_path, brush, CAT, choice, bare, named, link, brush) == [BOX]
    file = "project-1-at-2024-05-06.json"
    assert [one for one in told(tmp_path) if one[1] == file] == [("shape-skipped", file, 0)] * 2


NAMES = {
    "upload": ("/data/upload/3/deadbeef-my%20cat.jpg", "my cat.jpg"),
    "upload with its prefix": ("/data/upload/3/deadbeef-cat.jpg", "deadbeef-cat.jpg"),
    "local": ("/data/local-files/?d=some/where%2Fmy+c%C3%A4t.jpg", "where/my+cät.jpg"),
    "bucket": ("s3://bucket/a/b/cat.jpg", "b/cat.jpg"),
    "address": ("https://example.org/x/cat.jpg?width=3&d2=4", "cat.jpg"),
    "windows": ("/data/local-files/?d=a\\b\\cat.jpg", "cat.jpg"),
    "percent": ("100%25.jpg", "100%25.jpg"),
    "plain": ("cat.jpg", "cat.jpg"),
}


@pytest.mark.parametrize(("written", "name"), NAMES.values(), ids=NAMES)
def test_names_of_images(tmp_path: Path, written: str, name: str) -> None:
    image(tmp_path / "images" / name, WIDTH, HEIGHT)
    export(tmp_path, task(written, CAT))
    (sample,) = load(tmp_path).samples
    assert sample.image == tmp_path / "images" / name


def test_a_full_name_goes_before_one_without_prefix(tmp_path: Path) -> None:
    for name in ("deadbeef-a.jpg", "a.jpg"):
        image(tmp_path / name, WIDTH, HEIGHT)
    export(tmp_path, task("/data/upload/1/deadbeef-a.jpg", CAT))
    assert boxes(load(tmp_path)) == {"deadbeef-a": [BOX]}


def test_other_keys_of_the_image(tmp_path: Path) -> None:
    image(tmp_path / "a.png", WIDTH, HEIGHT)
    record = task("", CAT)
    export(tmp_path, {**record, "data": {"text": "what is it?", "photo": "x/a.png"}})
    assert boxes(load(tmp_path)) == {"a": [BOX]}


def test_annotations(tmp_path: Path) -> None:
    """The first that counts is used; a task without one is no background."""
    for name in "abcd":
        image(tmp_path / f"{name}.jpg", WIDTH, HEIGHT)
    other = {"result": [rectangle(1, 1, 2, 2)]}
    cancelled = {"was_cancelled": True, **other}
    export(
        tmp_path,
        task("a.jpg", annotations=[cancelled, {"result": [CAT]}, other]),
        task("b.jpg", annotations=[cancelled]),
        task("c.jpg"),
        task("d.jpg", annotations=[], predictions=[other]),
    )
    assert boxes(load(tmp_path)) == {"a": [BOX], "c": []}
    codes = [code for code, path, _ in told(tmp_path) if path.endswith(".json")]
    assert codes == ["label-ambiguous", "no-label"]


def test_the_oldest_export(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg", WIDTH, HEIGHT)
    old = {"id": 0, "data": {"image": "/data/upload/a.jpg"}, "completions": [{"result": [CAT]}]}
    export(tmp_path, old, name="result.json")
    assert boxes(load(tmp_path)) == {"a": [BOX]}


def short(name: str, *values: object, number: int = 1, **more: object) -> Record:
    record = {"image": name, "id": number, "annotator": 1, "annotation_id": 4, "lead_time": 3.5}
    return {**record, "label": [*values], "created_at": "2024-01-02T03:04:05Z", **more}


SHORT_CAT = {
    **{"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0},
    **{"rectanglelabels": ["cat"], "original_width": WIDTH, "original_height": HEIGHT},
}


def test_the_short_export(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / f"{name}.jpg", WIDTH, HEIGHT)
    again = {**SHORT_CAT, "x": 1}
    export(
        tmp_path,
        short("/data/upload/1/01234567-a.jpg", SHORT_CAT, number=1, choice="day"),
        short("/data/upload/1/01234567-a.jpg", again, number=1),
        short("b.jpg", number=2),
    )
    assert boxes(load(tmp_path)) == {"a": [BOX], "b": []}
    assert [one[0] for one in told(tmp_path) if one[1].endswith(".json")] == ["label-ambiguous"]


def test_a_project_of_choices_has_no_boxes(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg", WIDTH, HEIGHT)
    choice = {"id": "c", "type": "choices", "value": {"choices": ["day"]}}
    path = export(tmp_path, task("a.jpg", choice))
    with pytest.raises(UserError, match="has no boxes: its tasks have choices alone") as caught:
        load(tmp_path)
    assert caught.value.path == path
    assert "label rectangles" in caught.value.hint


def test_splits(tmp_path: Path) -> None:
    for split, x in (("train", 10), ("valid", 20)):
        image(tmp_path / split / "images/a.jpg", WIDTH, HEIGHT)
        export(tmp_path / split, task("a.jpg", rectangle(x, 20, 30, 40)))
    folder = open_dataset(tmp_path)
    assert sorted(folder.splits) == ["train", "val"]
    assert folder.load("train").samples[0].boxes.tolist() == [BOX]
    assert folder.load("val").samples[0].boxes[0, 0] == 40


def test_a_label_without_its_image(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg", WIDTH, HEIGHT)
    path = export(tmp_path, task("/data/upload/1/deadbeef-gone.jpg", CAT), task("a.jpg", CAT))
    assert boxes(load(tmp_path)) == {"a": [BOX]}
    assert ("no-image", path.name, 0) in told(tmp_path)


NO_SIZE = {key: value for key, value in CAT.items() if not key.startswith("original")}
FAULTS = {
    "region": ([], "result[1]: a list where a region should be"),
    "type": ({"value": {}}, "result[1]: a region without a type"),
    "value": ({**CAT, "value": None}, "result[1]: a region without a value"),
    "no label": (region("rectanglelabels", x=1), "its rectanglelabels [] name no class"),
    "label": (region("rectanglelabels", None, x=1), "its rectanglelabels [None] name no class"),
    "size": (NO_SIZE, "has no original_width and original_height"),
    "number": (rectangle(1, "x", 3, 4), "its y is 'x', not a number"),
    "missing": (region("rectanglelabels", "cat", x=1, y=2, width=3), "has no height"),
    "rotation": (rectangle(1, 2, 3, 4, rotation="x"), "its rotation 'x' is not a number"),
    "pixels": (rectangle(50, 20, 150, 40), "its width of 150 is more than 100 percent"),
    "beyond": (rectangle(80, 20, 30, 40), "20 px over the right edge"),  # 160 + 60 of 200
    "polygon": (region("polygonlabels", "cat", points=[[1, 2], [3, 400]]), "400 is more than 100"),
    "points": (region("polygonlabels", "cat", points=[[1, 2], 3]), "result[1].value.points: point"),
    "negative": (rectangle(50, 20, -10, 40), "has swapped corners or a negative size"),
    "infinite": (rectangle(50, 20, "nan", 40), "is not finite"),
}


@pytest.mark.parametrize(("one", "message"), FAULTS.values(), ids=FAULTS)
def test_faults(tmp_path: Path, one: object, message: str) -> None:
    image(tmp_path / "a.jpg", WIDTH, HEIGHT)
    path = export(tmp_path, task("a.jpg", CAT, one))
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert message in caught.value.message
    assert "[0].annotations[0].result" in caught.value.message
    assert caught.value.path == path
    assert boxes(load(tmp_path, skip_bad=True)) == {"a": [BOX]}


@pytest.mark.parametrize(
    ("one", "message"),
    [
        ("task", "[1]: a text where a task should be"),
        ({"data": {}}, "[1]: names no image"),
        ({"data": {"image": "b.jpg"}}, "[1]: has no list of annotations"),
        (task("b.jpg", annotations=[{}]), "[1].annotations[0].result: is not a list of regions"),
        (task("a.jpg"), "[1]: a second label of 'a.jpg'"),
    ],
)
def test_broken_tasks(tmp_path: Path, one: object, message: str) -> None:
    for name in "ab":
        image(tmp_path / f"{name}.jpg", WIDTH, HEIGHT)
    export(tmp_path, task("a.jpg", CAT), one)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert message in caught.value.message


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg", WIDTH, HEIGHT)
    path = export(tmp_path, task("a.jpg", CAT))
    path.write_text(path.read_text("utf-8")[:-40], "utf-8")
    with pytest.raises(UserError, match="broken JSON"):
        load(tmp_path)
