"""Of all that could be read in a folder the fullest reading is taken, and the rest is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.builders import CAT, image, voc, voc_xml, write
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats import tree
from yolo_cli.errors import UserError


def yolo_folder(root: Path, count: int, *, prefix: str = "y") -> Path:
    for index in range(count):
        image(root / "images" / f"{prefix}{index}.jpg")
        write(root / "labels" / f"{prefix}{index}.txt", "0 0.5 0.5 0.2 0.2\n")
    return root


def coco_file(path: Path, names: list[str], category: str = "dog") -> Path:
    images = [{"id": i, "file_name": name} for i, name in enumerate(names)]
    box = {"category_id": 1, "bbox": [1, 2, 30, 40]}
    annotations = [{"id": i, "image_id": i, **box} for i in range(len(names))]
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": category}],
    }
    return write(path, json.dumps(content))


def test_a_foreign_xml_does_not_hide_a_coco_file(tmp_path: Path) -> None:
    names = [f"{i}.jpg" for i in range(12)]
    for name in names:
        image(tmp_path / name)
    write(tmp_path / "notes.xml", "<something><else/></something>")
    coco_file(tmp_path / "instances.json", names)
    folder = open_dataset(tmp_path)
    assert folder.format == "coco"
    data = folder.load(None)
    assert len(data) == 12
    assert data.classes == ("dog",)


def test_demo_pictures_do_not_hide_the_dataset(tmp_path: Path) -> None:
    for index in range(3):
        image(tmp_path / "images" / f"demo{index}.jpg")
    voc(tmp_path / "data", {f"a{i}": voc_xml(CAT) for i in range(5)})
    folder = open_dataset(tmp_path)
    assert folder.format == "voc"
    assert len(folder.load(None)) == 5
    assert folder.note == "read data (voc): 5 labelled images; found and not used: 3 other images"


def test_the_fullest_of_two_datasets_is_read_and_the_other_is_named(tmp_path: Path) -> None:
    voc(tmp_path / "old", {f"a{i}": voc_xml(CAT) for i in range(2)})
    yolo_folder(tmp_path / "new", 3)
    folder = open_dataset(tmp_path)
    assert (folder.format, len(folder.load(None))) == ("yolo", 3)
    assert folder.note == (
        "read new (yolo): 3 labelled images; found and not used: old (voc): 2 labelled images"
    )


def test_named_classes_break_the_tie(tmp_path: Path) -> None:
    yolo_folder(tmp_path / "a", 2)
    voc(tmp_path / "b", {f"a{i}": voc_xml(CAT) for i in range(2)})
    assert open_dataset(tmp_path).format == "voc"


def test_equal_claims_are_both_named(tmp_path: Path) -> None:
    yolo_folder(tmp_path / "a", 2)
    yolo_folder(tmp_path / "b", 2)
    with pytest.raises(UserError, match="two datasets with 2 labelled images each") as caught:
        open_dataset(tmp_path)
    assert "a (yolo) and b (yolo)" in caught.value.message
    assert caught.value.hint == f"say which: {tmp_path / 'a'} or {tmp_path / 'b'}"
    assert len(open_dataset(tmp_path / "a").load(None)) == 2


def test_two_labels_of_the_same_images(tmp_path: Path) -> None:
    """Many tools write both; neither is more than the other, and the order of formats decides."""
    for index in range(3):
        image(tmp_path / f"{index}.jpg")
        write(tmp_path / f"{index}.xml", voc_xml(CAT))
    coco_file(tmp_path / "labels.json", [f"{i}.jpg" for i in range(3)], "cat")
    folder = open_dataset(tmp_path)
    assert folder.format == "voc"
    assert folder.note == (
        "read voc: 3 labelled images; found and not used: coco for 3 of these images"
    )
    assert open_dataset(tmp_path, format="coco").format == "coco"


def test_more_labelled_images_win_in_one_folder(tmp_path: Path) -> None:
    for index in range(3):
        image(tmp_path / f"{index}.jpg")
    write(tmp_path / "0.xml", voc_xml(CAT))
    coco_file(tmp_path / "labels.json", [f"{i}.jpg" for i in range(3)], "cat")
    assert open_dataset(tmp_path).format == "coco"


def test_what_a_training_left_behind_is_no_data(tmp_path: Path) -> None:
    root = yolo_folder(tmp_path, 3)
    for name in ("results.png", "confusion_matrix.png", "val_batch0_pred.jpg"):
        image(root / name)
    yolo_folder(root / "runs" / "train", 9)
    folder = open_dataset(root)
    assert len(folder.load(None)) == 3
    assert not folder.note


def test_broken_labels_do_not_make_another_reading_win(tmp_path: Path) -> None:
    """Three broken files are still more of a dataset than one sound one."""
    voc(tmp_path, {f"a{i}": voc_xml("<object><name>cat</name></object>") for i in range(3)})
    yolo_folder(tmp_path / "extra", 1)
    assert open_dataset(tmp_path).format == "voc"


def test_a_broken_description_is_an_error_not_a_smaller_dataset(tmp_path: Path) -> None:
    yolo_folder(tmp_path / "train", 3)
    write(tmp_path / "data.yaml", "names: [cat\n")
    with pytest.raises(UserError, match="broken YAML"):
        open_dataset(tmp_path)


def test_a_tree_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_FILES", 5)
    root = yolo_folder(tmp_path, 3)
    with pytest.raises(UserError, match="more than 5 files") as caught:
        open_dataset(root)
    assert "--format" in caught.value.hint
    assert len(open_dataset(root, format="yolo").load(None)) == 3


def test_circular_links(tmp_path: Path) -> None:
    root = yolo_folder(tmp_path / "data", 2)
    (root / "loop").symlink_to(root)
    assert len(open_dataset(root).load(None)) == 2


@pytest.mark.parametrize(
    ("files", "reason", "hint"),
    [
        (["a.jpg", "b.jpg"], "2 images, but no labels", "yolo detect"),
        (["data.zip"], "1 archive, but no image", "unpack"),
        (["a.xml", "b.xml"], "2 XML files (a.xml: <thing>), but no image", "beside"),
        (["a.jpg", "train.tfrecord"], "1 image and 1 TFRecord file, which are not read", "COCO"),
        (
            ["a.jpg", "a.json"],
            "1 JSON file (a.json: an object with 'bar', 'foo') that are no known labels",
            "README",
        ),
        (
            ["images/a.jpg", "SegmentationObject/a.jpg"],
            "1 image and 1 mask, but no boxes",
            "in masks/",
        ),
        (["a.jpg", "label_2/a.txt"], "1 TXT file (a.txt: KITTI's", "export"),
        (["a.jpg", "a.csv"], "1 CSV file (a.csv: begins with 'time,value')", "README"),
    ],
)
def test_a_refusal_names_what_is_there(
    tmp_path: Path, files: list[str], reason: str, hint: str
) -> None:
    content = {
        ".xml": "<?xml version='1.0'?><thing/>",
        ".json": '{"foo": 1, "bar": [2]}',
        ".csv": "time,value\n1,2\n",
        ".txt": "Car 0.0 0 -1.5 600 150 630 190 1.6 1.5 3.7 1.0 1.7 47.5 -1.5\n",
    }
    for name in files:
        path = tmp_path / "some" / name
        if path.suffix == ".jpg":
            image(path)
        else:
            write(path, content.get(path.suffix, "x"))
    with pytest.raises(UserError, match="not recognised as a dataset") as caught:
        open_dataset(tmp_path / "some")
    assert reason in caught.value.message
    assert hint in caught.value.hint
