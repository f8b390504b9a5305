from __future__ import annotations

from pathlib import Path

import pytest

from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats.scan import LabelledImage
from yolo_cli.data.sample import Dataset
from yolo_cli.errors import UserError

from .builders import boxes, coco, image, load, voc, voc_object, voc_xml, write

LINES = "tvmonitor 2 10 173 238\ntraffic light 5.5 6 7 8 difficult\n"


def labels_only(root: Path, **options: object) -> Dataset:
    return open_dataset(root, images=False, **options).load(None)  # type: ignore[arg-type]


def refused(root: Path, *, images: bool = False, wanted: str | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        open_dataset(root, format=wanted, images=images).load(None)
    assert "\n" not in caught.value.message
    assert "\n" not in caught.value.hint
    return caught.value


@pytest.mark.parametrize("folder", ["ground-truth", "groundtruths", "Ground_Truth", "labels", "."])
def test_corners_are_inside_the_box_as_in_voc(tmp_path: Path, folder: str) -> None:
    write(tmp_path / folder / "2007_000027.txt", LINES)
    write(tmp_path / folder / "empty.txt", "\n")
    data = labels_only(tmp_path)
    assert (data.format, data.split) == ("text", "all")
    assert data.classes == ("traffic light", "tvmonitor")
    first, second = data.samples
    assert (first.id, first.width, first.height) == ("2007_000027", 0, 0)
    # The first and the last pixel count: [left - 1, top - 1, right, bottom].
    assert first.boxes.tolist() == [[1, 9, 173, 238], [4.5, 5, 7, 8]]
    assert first.labels.tolist() == [1, 0]
    assert first.difficult.tolist() == [False, True]
    assert first.area.tolist() == [172 * 229, 2.5 * 3]
    assert (second.id, len(second)) == ("empty", 0)


def test_images_give_the_size_and_are_needed_to_train(tmp_path: Path) -> None:
    image(tmp_path / "images-optional/a.png")
    write(tmp_path / "ground-truth/a.txt", "cat 11 21 50 60\n")
    for data in (load(tmp_path), labels_only(tmp_path)):
        sample = data.samples[0]
        assert (sample.width, sample.height, sample.image.name) == (100, 80, "a.png")
        assert sample.boxes.tolist() == [[10, 20, 50, 60]]
    write(tmp_path / "ground-truth/b.txt", "cat 1 2 3 4\n")
    assert list(boxes(load(tmp_path))) == ["a"]  # a label without its image is a warning
    assert len(labels_only(tmp_path)) == 2
    (tmp_path / "images-optional/a.png").unlink()
    error = refused(tmp_path, images=True)
    assert error.message.startswith(f"{tmp_path}/ground-truth: no image for any of 2 labels")
    assert f"{tmp_path}/images-optional" in error.message
    assert f"{tmp_path}/images-optional" in error.hint


def test_plots_beside_text_files_are_no_data(tmp_path: Path) -> None:
    for name in ("a", "curves", "runs/b"):
        image(tmp_path / f"images/{name}.png")
    write(tmp_path / "ground-truth/a.txt", "cat 11 21 50 60\n")
    assert list(boxes(load(tmp_path))) == ["a"]
    found = open_dataset(tmp_path).reader.scan(None)
    assert [one.id for one in found if isinstance(one, LabelledImage)] == ["a"]


@pytest.mark.parametrize(
    ("line", "name", "difficult"),
    [
        ("cat 1 2 3 4", "cat", False),
        ("cat 1 2 3 4 0", "cat", False),
        ("cat 1 2 3 4 1", "cat", True),
        ("cat 1 2 3 4 Difficult", "cat", True),
        ("a cat 1 2 3 1 ", "a cat", False),  # not [a cat] [1 2 3] 1
        ("7 1 2 3 4 1", "7", True),
        ("\u200fقط 1 2 3 4", "\u200fقط", False),
    ],
)
def test_the_end_of_a_line(tmp_path: Path, line: str, name: str, difficult: bool) -> None:
    write(tmp_path / "a.txt", line.replace("2 3 1", "0 3 1"))
    data = labels_only(tmp_path, format="text")
    assert data.classes == (name,)
    assert data.samples[0].difficult.tolist() == [difficult]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cat 1 2 3", "left top right bottom"),
        ("1 2 3 4", "left top right bottom"),
        ("cat 1 2 x 4", "left top right bottom"),
        ("cat .9 1 2 3 4", "score"),
        ("cat 10 20 5 40", "swapped"),
        ("cat 10 20 10 40 difficult 1", "left top right bottom"),
        ("cat nan 2 3 4", "not finite"),
        ("cat 1 2 inf 4", "not finite"),
        ("cat 1 2 1e300 4", "outside of any image"),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path / "a.txt", f"cat 1 2 3 4\n\n{line}\n")
    error = refused(tmp_path, wanted="text")
    assert error.message.startswith(f"{tmp_path / 'a.txt'}:3: ")
    assert message in error.message
    data = labels_only(tmp_path, format="text", skip_bad=True)
    assert boxes(data) == {"a": [[0, 1, 3, 4]]}
    assert len(data.skipped) == 1


@pytest.mark.parametrize("line", ["0 .5 .5 .2 .2", "0 100 100 20 20", "cat .1 .1 .2 .2"])
def test_what_may_be_yolo_is_not_recognised(tmp_path: Path, line: str) -> None:
    write(tmp_path / "labels/a.txt", line)
    image(tmp_path / "images/a.jpg")
    assert open_dataset(tmp_path).format == "yolo"
    assert open_dataset(tmp_path, format="text").format == "text"


def test_words_and_pixels_beside_images_are_no_yolo(tmp_path: Path) -> None:
    write(tmp_path / "labels/a.txt", "cat 11 21 50 60")
    image(tmp_path / "images/a.jpg")
    assert boxes(load(tmp_path)) == {"a": [[10, 20, 50, 60]]}


def test_numbered_classes_are_in_their_order(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "".join(f"{name} 1 2 3 4\n" for name in (10, 9, 0)))
    assert labels_only(tmp_path, format="text").classes == ("0", "9", "10")


def test_voc_without_images(tmp_path: Path) -> None:
    cat = voc_object("cat", 11, 21, 50, 60)
    size = ("<width>7</width><height>7</height>", "<width>90</width><height>70</height>")
    voc(tmp_path, {"a": voc_xml(cat).replace(*size), "b": voc_xml(cat)}, {"val": ["a"]})
    for path in (tmp_path / "JPEGImages").iterdir():
        path.unlink()
    for remove in (False, True):
        if remove:
            (tmp_path / "JPEGImages").rmdir()
        folder = open_dataset(tmp_path, images=False)
        assert folder.splits == ("val",)
        sample = folder.load("val").samples[0]
        assert (sample.id, sample.width, sample.height) == ("a", 90, 70)
        assert sample.boxes.tolist() == [[10, 20, 50, 60]]
        with pytest.raises(UserError, match="leaves the image of 7 x 7"):
            folder.load(None)
    with pytest.raises(UserError):
        open_dataset(tmp_path).load("val")


@pytest.mark.parametrize("size", ["", "<width>0</width><height>0</height>", "<width>x</width>"])
def test_voc_without_images_and_sizes(tmp_path: Path, size: str) -> None:
    text = voc_xml(voc_object("cat", 11, 21, 5000, 60))
    stated = "<width>7</width><height>7</height>"
    for split in ("train", "val"):
        write(tmp_path / f"Annotations/{split}/a.xml", text.replace(stated, size))
    folder = open_dataset(tmp_path, images=False)
    assert folder.splits == ("train", "val")
    sample = folder.load("val").samples[0]
    assert (sample.id, sample.width, sample.height) == ("val/a", 0, 0)
    assert sample.boxes.tolist() == [[10, 20, 5000, 60]]


def test_coco_without_images(tmp_path: Path) -> None:
    item = {"id": 1, "image_id": 139, "category_id": 18, "bbox": [1, 2, 30, 40]}
    text = coco([(139, "a.jpg"), (7, "b.jpg")], [item], {18: "dog", 1: "person", 90: "dog"})
    path = write(tmp_path / "instances_val.json", text.replace('"width": 100', '"width": "?"', 1))
    for root in (tmp_path, path):
        data = labels_only(root)
        assert data.category_ids == {1: 0, 18: 1, 90: 1}
        assert [(one.key, one.width, one.height) for one in data.samples] == [
            (139, 0, 0),
            (7, 100, 80),
        ]
    assert "none of its images" in refused(tmp_path, images=True).message


def test_yolo_cannot_do_without_images(tmp_path: Path) -> None:
    write(tmp_path / "labels/val/a.txt", "0 .5 .5 .2 .2\n")
    error = refused(tmp_path)
    assert "YOLO labels without images" in error.message
    assert "images/" in error.hint
