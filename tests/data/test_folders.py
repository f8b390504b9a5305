"""A folder a class, as classifiers have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from yolo_cli.data.check.check import check_dataset
from yolo_cli.data.check.divide import divide, write_division
from yolo_cli.data.dataset import DatasetFolder, open_dataset
from yolo_cli.data.formats.scan import LabelledImage
from yolo_cli.data.splits import training_splits
from yolo_cli.errors import UserError


def make(root: Path, *names: str) -> Path:
    for index, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".jpg"):
            Image.new("RGB", (20 + index, 10), (index * 20, 0, 99)).save(path)
        else:
            path.write_text("")
    return root


def labels(folder: DatasetFolder, split: str | None) -> dict[str, str]:
    data = folder.load(split)
    return {one.id: data.classes[one.labels[0]] for one in data.samples}


def test_folders_with_splits(tmp_path: Path) -> None:
    make(tmp_path, "train/cat/a.png", "train/dog/a.png", "train/dog/more/b.jpg", "valid/cat/c.png")
    folder = open_dataset(tmp_path)
    assert (folder.format, folder.task) == ("folders", "classify")
    assert folder.splits == ("train", "val")
    assert folder.classes == ("cat", "dog")
    assert labels(folder, "train") == {
        "train/cat/a": "cat", "train/dog/a": "dog", "train/dog/more/b": "dog",
    }  # fmt: skip
    assert labels(folder, "val") == {"valid/cat/c": "cat"}
    sample = folder.load("val").samples[0]
    assert sample.boxes.tolist() == [[0, 0, 23, 10]]  # the whole image, the fourth that was made


def test_folders_without_splits_are_divided(tmp_path: Path) -> None:
    make(tmp_path, *(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(5)))
    folder = open_dataset(tmp_path)
    assert not folder.splits
    parts = training_splits(folder, train=None, val=None, seed=0)
    assert (len(parts.train), len(parts.val)) == (8, 2)
    assert {one.labels[0] for one in parts.val.samples} == {0, 1}  # each class alike
    assert parts.train.task == "classify"


def test_folders_in_the_only_folder(tmp_path: Path) -> None:
    make(tmp_path, "archive/images/cat/a.png", "archive/images/dog/b.png", "archive/images/x.txt")
    assert open_dataset(tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize(
    "names",
    [
        ("images/a.png", "masks/a.png"),
        ("images/train/a.png", "images/val/b.png"),
        ("JPEGImages/a.png", "SegmentationClass/a.png"),
        ("holiday/a.png",),
        ("a.png", "b.png"),
    ],
)
def test_what_is_no_folder_a_class(tmp_path: Path, names: tuple[str, ...]) -> None:
    make(tmp_path, *names)
    with pytest.raises(UserError):
        assert open_dataset(tmp_path).format != "folders"
        raise UserError("read as another format")


def test_boxes_say_more_than_folders(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "dog/b.png")
    (tmp_path / "cat/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "classes.txt").write_text("cat\n")
    assert open_dataset(tmp_path).task == "detect"
    assert open_dataset(tmp_path, task="classify").classes == ("cat", "dog")


def test_for_another_task(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "dog/b.png")
    with pytest.raises(UserError, match=r"a dataset to classify \(folders\), not to detect"):
        open_dataset(tmp_path, task="detect")
    with pytest.raises(UserError, match="--format folders: such a dataset is to classify"):
        open_dataset(tmp_path, format="folders", task="detect")


def test_an_empty_folder(tmp_path: Path) -> None:
    make(tmp_path, "train/cat/a.png", "train/dog/b.png")
    (tmp_path / "train/emu").mkdir()
    with pytest.raises(UserError, match="no image of class 'emu'") as caught:
        open_dataset(tmp_path).load("train")
    assert caught.value.path == tmp_path / "train/emu"
    assert "put images into it, or remove the folder" in caught.value.hint
    assert [one.code for one in check_dataset(tmp_path, input_size=448).findings] == [
        "class-empty",
        "class-unused",
    ]


def test_one_class_alone(tmp_path: Path) -> None:
    make(tmp_path, "train/cat/a.png", "train/cat/b.png")
    with pytest.raises(UserError, match="'cat' is the only class") as caught:
        open_dataset(tmp_path).load("train")
    assert caught.value.path == tmp_path / "train"
    assert "another folder of" in caught.value.hint
    assert "--skip-bad" not in caught.value.hint
    with pytest.raises(UserError, match="'cat' is the only class"):
        open_dataset(tmp_path, skip_bad=True).load("train")
    codes = [one.code for one in check_dataset(tmp_path, input_size=448).findings]
    assert codes == ["class-alone"]


def test_what_check_finds(tmp_path: Path) -> None:
    make(
        tmp_path,
        *(
            f"{split}/{name}/{i}.png"
            for split in ("train", "val")
            for name in ("cat", "dog")
            for i in range(2)
        ),
    )
    (tmp_path / "train/cat/broken.jpg").write_bytes(b"no image")
    copied = (tmp_path / "train/dog/0.png").read_bytes()
    (tmp_path / "val/dog/copy.png").write_bytes(copied)
    make(tmp_path, "train/stray.png")
    report = check_dataset(tmp_path, input_size=448)
    found = {one.code: one.spot.path for one in report.findings}
    assert found["image-unreadable"] == tmp_path / "train/cat/broken.jpg"
    assert {"leak", "image-unlisted"} <= found.keys()
    assert not [one for one in found if one.startswith("box")]
    assert (report.task, report.images) == ("classify", 10)
    assert report.counts.total == {"cat": 5, "dog": 5}
    assert not any(report.ceilings.values())


def test_a_division_is_written_as_links(tmp_path: Path) -> None:
    data = make(tmp_path / "data", *(f"{c}/{i}.png" for c in ("cat", "dog") for i in range(5)))
    report = check_dataset(data, input_size=448)
    out = tmp_path / "out"
    write_division(report, divide(report, (0.6, 0.4), 0), out)
    folder = open_dataset(out)
    assert folder.splits == ("train", "val")
    assert len(folder.load("train")) == 6
    images = [one for one in folder.reader.scan(None) if isinstance(one, LabelledImage)]
    assert all(one.path.is_symlink() and one.path.is_file() for one in images)
