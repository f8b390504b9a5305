"""Layouts that people publish, each named by what is unusual about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.builders import CAT, image, load, voc, voc_xml, write
from tests.data.test_recognise import coco_file
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import UserError

BOX = "1 0.5 0.5 0.2 0.2\n"


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("", "labels"),
        ("images", "annotations"),
        ("train_images", "train_labels"),
        ("images_train", "labels_train"),
    ],
)
def test_yolo_labels_in_other_folders(tmp_path: Path, images: str, labels: str) -> None:
    for name in ("a", "b"):
        image(tmp_path / images / f"{name}.jpg")
        write(tmp_path / labels / f"{name}.txt", BOX)
    write(tmp_path / "classes.txt", "cat\ndog\n")
    folder = open_dataset(tmp_path)
    data = folder.load(None)
    assert folder.format == "yolo"
    assert data.classes == ("cat", "dog")
    assert [sample.labels.tolist() for sample in data.samples] == [[1], [1]]
    assert not list(folder.reader.leftovers())
    assert folder.splits == (("train",) if "train" in images else ())


def test_coco_images_are_found_by_their_names(tmp_path: Path) -> None:
    names = [f"{index}.jpg" for index in range(4)]
    for index, name in enumerate(names):
        image(tmp_path / f"part{index % 2}" / name)
    image(tmp_path / "runs" / "predict" / "gone.jpg")
    coco_file(tmp_path / "annotations.json", [*names, "gone.jpg"])
    data = open_dataset(tmp_path).load(None)
    assert [sample.image.parent.name for sample in data.samples] == ["part0", "part1"] * 2
    assert not list(open_dataset(tmp_path).reader.leftovers())


def test_a_coco_image_in_the_folder_of_another_split_is_not_taken(tmp_path: Path) -> None:
    for split in ("train", "val"):
        image(tmp_path / split / f"{split}.jpg")
    image(tmp_path / "val" / "lost.jpg")
    coco_file(tmp_path / "annotations" / "train.json", ["train.jpg", "lost.jpg"])
    coco_file(tmp_path / "annotations" / "val.json", ["val.jpg"])
    folder = open_dataset(tmp_path)
    assert [sample.image.name for sample in folder.load("train").samples] == ["train.jpg"]


def test_of_two_readings_the_one_with_a_split_to_train_on_is_taken(tmp_path: Path) -> None:
    rows = ["filename,class,xmin,ymin,xmax,ymax"]
    rows += [f"{name}.jpg,cat,10,20,50,60" for name in ("a", "b")]
    write(tmp_path / "test.csv", "\n".join(rows) + "\n")
    lists = {"train": ["a"], "val": ["b"]}
    voc(tmp_path / "BCCD", {name: voc_xml(CAT) for name in ("a", "b")}, lists)
    folder = open_dataset(tmp_path)
    assert (folder.format, folder.splits) == ("voc", ("train", "val"))


def test_open_images_tables_in_a_folder_of_any_name(tmp_path: Path) -> None:
    head = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf\n"
    for split in ("train", "validation"):
        image(tmp_path / split / f"{split}0.jpg")
        row = f"{split}0,xclick,/m/01,1,0.1,0.4,0.25,0.5,0\n"
        write(tmp_path / "csv_folder" / f"{split}-annotations-bbox.csv", head + row)
    write(tmp_path / "csv_folder" / "class-descriptions-boxable.csv", "/m/01,Cat\n")
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train", "val")
    data = folder.load(None)
    assert data.classes == ("Cat",)
    assert data.samples[0].boxes.tolist() == [[10, 20, 40, 40]]


def test_one_name_without_brackets(tmp_path: Path) -> None:
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", "0 .5 .5 .2 .2\n")
    write(tmp_path / "data.yaml", "train: images\nnc: 1\nnames: number plate\n")
    assert load(tmp_path).classes == ("number plate",)
    write(tmp_path / "data.yaml", "train: images\nnc: 2\nnames: number plate\n")
    with pytest.raises(UserError, match="neither a list nor a file"):
        load(tmp_path)


def test_two_descriptions_of_the_same_classes(tmp_path: Path) -> None:
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", "0 .5 .5 .2 .2\n")
    write(tmp_path / "kaggle.yaml", "train: /kaggle/input/images\nnames: [cat]\n")
    write(tmp_path / "local.yaml", "train: images\nnames: [cat]\n")
    assert load(tmp_path).classes == ("cat",)
    write(tmp_path / "local.yaml", "train: images\nnames: [dog]\n")
    with pytest.raises(
        UserError, match=r"with other classes \(kaggle.yaml, local.yaml\)"
    ) as caught:
        load(tmp_path)
    assert str(tmp_path / "kaggle.yaml") in caught.value.hint


@pytest.mark.parametrize("names", [("图片", "标注"), ("photos", "voc_labels"), ("", "boxes")])
def test_voc_in_folders_of_any_names(tmp_path: Path, names: tuple[str, str]) -> None:
    voc(tmp_path, {"a": voc_xml(CAT), "b": voc_xml(CAT)}, folders=names)
    folder = open_dataset(tmp_path)
    assert folder.format == "voc"
    assert [len(sample) for sample in folder.load(None).samples] == [1, 1]


def test_xml_files_of_other_names_are_no_labels_of_the_images(tmp_path: Path) -> None:
    image(tmp_path / "photos/a.jpg")
    write(tmp_path / "layouts/main.xml", "<layout/>")
    with pytest.raises(UserError, match="1 XML file"):
        open_dataset(tmp_path)


def test_voc_in_a_folder_for_each_class(tmp_path: Path) -> None:
    for kind, names in (("cats", "ab"), ("dogs", "abc")):
        for name in names:
            image(tmp_path / kind / f"{name}.jpg")
            write(tmp_path / kind / f"{name}.xml", voc_xml(CAT))
    folder = open_dataset(tmp_path)
    assert [sample.id for sample in folder.load(None).samples] == [
        *("cats/a", "cats/b", "dogs/a", "dogs/b", "dogs/c")
    ]
    assert not folder.note
