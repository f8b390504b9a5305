"""The reader that formats share whose label files name their images, with a format made up here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.data.builders import image, write
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats.documents import (
    Document,
    DocumentReader,
    Entry,
    numbers_as_texts,
    unnamed_class,
)
from yolo_cli.data.formats.image_names import ImageNames
from yolo_cli.data.formats.json_head import json_head
from yolo_cli.data.formats.json_read import JsonSpot, is_number, kind, read_json
from yolo_cli.data.formats.label_files import LabelFile, find_label_files, split_in_name
from yolo_cli.data.formats.scan import Fault, LabelledImage, LabelledObject, Reading, Spot
from yolo_cli.errors import UserError


def labels(path: Path, *names: str, **how: object) -> Document:
    """A file with one object in each of some images, the first in line 1."""
    entries = [
        Entry(
            name,
            Spot(path, line),
            [LabelledObject(Spot(path, line), f"c{line}", (1, 2, 3, 4), (1, 2, 3, 4))],
        )
        for line, name in enumerate(names, start=1)
    ]
    return Document(entries, **how)  # type: ignore[arg-type]


def reader(
    root: Path,
    contents: Mapping[str, Document | UserError],
    reading: Reading = Reading(),  # noqa: B008  # frozen
    *,
    file_per_image: bool = False,
) -> DocumentReader:
    """Of files that need not be there."""

    def read(path: Path) -> Document:
        found = contents[path.relative_to(root).as_posix()]
        if isinstance(found, UserError):
            raise found
        return found

    for name in contents:
        write(root / name, "x")
    files = find_label_files(root, lambda path: path.relative_to(root).as_posix() in contents)
    assert [file.path.relative_to(root).as_posix() for file in files] == [*contents]
    return DocumentReader(root, files, read, reading, form="corners", file_per_image=file_per_image)


def scanned(one: DocumentReader, split: str | None = None) -> list[tuple[str, int]]:
    """Id or code of everything, with its line."""
    return [
        (item.code if isinstance(item, Fault) else item.id, item.spot.number)
        for item in one.scan(split)
    ]


def test_places_of_label_files(tmp_path: Path) -> None:
    wanted = [
        *("labels.x", "train_boxes.x", "annotations/a.x", "data/valid/b.x", "images/c.x"),
        *("test/d.x", "train/annotations/e.x"),
    ]
    others = ["labels.y", ".hidden.x", "somewhere/f.x", "annotations/deep/g.x"]
    for name in (*wanted, *others):
        write(tmp_path / name, "")
    found = find_label_files(tmp_path, lambda path: path.suffix == ".x")
    assert sorted(file.path.relative_to(tmp_path).as_posix() for file in found) == sorted(wanted)
    splits = {file.path.name: file.split for file in found}
    assert splits == {
        **{"labels.x": "", "train_boxes.x": "train", "a.x": "", "b.x": "valid", "c.x": ""},
        **{"d.x": "test", "e.x": "train"},
    }
    assert [bool(file.split) for file in found] == [True] * 4 + [False] * 3


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train_labels.csv", "train"),
        ("raccoon-test.csv", "test"),
        ("instances_val2017.json", "val2017"),
        ("training.csv", "training"),
        ("trains.csv", ""),
        ("labels.csv", ""),
    ],
)
def test_a_split_in_a_name(name: str, split: str) -> None:
    assert split_in_name(Path(name)) == split


def test_which_image_a_name_means(tmp_path: Path) -> None:
    paths = [
        image(tmp_path / name)
        for name in ("one/a.jpg", "two/a.jpg", "two/b.JPG", "two/c.d.png", "three/e.jpg")
    ]
    a1, a2, b, c, e = paths
    names = ImageNames(tmp_path)
    places = (tmp_path / "three", tmp_path)
    assert names.paths == sorted(paths)
    assert names.find("two/a.jpg", places) == a2
    assert names.find("C:\\data\\one\\A.jpg", places) == a1
    assert names.find("/content/x/two/a.jpg", places) == a2
    assert names.find("../b.jpg", places) == b
    assert names.find("b", places) == b
    assert names.find("b.png", places) == b
    assert names.find("c.d", places) == c
    assert names.find("e.jpg", ()) == e
    assert names.find("a.jpg", places) == [a1, a2]
    assert names.find("a.jpg", (tmp_path / "two", tmp_path)) == a2
    assert names.find("f.jpg", places) == []
    assert names.find("../..", places) == []
    assert names.find("\0", places) == []
    assert names.looked_in(places) == f"three and all 5 images below {tmp_path}"
    assert names.looked_in([tmp_path]) == f"all 5 images below {tmp_path}"


def test_nothing_outside_the_dataset_is_found(tmp_path: Path) -> None:
    image(tmp_path / "outside.jpg")
    image(tmp_path / "data/inside.jpg")
    names = ImageNames(tmp_path / "data")
    assert names.find("../outside.jpg", (tmp_path / "data",)) == []
    assert names.find(str(tmp_path / "outside.jpg"), (tmp_path / "data",)) == []


def test_an_image_in_two_files_is_in_both_splits(tmp_path: Path) -> None:
    for name in "abc":
        image(tmp_path / f"{name}.jpg")
    contents = {
        name: labels(tmp_path / name, *images)
        for name, images in (
            ("test.x", ["b.jpg", "c.jpg"]),
            ("train.x", ["a.jpg", "b.jpg"]),
            ("all.x", ["c.jpg", "b.jpg", "a.jpg"]),
        )
    }
    found = reader(tmp_path, contents)
    assert scanned(found) == [("b", 1), ("c", 2), ("a", 1)]
    assert scanned(found, "train") == [("b", 1), ("a", 1)]
    images = {one.id: one for one in found.scan(None) if isinstance(one, LabelledImage)}
    assert {name: [*one.splits] for name, one in images.items()} == {
        **{"a": ["train"], "b": ["test", "train"], "c": ["test"]}
    }
    assert images["b"].objects[0].spot == Spot(tmp_path / "test.x", 1)
    assert {name: spot.path.name for name, spot in found.splits.items()} == {
        **{"test": "test.x", "train": "train.x"}
    }


def test_splits_of_folders_and_of_entries(tmp_path: Path) -> None:
    for name in ("train/a.jpg", "test/b.jpg", "c.jpg"):
        image(tmp_path / name)
    document = labels(tmp_path / "all.x", "a.jpg", "b.jpg", "c.jpg")
    document.entries[2].split = "val"
    found = reader(tmp_path, {"all.x": document})
    assert {*found.splits} == {"train", "test", "val"}
    assert scanned(found, "val") == [("c", 3)]
    assert scanned(found, "test") == [("test/b", 2)]


def test_what_keeps_a_label_from_having_an_image(tmp_path: Path) -> None:
    for name in ("one/a.jpg", "two/a.jpg", "b.jpg"):
        image(tmp_path / name)
    document = labels(tmp_path / "all.x", "b.jpg", "a.jpg", "z.jpg", "B.jpg")
    found = list(reader(tmp_path, {"all.x": document}).scan(None))
    faults = [one for one in found if isinstance(one, Fault)]
    assert [(one.code, one.spot.line, one.severity) for one in faults] == [
        ("no-image", 2, "error"),
        ("no-image", 3, "warning"),
        ("id-repeated", 4, "error"),
    ]
    one, two = tmp_path / "one/a.jpg", tmp_path / "two/a.jpg"
    assert faults[0].what == f"2 images are called 'a.jpg': {one}, {two}"
    assert faults[1].what == (f"no such image 'z.jpg'; looked in all 3 images below {tmp_path}")
    assert faults[2].what == "a second label of 'B.jpg'"


def test_labels_alone(tmp_path: Path) -> None:
    document = labels(tmp_path / "annotations/all.x", "x\\y\\a.jpg", "b")
    found = reader(tmp_path, {"annotations/all.x": document}, Reading(images=False))
    assert scanned(found) == [("annotations/a", 1), ("annotations/b", 2)]


def test_an_image_in_no_file(tmp_path: Path) -> None:
    for name in "abc":
        image(tmp_path / f"{name}.jpg")
    document = labels(tmp_path / "all.x", "b.jpg")
    (left,) = reader(tmp_path, {"all.x": document}).leftovers()
    assert (left.code, left.severity, left.spot.path) == (
        *("image-unlisted", "info"),
        tmp_path / "a.jpg",
    )
    assert left.what == "in no label file, like 1 more"
    own = reader(tmp_path, {"all.x": document}, file_per_image=True)
    assert [*own.leftovers()] == []
    unlabelled = [one for one in own.scan(None) if isinstance(one, LabelledImage)][1:]
    assert [(one.id, one.usable, one.faults[0].code) for one in unlabelled] == [
        ("a", False, "no-label"),
        ("c", False, "no-label"),
    ]


def test_a_broken_file_keeps_its_split(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    contents: dict[str, Document | UserError] = {
        "test.x": labels(tmp_path / "test.x", "a.jpg"),
        "train.x": UserError("cut off", path=tmp_path / "train.x", line=7),
    }
    found = reader(tmp_path, contents)
    assert [*found.splits] == ["test", "train"]
    for split in (None, "train", "test"):
        faults = [one for one in found.scan(split) if isinstance(one, Fault)]
        assert [(one.code, one.spot.line) for one in faults] == [("label-unreadable", 7)]


def test_order_and_classes(tmp_path: Path) -> None:
    """Of one file in the order of its lines; declared classes come first."""
    for name in "ab":
        image(tmp_path / f"{name}.jpg")
    path = tmp_path / "all.x"
    stray = [Fault("label-syntax", Spot(path, 2), "odd")]
    document = labels(path, "b.jpg", "z.jpg", "a.jpg", stray=stray, declared={"c3": Spot(path)})
    found = reader(tmp_path, {"all.x": document})
    assert scanned(found) == [("b", 1), ("label-syntax", 2), ("no-image", 2), ("a", 3)]
    assert found.classes == ("c3", "c1", "c2")
    assert found.relative is False
    images = [one for one in found.scan(None) if isinstance(one, LabelledImage)]
    found.write_splits({"train": images}, tmp_path / "out")
    assert open_dataset(tmp_path / "out").format == "coco"


def units(root: Path, *values: bool | None) -> DocumentReader:
    contents: dict[str, Document | UserError] = {}
    for name, value in zip("abc", values, strict=False):
        image(root / f"{name}.jpg")
        contents[f"{name}.x"] = labels(root / f"{name}.x", f"{name}.jpg", relative=value)
    return reader(root, contents)


@pytest.mark.parametrize(
    ("values", "relative"),
    [((True, None, True), True), ((None, False, None), False), ((None,), False)],
)
def test_fractions(tmp_path: Path, values: Sequence[bool | None], relative: bool) -> None:
    found = units(tmp_path, *values)
    assert found.relative is relative
    assert not any(isinstance(one, Fault) for one in found.scan(None))


def test_files_that_contradict(tmp_path: Path) -> None:
    found = units(tmp_path, None, True, False)
    assert found.relative
    (fault,) = [one for one in found.scan(None) if isinstance(one, Fault)]
    assert (fault.code, fault.spot.path) == ("label-unreadable", tmp_path / "c.x")
    assert fault.what == (
        f"boxes are in pixels, but those of {tmp_path / 'b.x'} in fractions of the image's sides"
    )


def test_notes() -> None:
    spots = [Spot(Path("a"), 3), Spot(Path("a"), 5)]
    assert numbers_as_texts([]) == []
    (fault,) = numbers_as_texts(spots)
    assert (fault.code, fault.spot.line, fault.severity) == ("number-as-text", 3, "warning")
    assert fault.what == "a number is written as text, like 1 more"
    note = unnamed_class(spots[0], "nothing names a class")
    assert note.what == "nothing names a class: all are of one, 'object'"


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("", "empty annotation file", 0),
        ('{\n"a": [1,', "broken JSON", 2),
        ("[" * 100_000, "nested too deeply", 0),
        ("9" * 5000, "broken JSON", 0),
    ],
)
def test_broken_json(tmp_path: Path, text: str, what: str, line: int) -> None:
    path = write(tmp_path / "a.json", text)
    with pytest.raises(UserError, match=what) as caught:
        read_json(path)
    assert (caught.value.path, caught.value.line) == (path, line)


def test_json_values() -> None:
    values: list[object] = [[], {}, "", None, 1.5]
    assert [kind(one) for one in values] == [*("a list", "an object", "a text", "null", "a number")]
    assert [one for one in (1, 1.5, True, "1", None) if is_number(one)] == [1, 1.5]
    spot = JsonSpot(Path("a"), 3, place="x[1].y")
    assert (spot.line, spot.number, spot.item) == (0, 3, "x[1].y")


def test_the_head_of_a_json_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '\ufeff {"a": {"b": 1, "c": {"d": 1}}, "e": [{"f\\"": 2}]}')
    head = json_head(path)
    assert head.opens == "{"
    assert (set(head.keys), set(head.lists), set(head.inner)) == ({"a", "e"}, {"e"}, {"b", "c"})
    head = json_head(write(tmp_path / "b.json", '[{"a": "{", "b": [{"c": 1}]}, {"d": 2'))
    assert (head.opens, set(head.keys), set(head.inner)) == ("[", set(), {"a", "b", "d"})
    assert json_head(write(tmp_path / "c.json", "text")).opens == ""
    assert json_head(tmp_path / "none.json").opens == ""


def test_where_the_images_of_a_file_are(tmp_path: Path) -> None:
    image(tmp_path / "one/a.jpg")
    image(tmp_path / "two/b.jpg")
    file = LabelFile("", tmp_path / "x", (tmp_path / "none", tmp_path / "one", tmp_path / "two"))
    assert file.image_folder(["b.jpg"]) == tmp_path / "two"
    assert file.image_folder(["z.jpg"]) == tmp_path / "one"
