"""Annotations and projects of the VGG Image Annotator, versions 1 and 2."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import pi
from pathlib import Path

import pytest

from tests.data.builders import image, load, write
from tests.data.check.builders import report
from tests.data.test_csv import codes, named
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import ExitCode, UserError

Regions = Sequence[Mapping[str, object]]
RECTANGLE = {"name": "rect", "x": 10, "y": 20, "width": 40, "height": 40}
BOX = [10.0, 20.0, 50.0, 60.0]


def region(shape: object = RECTANGLE, **attributes: object) -> dict[str, object]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def entries(images: Mapping[str, Regions], *, version: int = 2) -> dict[str, object]:
    """By file name and size; version 1 numbers the regions in an object."""
    return {
        f"{name}1234": {
            "filename": name,
            "size": 1234,
            "regions": regions if version == 2 else {str(i): r for i, r in enumerate(regions)},
            "file_attributes": {},
        }
        for name, regions in images.items()
    }


def project(images: Mapping[str, Regions], attributes: object) -> dict[str, object]:
    return {
        "_via_settings": {"core": {"default_filepath": ""}},
        "_via_img_metadata": entries(images),
        "_via_attributes": {"region": attributes, "file": {}},
    }


def dataset(root: Path, content: object, name: str = "via_region_data.json") -> Path:
    for one in "ab":
        image(root / f"{one}.jpg")
    write(root / name, json.dumps(content))
    return root


CLASSES: dict[str, tuple[object, object]] = {
    "text": ("cat", {"type": "text", "description": "", "default_value": ""}),
    "dropdown": ("cat", {"type": "dropdown", "options": {"dog": "", "cat": "a cat"}}),
    "checkbox": ({"cat": True}, {"type": "checkbox", "options": {"dog": "", "cat": ""}}),
    "unchecked": ({"cat": True, "dog": False}, {"type": "checkbox", "options": {"dog": ""}}),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_a_project(tmp_path: Path, kind: str) -> None:
    value, attribute = CLASSES[kind]
    content = project({"a.jpg": [region(name=value)], "b.jpg": []}, {"name": attribute})
    dataset(tmp_path, content, "via_project_1Jan2020.json")
    assert open_dataset(tmp_path).format == "via"
    assert named(tmp_path) == {"a": [("cat", BOX)], "b": []}
    assert load(tmp_path).classes == (("cat",) if kind == "text" else ("dog", "cat"))


@pytest.mark.parametrize("version", [1, 2])
def test_annotations(tmp_path: Path, version: int) -> None:
    content = entries({"a.jpg": [region(label="cat")], "b.jpg": []}, version=version)
    assert named(dataset(tmp_path, content)) == {"a": [("cat", BOX)], "b": []}
    assert codes(tmp_path) == []


@pytest.mark.parametrize("first", ["#filename", "filename"])
def test_csv(tmp_path: Path, first: str) -> None:
    columns = "file_size,file_attributes,region_count,region_id,region_shape_attributes"
    rows = [
        'a.jpg,1234,"{}",2,0,"{""name"":""rect"",""x"":10,""y"":20,""width"":40,""height"":40}",'
        '"{""label"":""cat""}"',
        'a.jpg,1234,"{}",2,1,"{""name"":""circle"",""cx"":40,""cy"":50,""r"":20}",'
        '"{""label"":""dog""}"',
        'b.jpg,1234,"{}",0,0,"{}","{}"',
    ]
    for one in "ab":
        image(tmp_path / f"{one}.jpg")
    text = "\n".join([f"{first},{columns},region_attributes", *rows, ""])
    write(tmp_path / "via_region_data.csv", text)
    found = {"a": [("cat", BOX), ("dog", [20.0, 30.0, 60.0, 70.0])], "b": []}
    assert open_dataset(tmp_path).format == "via"
    assert named(tmp_path) == found
    write(tmp_path / "via_region_data.csv", text.replace('{""label"":""dog', '{""label'))
    with pytest.raises(UserError, match="is no JSON") as caught:
        load(tmp_path)
    assert (caught.value.path, caught.value.line) == (tmp_path / "via_region_data.csv", 3)


def test_the_balloons(tmp_path: Path) -> None:
    """Two splits, polygons, no attribute at all: one class."""
    shape = {"name": "polygon", "all_points_x": [30, 10, 60], "all_points_y": [20, 45, 70]}
    for split, name in (("train", "a.jpg"), ("val", "b.jpg")):
        image(tmp_path / split / name)
        text = json.dumps(entries({name: [region(shape)]}, version=1))
        write(tmp_path / split / "via_region_data.json", text)
    assert open_dataset(tmp_path).splits == ("train", "val")
    assert named(tmp_path, "train") == {"train/a": [("object", [10.0, 20.0, 60.0, 70.0])]}
    assert named(tmp_path, "val") == {"val/b": [("object", [10.0, 20.0, 60.0, 70.0])]}
    notes = [one for one in report(tmp_path).findings if one.code == "class-unnamed"]
    assert [one.severity for one in notes] == ["info", "info"]
    assert "no attribute of its regions names a class" in notes[0].message


SHAPES: dict[str, tuple[Mapping[str, object], list[float]]] = {
    "rectangle": (RECTANGLE, BOX),
    "text": ({"name": "rect", "x": "10", "y": 20, "width": "40.0", "height": 40}, BOX),
    "circle": ({"name": "circle", "cx": 40, "cy": 50, "r": 20.5}, [19.5, 29.5, 60.5, 70.5]),
    "ellipse": ({"name": "ellipse", "cx": 40, "cy": 50, "rx": 30, "ry": 10}, [10, 40, 70, 60]),
    "turned ellipse": (
        {"name": "ellipse", "cx": 40, "cy": 40, "rx": 30, "ry": 10, "theta": pi / 2},
        [30, 10, 50, 70],
    ),
    "polygon": (
        {"name": "polygon", "all_points_x": [5, 9, 7], "all_points_y": [8, 3, 20]},
        [5, 3, 9, 20],
    ),
    "polyline": (
        {"name": "polyline", "all_points_x": [5, 9], "all_points_y": [8, 3]},
        [5, 3, 9, 8],
    ),
}


@pytest.mark.parametrize(("shape", "box"), SHAPES.values(), ids=SHAPES)
def test_shapes(tmp_path: Path, shape: Mapping[str, object], box: list[float]) -> None:
    dataset(tmp_path, entries({"a.jpg": [region(shape, label="cat")]}))
    data = load(tmp_path)
    assert data.samples[0].boxes.tolist() == [pytest.approx(box)]
    texts = [one for one in report(tmp_path).findings if one.code == "number-as-text"]
    assert len(texts) == (shape is SHAPES["text"][0])
    for one in texts:
        assert (one.severity, one.remedy) == ("warning", "write numbers without quotes")
        assert one.message == "a.jpg1234.regions[0]: a number is written as text"


def test_points_are_left_out(tmp_path: Path) -> None:
    point = region({"name": "point", "cx": 4, "cy": 5}, label="cat")
    dataset(tmp_path, entries({"a.jpg": [region(label="cat"), point, point]}))
    assert named(tmp_path) == {"a": [("cat", BOX)]}
    found = [one for one in report(tmp_path).findings if one.code == "label-syntax"]
    assert [(one.severity, one.message) for one in found] == [
        (
            "warning",
            "a.jpg1234.regions[1]: a point has no box and is left out, like 1 more",
        )
    ]


def attributes(root: Path, *regions: Mapping[str, object]) -> Path:
    return dataset(root, entries({"a.jpg": [region(**one) for one in regions]}))


CHOSEN: dict[str, tuple[list[Mapping[str, object]], list[str]]] = {
    "the only one": ([{"bird": "x"}, {"bird": "y"}], ["x", "y"]),
    "empty ones do not count": ([{"name": "", "kind": "x"}, {"name": "", "kind": "y"}], ["x", "y"]),
    "the usual one": ([{"colour": "red", "class": "x"}] * 2, ["x"]),
    "the surer one": ([{"name": "n", "label": "x"}] * 2, ["x"]),
    "the likely one": ([{"colour": "red", "name": "x"}] * 2, ["x"]),
    "the more frequent": ([{"a": "x"}, {"a": "x"}, {"a": "y", "b": "z"}], ["x", "y"]),
    "few values": ([{"id": str(i), "sort": "xy"[i % 2]} for i in range(30)], ["x", "y"]),
    "several checked": ([{"quality": {"good": True, "sharp": True}, "thing": "x"}] * 2, ["x"]),
    "numbers": ([{"digit": 3}, {"digit": 5}], ["3", "5"]),
}


@pytest.mark.parametrize(("regions", "classes"), CHOSEN.values(), ids=CHOSEN)
def test_the_attribute_is_found(
    tmp_path: Path, regions: list[Mapping[str, object]], classes: list[str]
) -> None:
    assert [*load(attributes(tmp_path, *regions)).classes] == classes


def test_two_attributes_that_would_do(tmp_path: Path) -> None:
    attributes(tmp_path, {"size": "big", "colour": "red"}, {"size": "small", "colour": "red"})
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert caught.value.reason == (
        "2 attributes could each name the class: 'size' (big, small); 'colour' (red)"
    )
    assert caught.value.hint == "choose one: --class-attribute size"
    (found,) = [one for one in report(tmp_path).findings if one.code == "label-unreadable"]
    assert (found.spot.path, found.remedy) == (tmp_path, "choose one: --class-attribute size")
    data = open_dataset(tmp_path, class_attribute="size").load(None)
    assert data.classes == ("big", "small")
    data = open_dataset(tmp_path, class_attribute="colour").load(None)
    assert data.classes == ("red",)


def test_no_attribute_is_like_a_class(tmp_path: Path) -> None:
    attributes(tmp_path, *({"plate": f"AB {i}"} for i in range(20)))
    with pytest.raises(UserError, match=r"like a class: 'plate' \(AB 0, AB 1, AB 2\)") as caught:
        load(tmp_path)
    assert "--class-attribute plate" in caught.value.hint
    data = open_dataset(tmp_path, class_attribute="plate").load(None)
    assert len(data.classes) == 20


def test_an_attribute_that_no_region_has(tmp_path: Path) -> None:
    attributes(tmp_path, {"sort": "x"})
    with pytest.raises(UserError, match="no region has such an attribute") as caught:
        open_dataset(tmp_path, class_attribute="kind").load(None)
    assert caught.value.code is ExitCode.USAGE
    assert "there are: 'sort' (x)" in caught.value.hint


BROKEN: dict[str, tuple[object, str, str]] = {
    "no class": (region(), "class-unknown", "its attribute 'label' names no class"),
    "two classes": (
        region(label={"cat": True, "dog": True}),
        "class-unknown",
        "its attribute 'label' names several classes: 'cat', 'dog'",
    ),
    "half a character": (region(label="\ud800"), "class-unknown", "is no valid Unicode"),
    "no shape": (region({}, label="cat"), "label-syntax", "its shape_attributes {} are none of"),
    "no region": ([], "label-syntax", "null where its shape_attributes should be"),
    "attributes": (
        {"shape_attributes": RECTANGLE, "region_attributes": "cat"},
        "label-syntax",
        "a text where its region_attributes should be",
    ),
    "no number": (
        region({**RECTANGLE, "x": "left"}, label="cat"),
        "label-syntax",
        "its x 'left' is no number",
    ),
    "points": (
        region({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]}, label="cat"),
        "label-syntax",
        "has 2 numbers in all_points_x, but 1 in all_points_y",
    ),
    "negative": (region({**RECTANGLE, "width": -4}, label="cat"), "box-swapped", "negative size"),
    "huge": (region({**RECTANGLE, "width": 10**400}, label="cat"), "box-not-finite", "not finite"),
    "outside": (region({**RECTANGLE, "x": 90}, label="cat"), "box-outside", "leaves the image"),
}


@pytest.mark.parametrize(("broken", "code", "what"), BROKEN.values(), ids=BROKEN)
def test_broken_regions(tmp_path: Path, broken: object, code: str, what: str) -> None:
    good = region(label="cat")
    content = entries({"b.jpg": [good], "a.jpg": [good, broken]})  # type: ignore[list-item]
    dataset(tmp_path, content)
    place = "a.jpg1234.regions[1]"
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert what in caught.value.reason
    assert code.startswith("box") or caught.value.reason.startswith(f"{place}: ")
    found = [one for one in report(tmp_path).findings if one.code == code]
    assert len(found) == 1
    assert found[0].message.startswith(f"{place}: ")
    data = load(tmp_path, skip_bad=True)
    assert [one.boxes.tolist() for one in data.samples] == [[BOX], [BOX]]


def test_broken_entries(tmp_path: Path) -> None:
    content = entries({"a.jpg": [region(label="cat")]})
    content["x"] = {"size": 1, "regions": []}
    dataset(tmp_path, content)
    with pytest.raises(UserError, match="x: has no filename"):
        load(tmp_path)
    content["x"] = {"filename": "b.jpg", "regions": "none"}
    dataset(tmp_path, content)
    with pytest.raises(UserError, match="x: has a text for its regions"):
        load(tmp_path)
    content["x"] = {"filename": "A.jpg", "regions": []}
    dataset(tmp_path, content)
    with pytest.raises(UserError, match=r"x: a second label of 'A.jpg'"):
        load(tmp_path)


def test_an_image_that_is_missing(tmp_path: Path) -> None:
    dataset(tmp_path, entries({"a.jpg": [region(label="cat")], "https://x.y/z.jpg": []}))
    assert named(tmp_path) == {"a": [("cat", BOX)]}
    found = [one for one in report(tmp_path).findings if one.code == "no-image"]
    assert [one.severity for one in found] == ["warning"]


def test_cut_off(tmp_path: Path) -> None:
    text = json.dumps(entries({"a.jpg": [region(label="cat")], "b.jpg": []}))
    dataset(tmp_path, {})
    for length in range(90, len(text), 7):
        write(tmp_path / "via_region_data.json", text[:length])
        with pytest.raises(UserError, match="broken JSON") as caught:
            load(tmp_path)
        assert (caught.value.path, caught.value.line) == (tmp_path / "via_region_data.json", 1)
