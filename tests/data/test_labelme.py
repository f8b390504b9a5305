"""LabelMe: boxes worked by hand, layouts, names of images, damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.builders import boxes, image, load, write
from tests.data.check.builders import told
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import UserError

Shape = dict[str, object]


def shape(label: object, *points: object, kind: str | None = "rectangle", **more: object) -> Shape:
    record: Shape = {"label": label, "points": [*points], "group_id": None, "flags": {}, **more}
    return record if kind is None else {**record, "shape_type": kind}


CAT = shape("cat", [10, 20], [50, 60])


def labelme(path: Path, *shapes: object, name: str | None = None, **more: object) -> Path:
    """A label of a 100 x 80 image."""
    content = {
        "version": "5.4.1",
        "flags": {},
        "shapes": [*shapes],
        "imagePath": f"{path.stem}.jpg" if name is None else name,
        "imageData": "QUJD" * 10,
        "imageHeight": 80,
        "imageWidth": 100,
    }
    return write(path, json.dumps({**content, **more}, indent=1))


def pair(path: Path, *shapes: object, **more: object) -> Path:
    """An image with its label beside it."""
    image(path)
    labelme(path.with_suffix(".json"), *(shapes or [CAT]), **more)  # type: ignore[arg-type]
    return path


def only(root: Path, *shapes: object, **more: object) -> list[list[float]]:
    """Boxes of a dataset of one image with these shapes."""
    pair(root / "a.jpg", *shapes, **more)
    (found,) = boxes(load(root)).values()
    return found


SHAPES = {
    "rectangle": (shape("cat", [10, 20], [50, 60]), [10, 20, 50, 60]),
    "other corners": (shape("cat", [50, 20], [10, 60]), [10, 20, 50, 60]),
    "four corners": (shape("cat", [5, 6], [9, 6], [9, 8], [5, 8]), [5, 6, 9, 8]),
    "polygon": (shape("cat", [30, 10], [60, 40], [20, 50], kind="polygon"), [20, 10, 60, 50]),
    "old polygon": (shape("cat", [30, 10], [60, 40], [20, 50], kind=None), [20, 10, 60, 50]),
    "circle": (shape("cat", [50, 40], [53, 44], kind="circle"), [45, 35, 55, 45]),  # 3, 4, 5
    "circle over the edge": (shape("cat", [95, 2], [95, 12], kind="circle"), [85, 0, 100, 12]),
    "mask": (shape("cat", [7, 8], [17, 28], kind="mask", mask="iVBORw0KGgo="), [7, 8, 17, 28]),
    "rotated": (
        shape("cat", [30, 10], [50, 30], [30, 50], [10, 30], kind="rotation", direction=0.78),
        [10, 10, 50, 50],
    ),
    "numbers as text": (shape("cat", ["10", "20.0"], ["50", "60"]), [10, 20, 50, 60]),
}


@pytest.mark.parametrize(("one", "box"), SHAPES.values(), ids=SHAPES)
def test_shapes(tmp_path: Path, one: Shape, box: list[float]) -> None:
    assert only(tmp_path, one) == [box]


def test_old_files(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    content: dict[str, object] = {
        "flags": {},
        "shapes": [
            {"label": "cat", "line_color": None, "fill_color": None, "points": [[1, 2], [30, 40]]}
        ],
        "lineColor": [0, 255, 0, 128],
        "fillColor": [255, 0, 0, 128],
        "imagePath": "a.jpg",
        "imageData": None,
    }
    write(tmp_path / "a.json", json.dumps(content))
    data = load(tmp_path)
    assert data.format == "labelme"
    assert boxes(data) == {"a": [[1, 2, 30, 40]]}


def test_classes_are_sorted_and_numbers_are_names(tmp_path: Path) -> None:
    one, two = shape("zebra", [1, 1], [5, 5]), shape(" a \n cat ", [2, 2], [9, 9])
    pair(tmp_path / "a.jpg", one, two, shape(7, [3, 3], [8, 8]))
    data = load(tmp_path)
    assert data.classes == ("7", "a cat", "zebra")
    assert data.samples[0].labels.tolist() == [2, 1, 0]


def test_shapes_without_a_box_are_skipped_with_one_warning_of_a_kind(tmp_path: Path) -> None:
    line = shape("cat", [1, 1], [5, 5], kind="linestrip")
    point = shape("cat", [1, 1], kind="point")
    assert only(tmp_path, line, CAT, line, point, line) == [[10, 20, 50, 60]]
    assert told(tmp_path) == [("shape-skipped", "a.json", 0)] * 2


def test_parts_of_one_object(tmp_path: Path) -> None:
    left = shape("cat", [10, 10], [20, 10], [20, 30], kind="polygon", group_id=1)
    right = shape("cat", [40, 20], [50, 20], [50, 35], kind="polygon", group_id=1)
    other = shape("dog", [40, 20], [50, 20], [50, 35], kind="polygon", group_id=1)
    box = shape("cat", [1, 1], [5, 5], group_id=1)
    assert only(tmp_path, left, box, right, other) == [
        [10, 10, 50, 35],
        [1, 1, 5, 5],
        [40, 20, 50, 35],
    ]
    assert ("shapes-joined", "a.json", 0) in told(tmp_path)


LAYOUTS = {
    "beside": "{}.jpg {}.json",
    "json/": "images/{}.jpg json/{}.json",
    "annotations/": "images/{}.jpg annotations/{}.json",
    "labels/": "JPEGImages/{}.jpg labels/{}.json",
    "inside": "images/{}.jpg images/json/{}.json",
    "above": "images/{}.jpg {}.json",
    "any name": "pictures/{}.jpg marked/{}.json",
    "splits": "{split}/{}.jpg {split}/{}.json",
    "splits of pairs": "{split}/images/{}.jpg {split}/json/{}.json",
    "pairs of splits": "images/{split}/{}.jpg labels/{split}/{}.json",
    "nested": "classes/{split}/{}.jpg classes/{split}/{}.json",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(tmp_path: Path, layout: str) -> None:
    names = [("train", "a", 5), ("train", "b", 6), ("val", "a" if "split" in layout else "c", 7)]
    for split, stem, x in names:
        picture, label = layout.replace("{}", stem).format(split=split).split()
        image(tmp_path / picture)
        labelme(tmp_path / label, shape("cat", [x, 1], [50, 40]), name=f"..\\x\\{stem}.jpg")
    folder = open_dataset(tmp_path)
    assert folder.format == "labelme"
    if "split" in layout:
        assert folder.splits == ("train", "val")
        found = [[int(s.boxes[0, 0]) for s in folder.load(name).samples] for name in folder.splits]
        assert found == [[5, 6], [7]]
    else:
        assert folder.splits == ()
        assert [int(sample.boxes[0, 0]) for sample in folder.load(None).samples] == [5, 6, 7]


def test_the_label_in_the_images_folder_is_the_images(tmp_path: Path) -> None:
    """Folders of frames that are numbered alike, one label without its image."""
    pair(tmp_path / "cats/1.jpg", shape("cat", [1, 1], [5, 5]))
    pair(tmp_path / "dogs/1.jpg", shape("dog", [2, 2], [9, 9]))
    (tmp_path / "cats/1.jpg").unlink()
    data = load(tmp_path)
    assert boxes(data) == {"dogs/1": [[2, 2, 9, 9]]}
    assert told(tmp_path)[0] == ("image-ambiguous", "cats/1.json", 0)


def test_names_of_images(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    labelme(tmp_path / "a.json", shape("cat", [1, 1], [5, 5]), name="C:\\Users\\me\\IMG_1.JPG")
    image(tmp_path / "b.png")
    labelme(tmp_path / "other.json", shape("cat", [2, 2], [6, 6]), name="../there/b.png")
    # A copy, whose label still names the original.
    image(tmp_path / "b_flipped.png")
    labelme(tmp_path / "b.json", shape("cat", [2, 2], [6, 6]), name="b.png")
    labelme(tmp_path / "b_flipped.json", shape("cat", [3, 3], [7, 7]), name="b.png")
    (tmp_path / "other.json").unlink()
    assert boxes(load(tmp_path)) == {
        "a": [[1, 1, 5, 5]],
        "b": [[2, 2, 6, 6]],
        "b_flipped": [[3, 3, 7, 7]],
    }
    assert ("filename-wrong", "b_flipped.json", 0) in told(tmp_path)


def test_a_label_without_its_image_and_an_image_without_its_label(tmp_path: Path) -> None:
    pair(tmp_path / "a.jpg")
    labelme(tmp_path / "gone.json", CAT)
    image(tmp_path / "b.jpg")
    assert [*boxes(load(tmp_path))] == ["a"]
    found = told(tmp_path)
    assert ("no-image", "gone.json", 0) in found
    assert ("no-label", "b.jpg", 0) in found


def test_no_shapes_are_background(tmp_path: Path) -> None:
    pair(tmp_path / "a.jpg")
    image(tmp_path / "b.jpg")
    labelme(tmp_path / "b.json")
    assert boxes(load(tmp_path)) == {"a": [[10, 20, 50, 60]], "b": []}


def test_other_json_files_are_left_alone(tmp_path: Path) -> None:
    pair(tmp_path / "a.jpg")
    write(tmp_path / "classes.json", '["cat"]')
    write(tmp_path / "settings/x.json", "{}")
    assert boxes(load(tmp_path)) == {"a": [[10, 20, 50, 60]]}


def test_images_in_front_of_the_shapes(tmp_path: Path) -> None:
    """Old versions wrote keys in any order: the image may come first."""
    image(tmp_path / "a.jpg")
    content = {"imageData": "QUJD" * 50_000, "imagePath": "a.jpg", "shapes": [CAT]}
    write(tmp_path / "a.json", json.dumps(content))
    assert boxes(load(tmp_path)) == {"a": [[10, 20, 50, 60]]}


FAULTS = {
    "shape": ("shape", "shapes[1]: a text where a shape should be"),
    "label": (shape(None, [1, 2], [3, 4]), "shapes[1]: its label None is no class name"),
    "empty": (shape("  ", [1, 2], [3, 4]), "shapes[1]: its label '  ' is no class name"),
    "points": (shape("cat", kind="polygon", points=None), "shapes[1].points: missing"),
    "object": (shape("cat", points={}), "shapes[1].points: an object where a list of points"),
    "pair": (shape("cat", [1, 2], [3]), "shapes[1].points: point 1 (from 0) is [3], not [x, y]"),
    "number": (shape("cat", [1, 2], [3, "x"]), "point 1 (from 0) is [3, 'x'], not two numbers"),
    "few": (shape("cat", [1, 2]), "shapes[1].points: 1 of the 2 points that it needs"),
    "no size": (shape("cat", [1, 2], [1, 9]), "shapes[1]: box [1, 2, 1, 9] of 'cat' has no size"),
    "outside": (shape("cat", [1, 2], [150, 9]), "shapes[1]: box [1, 2, 150, 9] of 'cat' leaves"),
    "infinite": (shape("cat", [1, 2], [1e999, 9]), "is not finite"),
    "nan as text": (shape("cat", [1, 2], ["nan", 9]), "is not finite"),
}


@pytest.mark.parametrize(("one", "message"), FAULTS.values(), ids=FAULTS)
def test_faults(tmp_path: Path, one: object, message: str) -> None:
    pair(tmp_path / "a.jpg", CAT, one)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert message in caught.value.message
    assert caught.value.path == tmp_path / "a.json"
    assert "--skip-bad" in caught.value.hint
    assert boxes(load(tmp_path, skip_bad=True)) == {"a": [[10, 20, 50, 60]]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty annotation file"),
        ('{"shapes": [', "broken JSON"),
        ("[]", "not a LabelMe file (but a list)"),
        ('{"shapes": null}', "not a LabelMe file (without a list of 'shapes')"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, message: str) -> None:
    pair(tmp_path / "a.jpg")
    pair(tmp_path / "b.jpg")
    write(tmp_path / "b.json", text)
    with pytest.raises(UserError, match=r"b\.json") as caught:
        load(tmp_path)
    assert message in caught.value.message
    assert [*boxes(load(tmp_path, skip_bad=True))] == ["a"]
    assert [one for one in told(tmp_path) if one[1].startswith("b")] == [
        ("label-unreadable", "b.json", 0 if text != '{"shapes": [' else 1)
    ]


def test_a_broken_label_of_one_split_is_not_in_the_way_of_another(tmp_path: Path) -> None:
    pair(tmp_path / "train/a.jpg")
    pair(tmp_path / "val/b.jpg")
    write(tmp_path / "val/b.json", "{")
    assert [*boxes(load(tmp_path, "train"))] == ["train/a"]
    with pytest.raises(UserError, match=r"b\.json"):
        load(tmp_path, "val")


def test_numbers_as_text_are_said_once(tmp_path: Path) -> None:
    pair(tmp_path / "a.jpg", shape("cat", ["10", "20"], [50, "60"]), imageWidth="100")
    assert told(tmp_path) == [("number-as-text", "a.json", 0)]
