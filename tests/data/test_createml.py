"""Create ML's JSON, as Apple documents it and as Roboflow writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.data.builders import image, load, write
from tests.data.check.builders import report
from tests.data.test_csv import codes, named
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import UserError

BOX = [10.0, 20.0, 50.0, 60.0]
CENTRE = {"x": 30, "y": 40, "width": 40, "height": 40}


def annotation(label: object = "cat", coordinates: object = CENTRE) -> dict[str, object]:
    return {"label": label, "coordinates": coordinates}


def dataset(root: Path, content: object, name: str = "annotations.json") -> Path:
    for one in "ab":
        image(root / f"{one}.jpg")
    write(root / name, json.dumps(content))
    return root


@pytest.mark.parametrize(
    ("key", "annotations"),
    [("image", "annotations"), ("imagefilename", "annotation"), ("imagefilename", "annotations")],
)
def test_a_list(tmp_path: Path, key: str, annotations: str) -> None:
    half = {"x": 69.5, "y": 40.25, "width": 21, "height": 10.5}
    objects = [annotation(), annotation("dog", half)]
    content = [{key: "a.jpg", annotations: objects}, {key: "b.jpg", annotations: []}]
    dataset(tmp_path, content)
    assert open_dataset(tmp_path).format == "createml"
    assert named(tmp_path) == {"a": [("cat", BOX), ("dog", [59.0, 35.0, 80.0, 45.5])], "b": []}
    assert codes(tmp_path) == []


def test_roboflow(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("valid", "b"), ("test", "c")):
        image(tmp_path / split / f"{name}.jpg")
        content = [{"image": f"{name}.jpg", "annotations": [annotation()]}]
        write(tmp_path / split / "_annotations.createml.json", json.dumps(content))
    folder = open_dataset(tmp_path)
    assert (folder.format, set(folder.splits)) == ("createml", {"train", "val", "test"})
    assert named(tmp_path, "val") == {"valid/b": [("cat", BOX)]}
    assert codes(tmp_path) == []


def test_numbers_as_texts(tmp_path: Path) -> None:
    texts = {"x": "30", "y": 40, "width": "40.0", "height": 40}
    objects = [annotation(), annotation("cat", texts), annotation("dog", texts)]
    dataset(tmp_path, [{"image": "a.jpg", "annotations": objects}])
    assert named(tmp_path)["a"] == [("cat", BOX), ("cat", BOX), ("dog", BOX)]
    found = [one for one in report(tmp_path).findings if one.code == "number-as-text"]
    assert [(one.severity, one.message, one.remedy) for one in found] == [
        (
            "warning",
            "[0].annotations[1].coordinates: a number is written as text, like 1 more",
            "write numbers without quotes",
        )
    ]


BROKEN: dict[str, tuple[object, str, str, str]] = {
    "no object": (7, "label-syntax", "", "a number where an object should be"),
    "no label": (annotation(None), "class-unknown", "", "its label None names no class"),
    "empty label": (annotation(" "), "class-unknown", "", "its label ' ' names no class"),
    "half a character": (annotation("\ud800"), "class-unknown", "", "names no class"),
    "no coordinates": (
        {"label": "cat"},
        "label-syntax",
        ".coordinates",
        "null where x, y, width and height should be",
    ),
    "no height": (
        annotation("cat", {"x": 1, "y": 2, "width": 3}),
        "label-syntax",
        ".coordinates",
        "has no height",
    ),
    "no number": (
        annotation("cat", {**CENTRE, "y": "top"}),
        "label-syntax",
        ".coordinates",
        "y 'top' is no number",
    ),
    "negative": (
        annotation("cat", {**CENTRE, "width": -1}),
        "box-swapped",
        ".coordinates",
        "negative size",
    ),
    "huge": (
        annotation("cat", {**CENTRE, "width": 10**400}),
        "box-not-finite",
        ".coordinates",
        "not finite",
    ),
    "outside": (
        annotation("cat", {**CENTRE, "x": 90}),
        "box-outside",
        ".coordinates",
        "10 px over the right edge",
    ),
}


@pytest.mark.parametrize(("broken", "code", "where", "what"), BROKEN.values(), ids=BROKEN)
def test_broken_annotations(
    tmp_path: Path, broken: object, code: str, where: str, what: str
) -> None:
    content = [
        {"image": "b.jpg", "annotations": [annotation()]},
        {"image": "a.jpg", "annotations": [annotation(), broken]},
    ]
    dataset(tmp_path, content)
    place = f"[1].annotations[1]{where}: "
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert caught.value.path == tmp_path / "annotations.json"
    assert what in caught.value.reason
    assert caught.value.reason.startswith(place)
    found = [one for one in report(tmp_path).findings if one.code == code]
    assert len(found) == 1
    assert found[0].message.startswith(place)
    data = load(tmp_path, skip_bad=True)
    assert [one.boxes.tolist() for one in data.samples] == [[BOX], [BOX]]


ENTRIES: dict[str, tuple[object, str]] = {
    "nothing": (None, "[1]: names no image"),
    "no name": ({"annotations": []}, "[1]: names no image"),
    "a number": ({"image": 7, "annotations": []}, "[1]: its image 7 is no file name"),
    "no annotations": ({"image": "b.jpg"}, "[1]: has no annotations"),
    "a text": ({"image": "b.jpg", "annotations": "x"}, "[1]: has a text for its annotations"),
    "again": ({"image": "./a.jpg", "annotations": []}, "[1]: a second label of './a.jpg'"),
}


@pytest.mark.parametrize(("entry", "what"), ENTRIES.values(), ids=ENTRIES)
def test_broken_entries(tmp_path: Path, entry: object, what: str) -> None:
    dataset(tmp_path, [{"image": "a.jpg", "annotations": [annotation()]}, entry])
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert caught.value.reason == what


OTHERS: dict[str, object] = {
    "an object": {"image": "a.jpg", "annotations": []},
    "label studio": [{"id": 1, "annotations": [], "data": {"image": "a.jpg"}}],
    "captions": [{"image": "a.jpg", "caption": "a cat"}],
    "nothing": [],
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_other_files(tmp_path: Path, content: Mapping[str, object]) -> None:
    dataset(tmp_path, content)
    with pytest.raises(UserError, match="not recognised as a dataset"):
        open_dataset(tmp_path, format="createml")


def test_an_image_that_is_missing(tmp_path: Path) -> None:
    content = [{"image": f"{name}.jpg", "annotations": [annotation()]} for name in "ac"]
    dataset(tmp_path, content)
    assert named(tmp_path) == {"a": [("cat", BOX)]}
    found = [one for one in report(tmp_path).findings if one.code == "no-image"]
    assert [(one.severity, one.spot.item) for one in found] == [("warning", "[1]")]


def test_cut_off(tmp_path: Path) -> None:
    content = [{"image": f"{name}.jpg", "annotations": [annotation()]} for name in "ab"]
    text = json.dumps(content)
    dataset(tmp_path, [])
    for length in range(40, len(text)):
        path = write(tmp_path / "annotations.json", text[:length])
        with pytest.raises(UserError, match="broken JSON") as caught:
            load(tmp_path)
        assert (caught.value.path, caught.value.line) == (path, 1)
