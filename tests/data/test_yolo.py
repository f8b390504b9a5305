from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats import files, yolo_yaml
from yolo_cli.data.formats.notes import notes_of
from yolo_cli.data.formats.scan import Spot
from yolo_cli.data.formats.yolo_tree import Tree
from yolo_cli.errors import UserError

from .builders import boxes, image, load, write

# 100 x 80 pixels: centre (.5, .5) is (50, 40), .2 x .25 is 20 x 20: from (40, 30) to (60, 50).
MIDDLE = "0 0.5 0.5 0.2 0.25\n"
MIDDLE_BOX = [40.0, 30.0, 60.0, 50.0]


def pair(root: Path, images: str, labels: str, name: str = "a", text: str = MIDDLE) -> None:
    image(root / images / f"{name}.jpg")
    write(root / labels / f"{name}.txt", text)


def refused(root: Path, split: str | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        load(root, split)
    assert "\n" not in caught.value.message
    assert "\n" not in caught.value.hint
    return caught.value


def close(found: list[list[float]], wanted: list[list[float]]) -> bool:
    return len(found) == len(wanted) and all(
        a == pytest.approx(b, abs=1e-9) for a, b in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("0 0.5 0.5 0.2 0.25", MIDDLE_BOX),
        ("0 0.5 0.5 1 1", [0, 0, 100, 80]),
        ("0\t.05  .05 .1 .1 ", [0, 0, 10, 8]),
        ("0.000000 5e-2 0.05 0.1 0.1", [0, 0, 10, 8]),
        # A triangle (.1, .2) (.5, .25) (.3, .75): from (10, 16) to (50, 60).
        ("0 .1 .2 .5 .25 .3 .75", [10, 16, 50, 60]),
        # A turned box of four corners.
        ("0 .2 .1 .3 .2 .2 .3 .1 .2", [10, 8, 30, 24]),
        # x from -.005 (half a pixel outside) is clipped: .095 - .1 = -.005.
        ("0 .095 .5 .2 .25", [0, 30, 19.5, 50]),
    ],
)
def test_coordinates(tmp_path: Path, line: str, wanted: list[float]) -> None:
    pair(tmp_path, "images", "labels", text=line)
    data = load(tmp_path)
    sample = data.samples[0]
    assert close(sample.boxes.tolist(), [wanted])
    x1, y1, x2, y2 = wanted
    assert sample.area.tolist() == pytest.approx([(x2 - x1) * (y2 - y1)])
    assert (data.format, data.split, sample.id, data.classes) == ("yolo", "all", "a", ("0",))


def test_empty_and_missing_label_files_are_background(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    pair(tmp_path, "images", "labels", "b", "")
    pair(tmp_path, "images", "labels", "c", "\n \n")
    image(tmp_path / "images/d.png")
    assert [len(sample) for sample in load(tmp_path).samples] == [1, 0, 0, 0]


@pytest.mark.parametrize("order", ["images/{0}|labels/{0}", "{0}/images|{0}/labels", "{0}|{0}"])
def test_split_folders(tmp_path: Path, order: str) -> None:
    images, labels = order.split("|")
    for split in ("train", "valid"):
        pair(tmp_path, images.format(split), labels.format(split))
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train", "val")
    for name in ("val", "valid"):
        data = folder.load(name)
        assert [sample.id for sample in data.samples] == ["valid/a"]
        assert close(boxes(data)["valid/a"], [MIDDLE_BOX])
    assert [sample.id for sample in folder.load(None).samples] == ["train/a", "valid/a"]


def test_darknet(tmp_path: Path) -> None:
    pair(tmp_path, "obj_train_data", "obj_train_data")
    pair(tmp_path, "obj_train_data", "obj_train_data", "b")
    write(tmp_path / "obj.names", "cat\ndog\n\n")
    write(tmp_path / "train.txt", "data/obj_train_data/b.jpg\n\ndata/obj_train_data/a.jpg\n")
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train",)
    assert folder.classes == ("cat", "dog")
    ids = [sample.id for sample in folder.load("train").samples]
    assert ids == ["obj_train_data/b", "obj_train_data/a"]


def test_text_beside_the_images(tmp_path: Path) -> None:
    pair(tmp_path, ".", ".")
    write(tmp_path / "classes.txt", "cat\n")
    assert load(tmp_path).classes == ("cat",)
    assert close(boxes(load(tmp_path))["a"], [MIDDLE_BOX])


@pytest.mark.parametrize(
    "place", ["classes.txt", "obj.names", "labels/classes.txt", "data/obj.names"]
)
def test_files_of_names(tmp_path: Path, place: str) -> None:
    pair(tmp_path, "images", "labels")
    write(tmp_path / place, "traffic light\r\nno\r\n")
    assert load(tmp_path).classes == ("traffic light", "no")


def test_without_names_the_classes_are_their_numbers(tmp_path: Path) -> None:
    pair(tmp_path, "images/train", "labels/train", text="1 .5 .5 .1 .1\n")
    pair(tmp_path, "images/val", "labels/val", text="3 .5 .5 .1 .1\n")
    assert load(tmp_path, "train").classes == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ("[cat, 'traffic light', no]", ("cat", "traffic light", "no")),
        ("\n  - cat\n  - 7\n", ("cat", "7")),
        ("{0: cat, 1: dog}", ("cat", "dog")),
        ("{1: dog, 0: cat, 3: cow}", ("cat", "dog", "2", "cow")),
        ("{'0': cat}", ("cat",)),
        ("my.names", ("one", "two")),
    ],
)
def test_names_in_yaml(tmp_path: Path, names: str, classes: tuple[str, ...]) -> None:
    pair(tmp_path, "images", "labels")
    write(tmp_path / "my.names", "one\ntwo\n")
    write(tmp_path / "data.yaml", f"train: images\nnames: {names}\n")
    assert load(tmp_path).classes == classes


def test_a_number_of_classes_without_names(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    write(tmp_path / "data.yaml", "train: images\nnc: 3\n")
    assert load(tmp_path).classes == ("0", "1", "2")


def three(root: Path) -> Path:
    for name in ("one", "two", "three"):
        pair(root, f"{name}/images", f"{name}/labels", name)
    return root


@pytest.mark.parametrize(
    ("yaml", "wanted"),
    [
        ("train: one/images", ["one/one"]),
        ("train: ./one", ["one/one"]),
        ("train: ../one/images", ["one/one"]),
        ("train: [one/images, two/images]", ["one/one", "two/two"]),
        ("path: two\ntrain: images", ["two"]),
        ("path: ../elsewhere\ntrain: one/images", ["one/one"]),
        ("path: .\ntrain: /another/machine/one/images", ["one/one"]),
        ("path: {root}\ntrain: two/images", ["two/two"]),
        ("train: {root}/three", ["three/three"]),
        ("train: list.txt", ["three/three", "one/one"]),
        ("train: C:\\data\\one\\images", ["one/one"]),
        (r"train: .\one\images", ["one/one"]),
        (r"train: '..\one\images'", ["one/one"]),
        (r'train: "one\images"', ["one/one"]),  # \i is no escape of YAML
        (r'train: "C:\data\three\images"', ["three/three"]),
        (r'train: "\two"', ["two/two"]),  # \t is one: a tab
        (r'train: "one\x2fimages"', ["one/one"]),  # and so is \x2f, a slash
        ("path: .\\\ntrain: one\\images", ["one/one"]),
    ],
)
def test_paths_in_yaml(tmp_path: Path, yaml: str, wanted: list[str]) -> None:
    root = three(tmp_path / "set")
    write(root / "list.txt", "./three/images/three.jpg\n/gone/set/one/images/one.jpg\n")
    write(root / "data.yaml", yaml.format(root=root) + "\nval: two/images\ntest:\nnames: [cat]\n")
    folder = open_dataset(root)
    assert folder.splits == ("train", "val")
    assert [sample.id for sample in folder.load("train").samples] == wanted


def test_roboflow(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        pair(tmp_path, f"{name}/images", f"{name}/labels")
    write(
        tmp_path / "data.yaml",
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 1\n"
        "names: ['cat']\n\nroboflow:\n  workspace: x\n",
    )
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train", "val", "test")
    assert [sample.id for sample in folder.load("valid").samples] == ["valid/a"]


def test_a_missing_folder_is_not_replaced_by_a_larger_one(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    write(tmp_path / "data.yaml", "train: images\nval: /x/valid/images\nnames: [cat]\n")
    assert len(load(tmp_path, "train")) == 1
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train",)
    (note,) = notes_of(folder.reader)
    assert (note.code, note.severity, note.spot) == (
        "split-missing",
        "warning",
        Spot(tmp_path / "data.yaml", 2),
    )
    assert "valid/images" in note.what
    assert "no split 'val'" in refused(tmp_path, "val").message


def test_any_yaml_with_names_will_do(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    write(tmp_path / "mkdocs.yml", "site: [x\n")
    write(tmp_path / "cats.yaml", "train: images\nnames: [cat]\n")
    assert load(tmp_path).classes == ("cat",)
    write(tmp_path / "dogs.yaml", "train: images\nnames: [dog]\n")
    assert "cats.yaml, dogs.yaml" in refused(tmp_path).message
    data = open_dataset(tmp_path / "dogs.yaml").load("train")
    assert (data.classes, data.root) == (("dog",), tmp_path)


def test_yaml_with_names_alone_leaves_the_rest_to_the_folders(tmp_path: Path) -> None:
    pair(tmp_path, "images/train", "labels/train")
    write(tmp_path / "data.yaml", "names: [cat]\n")
    assert load(tmp_path, "train").classes == ("cat",)


def test_keypoints_behind_a_box_are_ignored(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels", text="0 .5 .5 .2 .25 .9 .9 2 .1 .1 2\n")
    write(tmp_path / "data.yaml", "train: images\nkpt_shape: [2, 3]\nnames: [cat]\n")
    assert close(boxes(load(tmp_path))["a"], [MIDDLE_BOX])


def test_ids_stay_unique(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    image(tmp_path / "images/a.png")
    assert sorted(boxes(load(tmp_path))) == ["a", "a.png"]


def test_ids_do_not_depend_on_how_the_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(tmp_path / "set", "pictures", "pictures")
    write(tmp_path / "set/data.yaml", "path: ..\ntrain: set/pictures\nnames: [cat]\n")
    wanted = list(boxes(load(tmp_path / "set")))
    monkeypatch.chdir(tmp_path / "set")
    assert list(boxes(load(Path()))) == list(boxes(load(Path("../set")))) == wanted


BAD_LINES = {
    "confidence": ("0 .5 .5 .1 .1 .9", "confidence"),
    "four columns": ("0 .5 .5 .1", "4 columns"),
    "even polygon": ("0 .5 .5 .1 .1 .1 .1 .2", "8 columns"),
    "word": ("cat .5 .5 .1 .1", "'cat' is not a number"),
    "NaN": ("0 nan .5 .1 .1", "not finite"),
    "infinite": ("0 .5 .5 inf .1", "not finite"),
    "NaN class": ("nan .5 .5 .1 .1", "not finite"),
    "fraction of a class": ("0.5 .5 .5 .1 .1", "class 0.5"),
    "negative class": ("-1 .5 .5 .1 .1", "class -1"),
    "class out of range": ("1 .5 .5 .1 .1", "class 1, but there are only 1"),
    "huge class": ("1e300 .5 .5 .1 .1", "class 1e300"),
    "negative size": ("0 .5 .5 -.1 .1", "negative size"),
    "no size": ("0 .5 .5 0 .1", "no size"),
    "pixels": ("0 50 40 20 20", "fractions"),
    "outside": ("0 .98 .5 .1 .1", "leaves the image"),
    "flat polygon": ("0 .1 .5 .2 .5 .3 .5", "no size"),
}


@pytest.mark.parametrize(("line", "words"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_lines(tmp_path: Path, line: str, words: str) -> None:
    pair(tmp_path, "images", "labels", text=f"{MIDDLE}{line}\n")
    write(tmp_path / "classes.txt", "cat\n")
    error = refused(tmp_path)
    assert words in error.message
    assert f"{tmp_path}/labels/a.txt:2: " in error.message
    assert "--skip-bad" in error.hint
    data = load(tmp_path, skip_bad=True)
    assert close(boxes(data)["a"], [MIDDLE_BOX])
    assert len(data.skipped) == 1


def test_label_files_that_are_no_text(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    pair(tmp_path, "images", "labels", "b")
    (tmp_path / "labels/b.txt").write_bytes(b"0 .5 .5 .1 .1\n\xff\x00\x01")
    assert "b.txt:2: not UTF-8" in refused(tmp_path).message
    data = load(tmp_path, skip_bad=True)
    assert (list(boxes(data)), len(data.skipped)) == (["a"], 1)
    with (tmp_path / "labels/b.txt").open("r+b") as file:
        file.truncate(files.MAX_LABEL_BYTES + 1)
    assert "too large" in refused(tmp_path).message


def test_labels_with_a_byte_order_mark(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    (tmp_path / "labels/a.txt").write_bytes(b"\xef\xbb\xbf" + MIDDLE.encode())
    assert close(boxes(load(tmp_path))["a"], [MIDDLE_BOX])


BAD_YAML = {
    "broken": ("names: [cat\ntrain: x: y", "data.yaml:2: broken YAML"),
    "tab": ("names:\n\t- cat", "data.yaml:2: broken YAML"),
    "binary": ("names: \0", "broken YAML"),
    "long": (f"names: [cat]\ntrain: {'a' * 5000}\n", "'train' is 'aaa"),
    "deep": ("names: " + "[" * 5000, "nested too deeply"),
    "empty name": ("names: [cat, '']", "class 1 has no name"),
    "same name twice": ("names: [cat, dog, cat]", "'cat'"),
    "no names": ("names: []", "no class names"),
    "list of lists": ("names: [[cat]]", "list of names"),
    "key": ("names: {cat: 0}", "'cat', not a class number"),
    "huge key": ("names: {99999999999: cat}", "not a class number"),
    "nested name": ("names: {0: {1: cat}}", "not text"),
    "word": ("names: cat", "neither a list nor a file"),
    "path": ("names: [cat]\ntrain: {a: b}", "'train' must be a path"),
}


@pytest.mark.parametrize(("text", "words"), BAD_YAML.values(), ids=BAD_YAML)
def test_bad_yaml(tmp_path: Path, text: str, words: str) -> None:
    pair(tmp_path, "images", "labels")
    write(tmp_path / "data.yaml", text)
    error = refused(tmp_path)
    assert words in error.message
    assert f"{tmp_path}/data.yaml" in error.message


@pytest.mark.parametrize(
    ("loader", "words"),
    [
        (yaml.CBaseLoader, "broken YAML (found invalid Unicode"),  # it looks by itself
        (yaml.BaseLoader, r"class name 'c\ud800' is not valid Unicode"),
    ],
)
def test_a_name_with_half_a_character(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: type[yaml.BaseLoader], words: str
) -> None:
    monkeypatch.setattr(yolo_yaml, "_YAML_LOADER", loader)
    pair(tmp_path, "images", "labels")
    write(tmp_path / "data.yaml", r'names: ["c\ud800"]')
    error = refused(tmp_path)
    assert error.path == tmp_path / "data.yaml"
    assert words in error.message


@pytest.mark.parametrize("loader", [yaml.CBaseLoader, yaml.BaseLoader])
def test_deep_yaml_is_refused_by_either_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: type[yaml.BaseLoader]
) -> None:
    monkeypatch.setattr(yolo_yaml, "_YAML_LOADER", loader)
    pair(tmp_path, "images", "labels")
    write(tmp_path / "data.yaml", "names:\n " + "[" * 5000)
    message = f"{tmp_path}/data.yaml:2: YAML nested too deeply to describe a dataset"
    assert refused(tmp_path).message == message


def test_yaml_never_makes_objects(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    bad = f"!!python/object/apply:os.mkdir ['{tmp_path}/made']"
    write(tmp_path / "data.yaml", f"names: [cat]\ntrain: images\nx: {bad}\n")
    load(tmp_path)
    assert not (tmp_path / "made").exists()


def test_a_missing_image_in_a_list_names_its_line(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    write(tmp_path / "train.txt", "images/a.jpg\nimages/gone.jpg\n")
    assert f"{tmp_path}/train.txt:2: no such image 'images/gone.jpg'" in refused(tmp_path).message
    data = load(tmp_path, "train", skip_bad=True)
    assert (len(data), len(data.skipped)) == (1, 1)


def test_no_labels_at_all(tmp_path: Path) -> None:
    for split in ("train", "val"):
        image(tmp_path / f"images/{split}/a.jpg")
    write(tmp_path / "data.yaml", "train: images/train\nval: images/val\nnames: [cat]\n")
    assert "no labels at all" in refused(tmp_path, "val").message
    write(tmp_path / "labels/train/a.txt", MIDDLE)
    assert boxes(load(tmp_path, "val")) == {"val/a": []}  # background in a labelled dataset


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    write(tmp_path / "data.yaml", "train: images\nnames: [cat]\n")
    assert "no images" in refused(tmp_path, "train").message


def test_bad_images(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    pair(tmp_path, "images", "labels", "b")
    (tmp_path / "images/b.jpg").write_bytes(b"")
    assert f"{tmp_path}/images/b.jpg" in refused(tmp_path).message
    data = load(tmp_path, skip_bad=True)
    assert (list(boxes(data)), len(data.skipped)) == (["a"], 1)


def test_impossible_paths_lead_nowhere(tmp_path: Path) -> None:
    for text in ("x" * 5000, "a\0b", "../" * 50 + "none"):
        assert Tree(tmp_path).find(text, (tmp_path,), Path.exists) is None


def test_a_dataset_one_level_down_keeps_its_names(tmp_path: Path) -> None:
    pair(tmp_path, "set/images", "set/labels")
    write(tmp_path / "set/classes.txt", "cat\n")
    write(tmp_path / "README.md", "x")
    data = load(tmp_path)
    assert (data.classes, list(boxes(data)), data.root) == (("cat",), ["a"], tmp_path)


def test_notes_of_another_tool_do_not_make_it_coco(tmp_path: Path) -> None:
    pair(tmp_path, "images", "labels")
    write(tmp_path / "classes.txt", "cat\n")
    write(tmp_path / "notes.json", '{"categories": [{"id": 0, "name": "cat"}], "info": {}}')
    assert load(tmp_path).format == "yolo"
