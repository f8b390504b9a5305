"""YOLO datasets as other programs export them, and as people pass them on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.data.check.test_agreement import agree
from tests.property import examples
from yolo_cli.data.check.check import check_dataset
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats.notes import notes_of
from yolo_cli.data.formats.yolo_tree import Tree
from yolo_cli.data.splits import TrainingSplits, training_splits
from yolo_cli.errors import UserError

from .builders import write

BOX = "0 0.5 0.5 0.2 0.25\n"
SPLITS = {"train": 5, "valid": 3, "test": 2}
ROBOFLOW = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 1\n"
NAMED = ROBOFLOW + "names: ['plate']\n"


def photo(path: Path) -> Path:
    """A picture that is like no other: its name is the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng([*path.stem.encode()]).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(noise).resize((100, 80)).save(path)
    return path


def pairs(images: Path, labels: Path, prefix: str, count: int) -> None:
    for i in range(count):
        photo(images / f"{prefix}{i}.jpg")
        write(labels / f"{prefix}{i}.txt", BOX)


def three(root: Path, mark: str = "") -> Path:
    """``train/ valid/ test/`` with 5, 3 and 2 labelled images."""
    for split, count in SPLITS.items():
        pairs(root / split / "images", root / split / "labels", f"{mark}{split}", count)
    return root


def counts(root: Path) -> dict[str, int]:
    folder = open_dataset(root)
    return {name: len(folder.load(name)) for name in folder.splits}


def names(root: Path) -> tuple[str, ...]:
    return open_dataset(root).classes


def trained(root: Path) -> TrainingSplits:
    return training_splits(open_dataset(root), train=None, val=None, seed=0)


def notes(root: Path) -> list[tuple[str, int, str]]:
    found = notes_of(open_dataset(root).reader)
    assert all(one.severity == "warning" for one in found)
    return [(one.code, one.spot.line, one.what) for one in found]


def codes(root: Path) -> list[tuple[str, str]]:
    found = check_dataset(root, input_size=448).findings
    return [(one.severity, one.code) for one in found if not one.code.startswith("class-m")]


def refused(root: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        trained(root)
    assert "\n" not in caught.value.message
    assert "\n" not in caught.value.hint
    return caught.value


WHOLE = {"train": 5, "val": 3, "test": 2}


# What a data.yaml says, and what is there


def test_a_root_beside_plots_and_runs_is_its_three_splits(tmp_path: Path) -> None:
    three(tmp_path)
    write(tmp_path / "train/data.yaml", NAMED)
    for name in ("curves.png", "confusion_matrix_normalized.png", "my plot.png"):
        photo(tmp_path / name)
    photo(tmp_path / "runs/detect/train/val_batch0_pred.jpg")
    assert counts(tmp_path) == WHOLE
    assert names(tmp_path) == ("plate",)
    assert agree(tmp_path) is None


def test_a_folder_called_train_that_holds_all_splits_is_none(tmp_path: Path) -> None:
    three(tmp_path / "train")
    write(tmp_path / "train/data.yaml", NAMED)
    photo(tmp_path / "curves.png")
    photo(tmp_path / "my plot.png")
    photo(tmp_path / "runs/train/results.png")
    assert counts(tmp_path) == WHOLE
    assert names(tmp_path) == ("plate",)


@pytest.mark.parametrize("text", ["", NAMED])
def test_demo_pictures_do_not_hide_a_dataset(tmp_path: Path, text: str) -> None:
    three(tmp_path)
    for i in range(3):
        photo(tmp_path / f"images/demo{i}.jpg")
    if text:
        write(tmp_path / "data.yaml", text)
    assert counts(tmp_path) == WHOLE


@pytest.mark.parametrize(
    "text",
    [
        NAMED,
        "path: /content/plates-3\ntrain: /content/plates-3/train/images\n"
        "val: /content/plates-3/valid/images\ntest: /content/plates-3/test/images\n"
        "names: [plate]\n",
        "train: ./plates/train/images\nval: ./plates/valid/images\ntest: plates/test\n"
        "names: {0: plate}\n",
        'train: "C:\\Users\\me\\train\\images"\nval: C:\\Users\\me\\valid\\images\n'
        "test: C:\\Users\\me\\TEST\\Images\nnames: [plate]\n",
        "path: ../datasets/plates\ntrain: train/images\nval: valid/images\ntest: test/images\n"
        "names: [plate]\n",
        "train: /content/a\nval: /content/b\ntest: /content/c\nnames: [plate]\n",
    ],
    ids=["roboflow", "colab", "folder", "windows", "ultralytics", "nowhere"],
)
@pytest.mark.parametrize("inside", [".", "one/two"])
def test_paths_of_another_machine(tmp_path: Path, text: str, inside: str) -> None:
    three(tmp_path / inside)
    write(tmp_path / "data.yaml", text)
    assert counts(tmp_path) == WHOLE
    assert names(tmp_path) == ("plate",)
    assert agree(tmp_path) is None


def test_images_and_labels_around_the_splits(tmp_path: Path) -> None:
    for split, count in SPLITS.items():
        pairs(tmp_path / f"images/{split}", tmp_path / f"labels/{split}", split, count)
    text = "train: ./plates_dataset/images/train\nval: ./plates_dataset/images/valid\n"
    write(tmp_path / "data.yaml", text + "names: [plate]\n")
    assert counts(tmp_path) == WHOLE
    write(tmp_path / "data.yaml", NAMED)  # train/images, though it is images/train
    assert counts(tmp_path) == WHOLE
    assert [line for _, line, _ in notes(tmp_path)] == [1, 2, 3]


def test_a_split_that_was_never_published_is_a_note(tmp_path: Path) -> None:
    pairs(tmp_path / "train/images", tmp_path / "train/labels", "a", 10)
    write(tmp_path / "data.yaml", NAMED)
    splits = trained(tmp_path)
    assert (len(splits.train), len(splits.val)) == (8, 2)  # 80 to 20
    assert splits.train.classes == ("plate",)
    assert [(code, line) for code, line, _ in notes(tmp_path)] == [
        ("split-missing", 2),
        ("split-missing", 3),
    ]
    assert "'../valid/images' is nowhere in" in notes(tmp_path)[0][2]
    assert codes(tmp_path) == [("warning", "split-missing")] * 2
    assert agree(tmp_path) is None


def test_a_typing_mistake_is_seen(tmp_path: Path) -> None:
    three(tmp_path)
    write(tmp_path / "data.yaml", NAMED.replace("../valid/images", "../vaild/images"))
    assert counts(tmp_path) == WHOLE  # valid/ is called like the split
    assert notes(tmp_path) == [
        (
            "split-missing",
            2,
            f"val: '../vaild/images' is nowhere in {tmp_path}; valid/images is used instead",
        )
    ]


def test_two_folders_of_another_machine_are_not_the_same_one_here(tmp_path: Path) -> None:
    pairs(tmp_path / "images", tmp_path / "labels", "a", 10)
    write(tmp_path / "data.yaml", "train: /x/one/images\nval: /x/two/images\nnames: [plate]\n")
    splits = trained(tmp_path)  # not 10 to train on and the same 10 to validate on
    assert (len(splits.train), len(splits.val)) == (8, 2)
    assert splits.train.classes == ("plate",)
    assert len(notes(tmp_path)) == 2


def test_nothing_there_names_what_is_declared(tmp_path: Path) -> None:
    write(tmp_path / "data.yaml", NAMED)
    error = refused(tmp_path)
    assert error.path == tmp_path / "data.yaml"
    assert "train '../train/images', val '../valid/images', test '../test/images'" in error.reason
    write(tmp_path / "train/labels/a.txt", BOX)
    write(tmp_path / "train/labels/b.txt", BOX)
    error = refused(tmp_path)
    assert "2 label files, no image" in error.reason
    assert "images/ beside labels/" in error.hint
    assert codes(tmp_path) == [("error", "dataset-unreadable")]


@pytest.mark.parametrize("place", ["train", "valid", "about"])
@pytest.mark.parametrize("text", [NAMED, "names: [plate]\n"])
def test_names_one_level_down(tmp_path: Path, place: str, text: str) -> None:
    three(tmp_path)
    write(tmp_path / place / "data.yaml", text)
    assert names(tmp_path) == ("plate",)
    assert counts(tmp_path) == WHOLE


@pytest.mark.parametrize(
    "place", ["train/labels/classes.txt", "labels/train/classes.txt", "plates.names"]
)
def test_files_of_names(tmp_path: Path, place: str) -> None:
    if place.startswith("labels"):
        pairs(tmp_path / "images/train", tmp_path / "labels/train", "a", 2)
    else:
        three(tmp_path)
    write(tmp_path / place, "plate\n")
    assert names(tmp_path) == ("plate",)


def test_names_of_a_file_count_where_the_yaml_has_a_number(tmp_path: Path) -> None:
    write(three(tmp_path) / "data.yaml", ROBOFLOW)
    assert names(tmp_path) == ("0",)
    write(tmp_path / "classes.txt", "plate\n")
    assert names(tmp_path) == ("plate",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nc: 3\nnames: [plate, car]\n", 4),
        ("names: [plate, car]\nnc: 1\n", 5),
        ("names: {0: plate, 1: car}\n'nc': many\n", 5),
    ],
)
def test_a_number_of_classes_that_is_not_so(tmp_path: Path, text: str, line: int) -> None:
    three(tmp_path)
    write(tmp_path / "data.yaml", ROBOFLOW.removesuffix("\nnc: 1\n") + text)
    assert names(tmp_path) == ("plate", "car")
    assert [one[:2] for one in notes(tmp_path)] == [("class-count", line)]
    assert "2 classes are named" in notes(tmp_path)[0][2]
    assert ("warning", "class-count") in codes(tmp_path)
    assert agree(tmp_path) is None


def test_a_number_of_classes_with_a_gap(tmp_path: Path) -> None:
    for count in (2, 3):  # of names, and of numbers
        text = ROBOFLOW.replace("nc: 1", f"nc: {count}") + "names: {0: plate, 2: car}\n"
        write(three(tmp_path) / "data.yaml", text)
        assert names(tmp_path) == ("plate", "1", "car")
        assert notes(tmp_path) == []


# Nothing outside


def test_what_is_inside_counts_and_not_its_neighbour(tmp_path: Path) -> None:
    three(tmp_path, "outer")
    root = three(tmp_path / "plates")
    write(root / "data.yaml", NAMED)
    for named in (root, root / "data.yaml"):
        folder = open_dataset(named)
        for split in folder.splits:
            assert all(root in one.image.parents for one in folder.load(split).samples)


@pytest.mark.parametrize(
    "text",
    [
        "train: train/images\nval: ../valid/images\n",
        "train: train/images\nval: {outside}/valid/images\n",
        "path: {outside}\ntrain: train/images\nval: valid/images\n",
        "path: ..\ntrain: train/images\nval: valid/images\n",
    ],
)
def test_a_folder_is_not_left(tmp_path: Path, text: str) -> None:
    three(tmp_path, "outer")
    root = tmp_path / "plates"
    pairs(root / "train/images", root / "train/labels", "train", 5)
    write(root / "data.yaml", text.format(outside=tmp_path) + "names: [plate]\n")
    assert counts(root) == {"train": 5}
    assert [code for code, _, _ in notes(root)] == ["split-missing"]
    # A file that the user names is meant as it stands.
    if "path" in text:
        assert counts(root / "data.yaml") == {"train": 5, "val": 3}
        data = open_dataset(root / "data.yaml").load("train")
        assert all(one.image.name.startswith("outer") for one in data.samples)
    else:
        assert counts(root / "data.yaml") == {"train": 5, "val": 3}


def test_a_way_out_of_the_folder_is_a_way_to_name_the_file(tmp_path: Path) -> None:
    three(tmp_path / "plates")
    text = f"path: {tmp_path}/plates\ntrain: train/images\nval: valid/images\nnames: [plate]\n"
    file = write(tmp_path / "about/plates.yaml", text)
    error = refused(tmp_path / "about")
    assert str(file) in error.hint
    assert counts(file) == {"train": 5, "val": 3}
    relative = text.replace(f"path: {tmp_path}/plates", "path: ../plates")
    assert counts(write(tmp_path / "about/plates.yaml", relative)) == {"train": 5, "val": 3}


def test_a_file_beside_the_folder_of_its_dataset(tmp_path: Path) -> None:
    for split, count in SPLITS.items():
        images, labels = tmp_path / f"coco128/images/{split}", tmp_path / f"coco128/labels/{split}"
        pairs(images, labels, split, count)
    text = "path: coco128\ntrain: images/train\nval: images/valid\nnames: [plate]\n"
    file = write(tmp_path / "coco128.yaml", text)
    declared = {"train": 5, "val": 3}
    assert (counts(file), counts(tmp_path)) == (declared, WHOLE)
    assert names(tmp_path) == ("plate",)
    write(file, text.replace("path: coco128", "path: ../datasets/coco128"))
    assert (counts(file), counts(tmp_path)) == (declared, WHOLE)


def test_a_list_of_absolute_paths(tmp_path: Path) -> None:
    three(tmp_path / "plates")
    listed = [tmp_path / f"plates/train/images/train{i}.jpg" for i in range(5)]
    root = tmp_path / "divided"
    write(root / "train.txt", "".join(f"{path}\n" for path in listed))
    write(root / "data.yaml", f"path: {root}\ntrain: {root}/train.txt\nnames: [plate]\n")
    # Something of the same name that a run has left inside is not meant.
    photo(root / "train0.jpg")
    for named in (root, root / "data.yaml"):
        assert [one.image for one in open_dataset(named).load("train").samples] == listed
    # But the dataset itself, where a copy of it lies inside.
    pairs(root / "train/images", root / "train/labels", "train", 5)
    found = [one.image for one in open_dataset(root).load("train").samples]
    assert found == [root / f"train/images/train{i}.jpg" for i in range(5)]


def test_the_folder_of_one_split_is_that_split(tmp_path: Path) -> None:
    three(tmp_path)
    write(tmp_path / "train/data.yaml", NAMED)
    assert counts(tmp_path / "train") == {"train": 5}  # its neighbours are not looked at
    assert names(tmp_path / "train") == ("plate",)
    assert counts(tmp_path / "train/data.yaml") == WHOLE  # but the file says where they are


def test_links_inside_are_followed(tmp_path: Path) -> None:
    three(tmp_path / "plates")
    root = tmp_path / "linked"
    root.mkdir()
    for split in SPLITS:
        (root / split).symlink_to(tmp_path / "plates" / split)
    write(root / "data.yaml", NAMED)
    assert counts(root) == WHOLE


PARTS = st.sampled_from(["..", ".", "plates", "secret", "train", "images", "a.jpg", "C:", ""])


@given(parts=st.lists(PARTS, max_size=6), start=st.sampled_from(["", "/", "{}/", "\\", "~/"]))
@examples(300)
def test_no_path_leads_out(made: Path, parts: list[str], start: str) -> None:
    tree = Tree(made / "plates")
    text = start.format(made) + "/".join(parts)
    for written in (text, text.replace("/", "\\")):
        found = tree.find(written, (tree.root, tree.root / "train"), Path.exists)
        assert found is None or found.is_relative_to(tree.root)
        picture = tree.find_image(written, (tree.root,))
        absolute = Path(written.replace("\\", "/")).is_absolute()
        assert picture is None or absolute or picture.is_relative_to(tree.root)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("outside")
    for place in ("plates/train/images", "secret/train/images", "secret", "images", "plates"):
        photo(root / place / "a.jpg")
    return root


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/content/a/train/images", "train/images"),
        ("../a/train/images", "train/images"),
        ("D:/a/TRAIN/Images", "train/images"),
        ("/content/val/images", None),  # of another split
        ("/content/images", "deep/images"),  # the only one of no split
        ("/content/plates/deep/images", "deep/images"),
        ("/content/train", "train"),
        ("/content/none", None),
        ("/", None),
        ("..", None),
        ("", "."),
    ],
)
def test_the_last_parts_of_a_folder(tmp_path: Path, text: str, wanted: str | None) -> None:
    for place in ("train/images", "deep/images"):
        photo(tmp_path / place / "a.jpg")
    found = Tree(tmp_path).find(text, (tmp_path,), Path.is_dir)
    assert found == (None if wanted is None else tmp_path / wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("data/obj/a.jpg", "x/obj/a.jpg"),  # the longest match
        ("data\\obj\\A.JPG", "x/obj/a.jpg"),
        ("/content/gone/a.jpg", "a.jpg"),  # the least deep
        ("/content/gone/b.jpg", "y/b.jpg"),
        ("/content/gone/c.jpg", None),  # two of them, equally deep
        ("/content/y/c.jpg", "y/c.jpg"),
        ("/content/valid/d.jpg", None),  # it is in train
        ("/content/train/d.jpg", "train/d.jpg"),
        ("/content/gone/e.jpg", None),
    ],
)
def test_the_last_parts_of_an_image(tmp_path: Path, text: str, wanted: str | None) -> None:
    for place in ("a", "x/obj/a", "y/b", "x/c", "y/c", "train/d", "runs/e"):
        photo(tmp_path / f"{place}.jpg")
    found = Tree(tmp_path).find_image(text, (tmp_path,))
    assert found == (None if wanted is None else tmp_path / wanted)


# Darknet and CVAT


def test_darknet(tmp_path: Path) -> None:
    pairs(tmp_path / "data/obj", tmp_path / "data/obj", "a", 8)
    about = "classes= 1\ntrain  = build\\darknet\\x64\\data\\train.txt\n"
    about += "valid  = data/valid.txt\nnames = data/plates.names\nbackup = backup/\n"
    write(tmp_path / "data/obj.data", about)
    write(tmp_path / "data/plates.names", "plate\n")
    foreign = ("data/obj/", "build/darknet/x64/data/obj/", "C:\\darknet\\data\\obj\\", "/x/obj/")
    lines = [f"{foreign[i % 4]}a{i}.jpg\n" for i in range(8)]
    write(tmp_path / "data/train.txt", "".join(lines[:6]))
    write(tmp_path / "data/valid.txt", "".join(lines[6:]))
    assert counts(tmp_path) == {"train": 6, "val": 2}
    assert names(tmp_path) == ("plate",)
    assert agree(tmp_path) is None
    write(tmp_path / "data/obj.data", about.replace("classes= 1", "classes = 80"))
    assert [one[:2] for one in notes(tmp_path)] == [("class-count", 1)]
    assert names(tmp_path) == ("plate",)


def test_roboflow_for_darknet(tmp_path: Path) -> None:
    for split, count in SPLITS.items():
        pairs(tmp_path / split, tmp_path / split, split, count)
        write(tmp_path / split / "_darknet.labels", "plate\n")
    assert counts(tmp_path) == WHOLE
    assert names(tmp_path) == ("plate",)
    assert codes(tmp_path) == []


def cvat(root: Path, images: int) -> Path:
    for i in range(6):
        write(root / f"obj_train_data/a{i}.txt", BOX)
        if i < images:
            photo(root / f"obj_train_data/a{i}.jpg")
    write(root / "obj.names", "plate\n")
    write(root / "obj.data", "classes = 1\ntrain = data/train.txt\nnames = data/obj.names\n")
    write(root / "train.txt", "".join(f"data/obj_train_data/a{i}.jpg\n" for i in range(6)))
    return root


def test_cvat(tmp_path: Path) -> None:
    cvat(tmp_path, 6)
    assert counts(tmp_path) == {"train": 6}
    assert (names(tmp_path), codes(tmp_path)) == (("plate",), [])


def test_cvat_without_images_says_once_where_it_looked(tmp_path: Path) -> None:
    cvat(tmp_path, 0)
    error = refused(tmp_path)
    assert error.path == tmp_path / "train.txt"
    assert "none of its 6 images" in error.reason
    assert "'data/obj_train_data/a0.jpg'" in error.reason
    assert str(tmp_path) in error.reason
    assert "into obj_train_data/" in error.hint
    assert [code for _, code in codes(tmp_path)].count("no-image") == 1
    assert agree(tmp_path) is not None


def test_cvat_with_some_images(tmp_path: Path) -> None:
    cvat(tmp_path, 4)
    splits = trained(tmp_path)  # labels without images are warnings
    assert len(splits.train) + len(splits.val) == 4
    assert codes(tmp_path) == [("warning", "no-image")] * 2
    assert agree(tmp_path) is None


def test_an_image_that_is_listed_and_nowhere_is_an_error(tmp_path: Path) -> None:
    cvat(tmp_path, 6)
    with (tmp_path / "train.txt").open("a", encoding="utf-8") as file:
        file.write("data/obj_train_data/gone.jpg\n")
    error = refused(tmp_path)
    assert (error.path, error.line) == (tmp_path / "train.txt", 7)
    assert f"no gone.jpg in {tmp_path}" in error.reason
    assert agree(tmp_path) is not None
    (tmp_path / "obj_train_data").rename(tmp_path / "train")
    write(tmp_path / "train.txt", "valid/a0.jpg\ntrain/a1.jpg\n")
    (tmp_path / "train/a0.txt").unlink()
    assert "but a0.jpg in train" in refused(tmp_path).reason


def test_labelled_images_beside_listed_ones_are_of_the_dataset(tmp_path: Path) -> None:
    """Else the folder alone, without the names of the classes, would be the fuller reading."""
    cvat(tmp_path, 6)
    write(tmp_path / "train.txt", "data/obj_train_data/a0.jpg\ndata/obj_train_data/a1.jpg\n")
    assert counts(tmp_path) == {"train": 2}
    assert names(tmp_path) == ("plate",)
    assert len(open_dataset(tmp_path).load(None)) == 6
    assert codes(tmp_path) == [("info", "image-unlisted")]


def test_lists_of_which_nothing_is_there(tmp_path: Path) -> None:
    cvat(tmp_path, 6)
    write(tmp_path / "train.txt", "gone/b0.jpg\ngone/b1.jpg\n")
    assert counts(tmp_path) == {}  # the folders decide
    assert names(tmp_path) == ("plate",)
    assert len(open_dataset(tmp_path).load(None)) == 6
    assert notes(tmp_path) == [
        (
            "split-missing",
            2,
            f"train: no image of {tmp_path}/train.txt is there; train is left out",
        )
    ]


def test_a_split_that_the_yaml_does_not_name(tmp_path: Path) -> None:
    three(tmp_path)
    write(tmp_path / "data.yaml", NAMED.replace("test: ../test/images\n", ""))
    assert counts(tmp_path) == WHOLE  # the folders decide
    assert counts(tmp_path / "data.yaml") == {"train": 5, "val": 3}  # the file is meant


def test_cvat_for_ultralytics(tmp_path: Path) -> None:
    pairs(tmp_path / "images/train", tmp_path / "labels/train", "a", 5)
    write(tmp_path / "data.yaml", "names:\n  0: plate\npath: .\ntrain: train.txt\n")
    lines = "".join(f"data/images/train/a{i}.jpg\n" for i in range(5))
    write(tmp_path / "train.txt", lines)
    assert counts(tmp_path) == {"train": 5}
    assert names(tmp_path) == ("plate",)


# Labels and images that are apart


def test_labels_that_lie_in_another_split(tmp_path: Path) -> None:
    three(tmp_path)
    write(tmp_path / "data.yaml", NAMED)
    for i in range(2):
        (tmp_path / f"valid/labels/valid{i}.txt").rename(tmp_path / f"test/labels/valid{i}.txt")
        (tmp_path / f"test/labels/test{i}.txt").rename(tmp_path / f"valid/labels/test{i}.txt")
    found = [
        (one.spot.path.relative_to(tmp_path).as_posix(), one.severity, one.message)
        for one in check_dataset(tmp_path, input_size=448).findings
        if one.code == "label-misplaced"
    ]
    valid = "no image for it in test: its image is in val, {}/valid/images/valid{}.jpg"
    test = "no image for it in valid: its image is in test, {}/test/images/test{}.jpg"
    assert found == [
        ("test/labels/valid0.txt", "warning", valid.format(tmp_path, 0)),
        ("test/labels/valid1.txt", "warning", valid.format(tmp_path, 1)),
        ("valid/labels/test0.txt", "warning", test.format(tmp_path, 0)),
        ("valid/labels/test1.txt", "warning", test.format(tmp_path, 1)),
    ]
    assert agree(tmp_path) is None
    assert counts(tmp_path) == WHOLE


def test_the_same_name_in_two_splits_is_no_exchange(tmp_path: Path) -> None:
    three(tmp_path)
    write(tmp_path / "valid/labels/train0.txt", BOX)  # train0.jpg has a label of its own
    assert codes(tmp_path) == [("warning", "no-image")]


def test_plots_without_labels_are_no_data(tmp_path: Path) -> None:
    pairs(tmp_path, tmp_path, "a", 4)
    write(tmp_path / "classes.txt", "plate\n")
    for name in ("results.png", "runs/train/exp/a9.jpg", "PR_curve.png"):
        photo(tmp_path / name)
    folder = open_dataset(tmp_path)
    assert sorted(one.id for one in folder.load(None).samples) == ["a0", "a1", "a2", "a3"]
    write(tmp_path / "results.txt", BOX)  # with a label it is one
    assert len(open_dataset(tmp_path).load(None)) == 5
    write(tmp_path / "train.txt", "a0.jpg\nPR_curve.png\n")  # and where it is listed
    data = open_dataset(tmp_path).load("train")
    assert [one.image.name for one in data.samples] == ["a0.jpg", "PR_curve.png"]


# Damage


def roboflow(root: Path) -> None:
    write(three(root) / "data.yaml", NAMED)


def damage_yaml(root: Path) -> None:
    roboflow(root)
    write(root / "data.yaml", NAMED[:-4])


def damage_nested(root: Path) -> None:
    three(root)
    write(root / "train/data.yaml", "names: [a\nb: c: d")


def damage_list(root: Path) -> None:
    cvat(root, 6)
    (root / "train.txt").write_bytes(b"a.jpg\n\xff\xfe\x00garbage")


def damage_names(root: Path) -> None:
    cvat(root, 6)
    (root / "obj.names").write_bytes(bytes(range(128, 256)))


@pytest.mark.parametrize(
    ("damage", "file"),
    [
        (damage_yaml, "data.yaml"),
        (damage_nested, "train/data.yaml"),
        (damage_list, "train.txt"),
        (damage_names, "obj.names"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Path], None], file: str) -> None:
    damage(tmp_path)
    error = refused(tmp_path)
    assert error.path == tmp_path / file
    assert error.line
    assert agree(tmp_path) is not None


def test_an_obj_data_of_something_else_is_no_description(tmp_path: Path) -> None:
    cvat(tmp_path, 6)
    for content in (b"\x89HDF\r\n\x1a\n\xff\x00", b"a,b,c\n1,2,3\n", b""):
        (tmp_path / "obj.data").write_bytes(content)
        assert counts(tmp_path) == {"train": 6}  # by train.txt
        assert names(tmp_path) == ("plate",)


def test_labels_of_dota_are_named(tmp_path: Path) -> None:
    pairs(tmp_path / "images", tmp_path / "labels", "a", 1)
    write(tmp_path / "labels/a0.txt", "10 10 50 10 50 40 10 40 plane 0\n")
    write(tmp_path / "classes.txt", "plate\n")
    assert "DOTA" in refused(tmp_path).reason
