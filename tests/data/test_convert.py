from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools.coco import COCO  # type: ignore[import-untyped]
from torchvision.datasets import ImageFolder, VOCDetection

from tests.data.builders import coco, image, load, voc, voc_object, voc_xml, write
from tests.data.check.builders import IMAGES, make_coco, make_text, make_voc, make_yolo, report
from yolo_cli.data.convert.convert import Converted, convert
from yolo_cli.data.convert.staging import PARTIAL
from yolo_cli.data.convert.target import Images, Job
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats.scan import LabelledImage
from yolo_cli.data.sample import Dataset
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import LOCK

TARGETS = ("voc", "yolo", "coco")
BOX = [10.0, 20.0, 50.0, 60.0]  # of voc_object("…", 11, 21, 50, 60)


def converted(root: Path, to: str, out: Path, images: Images = "copy", **options: str) -> Converted:
    split = options.get("split")
    return convert(open_dataset(root), to, out, images=images, split=split)


def rounded(data: Dataset) -> dict[str, list[list[float]]]:
    """Boxes by id, without the rounding of floating-point numbers."""
    return {sample.id: sample.boxes.round(6).tolist() for sample in data.samples}


def files(root: Path) -> list[str]:
    paths = (path for path in root.rglob("*") if not path.is_dir())
    return sorted(path.relative_to(root).as_posix() for path in paths)


def object_xml(name: str = "cat", **options: object) -> str:
    return voc_xml(voc_object(name, 11, 21, 50, 60, **options))  # type: ignore[arg-type]


def split_folders(root: Path, names: dict[str, str]) -> Path:
    """YOLO as Roboflow exports it; each letter of a split is an image of one cat."""
    for split, letters in names.items():
        for letter in letters:
            image(root / split / f"images/{letter}.jpg")
            write(root / split / f"labels/{letter}.txt", "0 .3 .5 .4 .5\n")
    lines = "".join(f"{split}: {split}/images\n" for split in names)
    write(root / "data.yaml", f"names: [cat]\n{lines}")
    return root


# --- layouts, as other programs expect them -----------------------------------------------------


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two images with three objects, and one of background, in two splits."""
    annotations = {
        "a": voc_xml(
            voc_object("dog", 11, 21, 50, 60, difficult=1), voc_object("a cat", 1, 1, 100.5, 80)
        ),
        "b": object_xml("dog"),
        "c": voc_xml(),
    }
    return voc(tmp_path / "data", annotations, {"train": "ac", "val": "b"})


def test_voc(mixed: Path, tmp_path: Path) -> None:
    done = converted(mixed, "voc", tmp_path / "out")
    assert files(tmp_path / "out") == [
        *("Annotations/a.xml", "Annotations/b.xml", "Annotations/c.xml"),
        *("ImageSets/Main/train.txt", "ImageSets/Main/val.txt"),
        *("JPEGImages/a.jpg", "JPEGImages/b.jpg", "JPEGImages/c.jpg"),
    ]
    assert done.notes == ()
    assert (done.images, done.background, done.objects) == (3, 1, 3)
    assert done.splits == {"train": 2, "val": 1}
    assert (tmp_path / "out/ImageSets/Main/train.txt").read_text() == "a\nc\n"
    # torchvision goes by VOCdevkit/VOC2012.
    (tmp_path / "VOCdevkit").mkdir()
    (tmp_path / "out").rename(tmp_path / "VOCdevkit/VOC2012")
    data = VOCDetection(str(tmp_path), image_set="train")
    assert len(data) == 2
    picture, found = data[0]
    assert picture.size == (100, 80)
    annotation = found["annotation"]
    assert annotation["size"] == {"width": "100", "height": "80", "depth": "3"}
    assert annotation["filename"] == "a.jpg"
    assert [
        (one["name"], one["difficult"], *one["bndbox"].values()) for one in annotation["object"]
    ] == [("dog", "1", "11", "21", "50", "60"), ("a cat", "0", "1", "1", "100", "80")]


def test_yolo(mixed: Path, tmp_path: Path) -> None:
    done = converted(mixed, "yolo", tmp_path / "out")
    assert files(tmp_path / "out") == [
        "data.yaml",
        *("images/train/a.jpg", "images/train/c.jpg", "images/val/b.jpg"),
        *("labels/train/a.txt", "labels/train/c.txt", "labels/val/b.txt"),
    ]
    assert yaml.safe_load((tmp_path / "out/data.yaml").read_text()) == {
        "train": "images/train",
        "val": "images/val",
        "nc": 2,
        "names": ["a cat", "dog"],
    }
    # (10 + 50) / 2 / 100, (20 + 60) / 2 / 80, 40 / 100, 40 / 80; the other box is the image.
    text = (tmp_path / "out/labels/train/a.txt").read_text()
    assert text == "1 0.3 0.5 0.4 0.5\n0 0.5 0.5 1 1\n"
    assert (tmp_path / "out/labels/train/c.txt").read_text() == ""
    assert done.notes == (
        "1 object is marked difficult, which YOLO cannot say: ordinary objects there",
    )


def test_coco(mixed: Path, tmp_path: Path) -> None:
    done = converted(mixed, "coco", tmp_path / "out")
    assert files(tmp_path / "out") == [
        *("annotations/instances_train.json", "annotations/instances_val.json"),
        *("images/train/a.jpg", "images/train/c.jpg", "images/val/b.jpg"),
    ]
    assert done.notes == ()
    data = COCO(str(tmp_path / "out/annotations/instances_train.json"))
    assert [data.imgs[key]["file_name"] for key in data.getImgIds()] == ["a.jpg", "c.jpg"]
    assert data.loadCats(data.getCatIds())[0]["name"] == "a cat"
    first, second = data.loadAnns(data.getAnnIds())
    assert (first["bbox"], first["area"], first["category_id"]) == ([10, 20, 40, 40], 1600, 2)
    assert (first["iscrowd"], first["difficult"], first["ignore"]) == (0, 1, 1)
    assert (second["bbox"], second.get("ignore")) == ([0, 0, 100, 80], None)
    results = [{"image_id": 1, "category_id": 2, "bbox": [10, 20, 40, 40], "score": 0.5}]
    assert len(data.loadRes(results).anns) == 1


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("make", [make_voc, make_yolo, make_coco, make_text])
def test_check_finds_the_same(tmp_path: Path, make: Callable[[Path], Path], target: str) -> None:
    root = make(tmp_path / "data")
    done = converted(root, target, tmp_path / "out", "link")
    before, after = report(root), report(tmp_path / "out")
    assert after.format == target
    assert done.images == before.images == after.images == IMAGES
    assert after.counts.total == before.counts.total
    assert after.counts.by_split == before.counts.by_split
    assert after.splits == before.splits
    assert after.findings == []


def test_without_splits(tmp_path: Path) -> None:
    root = voc(tmp_path / "data", {"a": object_xml(), "b": voc_xml()})
    assert converted(root, "voc", tmp_path / "voc").splits == {"": 2}
    assert converted(root, "coco", tmp_path / "coco").splits == {"": 2}
    assert converted(root, "yolo", tmp_path / "yolo").notes == (
        "no splits, which other programs ask for: yolo check DIR --split 80/20 writes them",
    )
    assert files(tmp_path / "coco") == [
        *("annotations/instances_default.json", "images/a.jpg", "images/b.jpg")
    ]
    for target in TARGETS:
        folder = open_dataset(tmp_path / target)
        assert (folder.format, folder.splits) == (target, ())
        assert rounded(folder.load(None)) == {"a": [BOX], "b": []}


# --- every other layout -------------------------------------------------------------------------


def as_csv(root: Path) -> None:
    write(
        root / "labels.csv",
        "filename,width,height,class,xmin,ymin,xmax,ymax\n"
        "a.jpg,100,80,cat,10,20,50,60\nb.jpg,100,80,dog,10,20,50,60\n",
    )


def as_via(root: Path) -> None:
    shape = {"name": "rect", "x": 10, "y": 20, "width": 40, "height": 40}
    content = {
        f"{name}.jpg12": {
            "filename": f"{name}.jpg",
            "size": 12,
            "regions": [{"shape_attributes": shape, "region_attributes": {"kind": label}}],
            "file_attributes": {},
        }
        for name, label in (("a", "cat"), ("b", "dog"))
    }
    write(root / "via_region_data.json", json.dumps(content))


def as_labelme(root: Path) -> None:
    for name, label in (("a", "cat"), ("b", "dog")):
        points = [[10, 20], [50, 60]]
        shapes = [{"label": label, "points": points, "shape_type": "rectangle", "flags": {}}]
        content = {"version": "5.4.1", "shapes": shapes, "imagePath": f"{name}.jpg"}
        write(root / f"{name}.json", json.dumps({**content, "imageHeight": 80, "imageWidth": 100}))


def as_cvat(root: Path) -> None:
    text = "<annotations><version>1.1</version>"
    for name, label in (("a", "cat"), ("b", "dog")):
        box = f'<box label="{label}" xtl="10" ytl="20" xbr="50" ybr="60"/>'
        text += f'<image name="{name}.jpg" width="100" height="80">{box}</image>'
    write(root / "annotations.xml", f"{text}</annotations>")


def as_createml(root: Path) -> None:
    box = {"x": 30, "y": 40, "width": 40, "height": 40}
    content = [
        {"image": f"{name}.jpg", "annotations": [{"label": label, "coordinates": box}]}
        for name, label in (("a", "cat"), ("b", "dog"))
    ]
    write(root / "annotations.json", json.dumps(content))


def as_supervisely(root: Path) -> None:
    (root / "img").mkdir()
    for name, label in (("a", "cat"), ("b", "dog")):
        (root / f"{name}.jpg").rename(root / f"img/{name}.jpg")
        points = {"exterior": [[10, 20], [50, 60]], "interior": []}
        thing = {"classTitle": label, "geometryType": "rectangle", "points": points}
        content = {"size": {"height": 80, "width": 100}, "objects": [thing]}
        write(root / f"ann/{name}.jpg.json", json.dumps(content))


def as_labelstudio(root: Path) -> None:
    tasks = []
    for name, label in (("a", "cat"), ("b", "dog")):
        box = {"x": 10, "y": 25, "width": 40, "height": 50, "rotation": 0}  # per cent
        result = {
            **{"type": "rectanglelabels", "from_name": "label", "to_name": "image"},
            **{"original_width": 100, "original_height": 80},
            "value": {**box, "rectanglelabels": [label]},
        }
        annotation = {"id": 7, "was_cancelled": False, "result": [result]}
        tasks.append({"id": 1, "data": {"image": f"{name}.jpg"}, "annotations": [annotation]})
    write(root / "project.json", json.dumps(tasks))


OTHERS = {
    one.__name__.removeprefix("as_"): one
    for one in (as_csv, as_via, as_labelme, as_cvat, as_createml, as_supervisely, as_labelstudio)
}


@pytest.mark.parametrize("layout", OTHERS)
def test_every_other_layout(tmp_path: Path, layout: str) -> None:
    root = tmp_path / "data"
    for name in "ab":
        image(root / f"{name}.jpg")
    OTHERS[layout](root)
    assert open_dataset(root).format == layout
    for target in TARGETS:
        done = converted(root, target, tmp_path / target)
        assert (done.images, done.objects, done.classes) == (2, 2, ("cat", "dog"))
        data = load(tmp_path / target)
        assert data.format == target
        assert rounded(data) == {"a": [BOX], "b": [BOX]}
        assert [data.classes[one.labels[0]] for one in data.samples] == ["cat", "dog"]
    # Dividing writes COCO, as these have no splits of their own.
    reader = open_dataset(root).reader
    images = [item for item in reader.scan(None) if isinstance(item, LabelledImage)]
    reader.write_splits({"train": images[:1], "val": images[1:]}, tmp_path / "divided")
    folder = open_dataset(tmp_path / "divided")
    assert folder.format == "coco"
    for split in ("train", "val"):
        assert [*rounded(folder.load(split)).values()] == [[BOX]]


# --- what is kept -------------------------------------------------------------------------------


def test_ids_areas_and_flags_of_coco(tmp_path: Path) -> None:
    items = [
        {"image_id": 42, "category_id": 90, "bbox": [10, 20, 40, 40], "area": 700.5},
        {"image_id": 42, "category_id": 17, "bbox": [0, 0, 100, 80], "iscrowd": 1},
    ]
    image(tmp_path / "data/images/x.jpg")
    image(tmp_path / "data/images/y.jpg")
    text = coco([(42, "x.jpg"), (7, "y.jpg")], items, {90: "dog", 1: "person", 17: "cat"})
    write(tmp_path / "data/annotations/instances_val.json", text)
    assert converted(tmp_path / "data", "coco", tmp_path / "out").notes == ()
    data = load(tmp_path / "out", "val")
    assert data.category_ids == {1: 0, 17: 1, 90: 2}
    assert [sample.key for sample in data.samples] == [42, 7]
    first = data.samples[0]
    assert first.area.tolist() == [700.5, 8000]
    assert first.crowd.tolist() == [False, True]
    # VOC has neither crowds nor classes without objects; YOLO has the latter.
    assert converted(tmp_path / "data", "voc", tmp_path / "voc").notes == (
        "VOC has no list of classes, so those without objects are lost: person",
        "1 object is a crowd, which VOC cannot say: difficult there",
    )
    assert load(tmp_path / "voc", "val").samples[0].difficult.tolist() == [False, True]
    assert converted(tmp_path / "data", "yolo", tmp_path / "yolo").notes == (
        "1 object is a crowd, which YOLO cannot say: ordinary objects there",
    )
    assert load(tmp_path / "yolo", "val").classes == ("person", "cat", "dog")


def test_the_order_of_classes_is_said_to_be_lost(tmp_path: Path) -> None:
    root = split_folders(tmp_path / "data", {"train": "a", "val": "b"})
    write(root / "data.yaml", "names: [zebra, ant]\ntrain: train/images\nval: valid/images\n")
    write(root / "train/labels/a.txt", "0 .3 .5 .4 .5\n1 .3 .5 .4 .5\n")
    write(root / "data.yaml", "names: [zebra, ant]\ntrain: train/images\nval: val/images\n")
    note = "VOC has no list of classes, so they are read in alphabetical order"
    assert converted(root, "voc", tmp_path / "out").notes == (note,)


def test_boxes_under_a_pixel_are_widened_in_voc(tmp_path: Path) -> None:
    root = split_folders(tmp_path / "data", {"train": "a"})
    write(root / "train/labels/a.txt", "0 .5 .5 .001 .5\n0 .9999 .5 .0002 .5\n")  # 0.1, 0.02 px
    done = converted(root, "voc", tmp_path / "out")
    assert done.notes == ("2 sides were widened to one pixel: VOC has no smaller boxes",)
    # Around the middle, 50; and inside of the image, which is 100 pixels wide.
    assert load(tmp_path / "out", "train").samples[0].boxes == pytest.approx(
        np.array([[49.5, 20, 50.5, 60], [99, 20, 100, 60]])
    )


def test_an_image_that_is_turned_by_exif(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "JPEGImages").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 100), "orange").save(root / "JPEGImages/a.jpg", exif=exif)
    write(root / "Annotations/a.xml", object_xml().replace("<width>7", "<width>100"))
    before = (root / "JPEGImages/a.jpg").read_bytes()
    for target, place in (
        ("voc", "JPEGImages/a.jpg"),
        ("yolo", "images/a.jpg"),
        ("coco", "images/a.jpg"),
    ):
        done = converted(root, target, tmp_path / target)
        note = "1 image is turned by EXIF alone; boxes fit the upright image, as most programs"
        assert done.notes[-1] == f"{note} show it"
        assert (tmp_path / target / place).read_bytes() == before
        sample = load(tmp_path / target).samples[0]
        assert (sample.width, sample.height, sample.boxes.round(6).tolist()) == (100, 80, [BOX])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("voc", ["train_x.jpg", "train_y.jpg", "val_x.jpg"]),
        ("yolo", ["train/x.jpg", "train/y.jpg", "val/x.jpg"]),
        ("coco", ["train/x.jpg", "train/y.jpg", "val/x.jpg"]),
    ],
)
def test_equal_names_in_two_splits(tmp_path: Path, target: str, expected: list[str]) -> None:
    root = split_folders(tmp_path / "data", {"train": "xy", "valid": "x"})
    converted(root, target, tmp_path / "out")
    folder = tmp_path / "out" / ("JPEGImages" if target == "voc" else "images")
    assert files(folder) == expected
    data = open_dataset(tmp_path / "out")
    assert data.splits == ("train", "val")
    assert [len(data.load(split)) for split in data.splits] == [2, 1]


def test_subfolders_and_names_that_differ_in_their_suffix(tmp_path: Path) -> None:
    root = tmp_path / "data"
    places = ["a/1.jpg", "b/1.jpg", "b/1.png", "b_1.jpg", "images/2.jpg"]
    for place in places:
        image(root / "pictures" / place)
    rows = [(number, place) for number, place in enumerate(places)]
    items = [
        {"image_id": number, "category_id": 1, "bbox": [number, 0, 9, 9]} for number, _ in rows
    ]
    write(root / "pictures/all.json", coco(rows, items, {1: "cat"}))
    root = root / "pictures"
    expected = {"a_1.jpg": 0, "b_1.jpg": 1, "b_1-2.png": 2, "b_1-3.jpg": 3, "2.jpg": 4}
    for target in TARGETS:
        converted(root, target, tmp_path / target)
        data = load(tmp_path / target)
        assert {one.image.name: round(one.boxes[0, 0], 6) for one in data.samples} == expected


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["a\nb", "a\tb ", "\u2028", "x" * 250, "img 1", 'a"b:c'])
@pytest.mark.parametrize("target", TARGETS)
def test_odd_file_names(tmp_path: Path, name: str, target: str) -> None:
    root = tmp_path / "data"
    image(root / f"images/{name}.png")
    image(root / "images/img 0.png")
    write(root / f"labels/{name}.txt", "0 .3 .5 .4 .5\n")
    write(root / "labels/img 0.txt", "")
    write(root / "data.yaml", "names: [cat]\ntrain: images\n")
    converted(root, target, tmp_path / "out", "link")
    data = load(tmp_path / "out", "train")
    assert sorted(rounded(data).values()) == [[], [BOX]]


def test_trainval_is_not_written_twice(tmp_path: Path) -> None:
    lists = {"train": "a", "val": "b", "trainval": "ab", "test": "c"}
    root = voc(tmp_path / "data", {name: object_xml() for name in "abc"}, lists)
    for target in ("yolo", "coco"):
        done = converted(root, target, tmp_path / target)
        assert done.splits == {"train": 1, "val": 1, "test": 1}
        assert "trainval is left out: its images are all in train and val" in done.notes
        assert {*open_dataset(tmp_path / target).splits} == {"train", "val", "test"}
    done = converted(root, "voc", tmp_path / "voc")
    assert done.splits == {"train": 1, "trainval": 2, "val": 1, "test": 1}
    assert {*open_dataset(tmp_path / "voc").splits} == {"train", "val", "trainval", "test"}


def test_splits_that_yolo_has_no_name_for(tmp_path: Path) -> None:
    lists = {"fold1": "a", "fold2": "b"}
    root = voc(tmp_path / "data", {"a": object_xml(), "b": object_xml()}, lists)
    with pytest.raises(UserError, match="YOLO cannot have a split that is called 'fold1'") as info:
        converted(root, "yolo", tmp_path / "out")
    assert "--split fold1" in info.value.hint
    assert not (tmp_path / "out").exists()
    assert converted(root, "yolo", tmp_path / "out", split="fold1").splits == {"": 1}
    assert rounded(load(tmp_path / "out")) == {"a": [BOX]}
    converted(root, "coco", tmp_path / "coco")
    assert open_dataset(tmp_path / "coco").splits == ("fold1", "fold2")
    write(root / "ImageSets/Main/train.txt", "a\n")
    write(root / "ImageSets/Main/fold1.txt", "a\n")
    done = converted(root, "yolo", tmp_path / "yolo")
    assert done.splits == {"train": 1}
    what = "fold2 is left out: YOLO cannot have a split of this name"
    assert done.notes == (
        "fold1 is left out: its images are all in train",
        f"{what}; --split fold2 converts it alone",
    )


def test_one_split(mixed: Path, tmp_path: Path) -> None:
    for target in TARGETS:
        assert converted(mixed, target, tmp_path / target, split="val").splits == {"val": 1}
        assert open_dataset(tmp_path / target).splits == ("val",)


# --- labels alone -------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_labels_alone_of_a_mixed_folder(mixed: Path, tmp_path: Path, target: str) -> None:
    expected = {split: load(mixed, split) for split in ("train", "val")}
    done = converted(mixed, target, tmp_path / "out", "leave")
    ((base, home),) = done.homes
    assert base == mixed / "JPEGImages"
    assert home == tmp_path / "out" / ("JPEGImages" if target == "voc" else "images")
    assert not home.exists()
    home.symlink_to(base)
    for split, data in expected.items():
        read = load(tmp_path / "out", split)
        assert [one.image.name for one in read.samples] == [one.image.name for one in data.samples]
        for one, other in zip(read.samples, data.samples, strict=True):
            assert one.boxes == pytest.approx(other.boxes)


@pytest.mark.parametrize("target", TARGETS)
def test_labels_alone_of_folders_of_splits(tmp_path: Path, target: str) -> None:
    root = split_folders(tmp_path / "data", {"train": "ab", "valid": "c"})
    done = converted(root, target, tmp_path / "out", "leave")
    bases = [root / "train/images", root / "valid/images"]
    assert [base for base, _ in done.homes] == bases
    for base, home in done.homes:
        home.mkdir(parents=True, exist_ok=True)
        for path in base.iterdir():
            (home / path.name).symlink_to(path)
    folder = open_dataset(tmp_path / "out")
    assert [[*rounded(folder.load(split)).values()] for split in ("train", "val")] == [
        *([[BOX], [BOX]], [[BOX]])
    ]


def test_labels_alone_cannot_rename_images(tmp_path: Path) -> None:
    root = split_folders(tmp_path / "data", {"train": "ab", "valid": "a"})
    with pytest.raises(UserError, match="would have the same name") as info:
        converted(root, "voc", tmp_path / "out", "leave")
    assert "--copy or --link" in info.value.hint
    converted(root, "yolo", tmp_path / "out", "leave")
    image(root / "train/images/val/c.jpg")
    with pytest.raises(UserError, match="needs another name"):
        converted(root, "yolo", tmp_path / "out2", "leave")
    assert not (tmp_path / "out2").exists()


def test_images_without_labels_would_be_background_for_yolo(tmp_path: Path) -> None:
    root = tmp_path / "data"
    image(root / "images/a.jpg")
    image(root / "images/b.jpg")
    write(root / "ground-truth/a.txt", "cat 11 21 50 60\n")
    done = converted(root, "yolo", tmp_path / "out", "leave")
    assert f"left out: 1 image without a label ({root}/images/b.jpg)" in done.notes
    what = f"1 other image there would be background ({root}/images/b.jpg): leave those out"
    assert what in done.notes
    done = converted(root, "coco", tmp_path / "coco", "leave")
    assert done.notes == (f"left out: 1 image without a label ({root}/images/b.jpg)",)


# --- what is refused ----------------------------------------------------------------------------


def test_a_bad_label_stops_it_unless_it_may_be_skipped(tmp_path: Path) -> None:
    annotations = {"a": voc_xml(voc_object("cat", 11, 21, 300, 60)), "b": object_xml()}
    root = voc(tmp_path / "data", annotations, {"train": "ab"})
    with pytest.raises(UserError, match=r"a\.xml:4: box \[11, 21, 300, 60\]") as info:
        converted(root, "yolo", tmp_path / "out")
    assert "--skip-bad" in info.value.hint
    assert not (tmp_path / "out").exists()
    done = convert(open_dataset(root, skip_bad=True), "yolo", tmp_path / "out", images="copy")
    assert done.objects == 1
    (note,) = done.notes
    assert note.startswith(f"left out: 1 bad label or image ({root}/Annotations/a.xml:4: box")


def test_a_split_of_which_nothing_is_left(tmp_path: Path) -> None:
    root = split_folders(tmp_path / "data", {"train": "a", "val": "b"})
    (root / "val/images/b.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="not an image"):
        converted(root, "coco", tmp_path / "out")
    done = convert(open_dataset(root, skip_bad=True), "coco", tmp_path / "out", images="copy")
    assert done.splits == {"train": 1}
    assert done.notes[0].startswith("val is left out: ")


def test_labels_without_images_are_left_out_and_said(tmp_path: Path) -> None:
    image(tmp_path / "data/a.jpg")
    items = [{"image_id": 1, "category_id": 1, "bbox": [10, 20, 40, 40]}]
    write(tmp_path / "data/x.json", coco([(1, "a.jpg"), (2, "b.jpg")], items, {1: "cat"}))
    (note,) = converted(tmp_path / "data", "voc", tmp_path / "out").notes
    assert note.startswith("left out: 1 label without its image (")
    assert "images[1] (id 2): no such image" in note


def test_images_in_no_split_are_said(tmp_path: Path) -> None:
    annotations = {name: object_xml() for name in "abc"}
    root = voc(tmp_path / "data", annotations, {"train": "a"})
    note = f"left out: 2 images in no split ({root}/JPEGImages/b.jpg)"
    assert converted(root, "yolo", tmp_path / "out").notes == (note,)


def test_where_nothing_is_written(mixed: Path, tmp_path: Path) -> None:
    full = write(tmp_path / "full/a.txt", "x").parent
    for out, words in (
        (mixed, "inside the dataset"),
        (mixed / "new", "inside the dataset"),
        (full, "not empty"),
        (full / "a.txt", "not empty"),
    ):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UserError, match=words) as info:
            converted(mixed, "coco", out)
        assert info.value.code == ExitCode.USAGE
        assert sorted(tmp_path.rglob("*")) == before


def test_images_elsewhere_are_part_of_the_dataset(mixed: Path, tmp_path: Path) -> None:
    names = (mixed / "JPEGImages").resolve()
    write(tmp_path / "lists/train.txt", f"{names}/a.jpg\n")
    write(mixed / "JPEGImages/a.txt", "0 .3 .5 .4 .5\n")
    write(tmp_path / "lists/data.yaml", "names: [cat]\ntrain: train.txt\n")
    with pytest.raises(UserError, match="inside the dataset"):
        converted(tmp_path / "lists", "coco", names / "out")
    assert not (names / "out").exists()


def test_a_class_that_xml_cannot_hold(tmp_path: Path) -> None:
    image(tmp_path / "data/a.jpg")
    items = [{"image_id": 1, "category_id": 1, "bbox": [10, 20, 40, 40]}]
    write(tmp_path / "data/x.json", coco([(1, "a.jpg")], items, {1: "c\x01t"}))
    with pytest.raises(UserError, match="XML cannot hold"):
        converted(tmp_path / "data", "voc", tmp_path / "out")
    converted(tmp_path / "data", "yolo", tmp_path / "yolo")
    assert load(tmp_path / "yolo").classes == ("c\x01t",)


# --- interruptions ------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_leaves_nothing(
    mixed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    exists: bool,
) -> None:
    out = tmp_path / "out"
    if exists:
        out.mkdir()
    write_file, calls = Job.write, []

    def failing(job: Job, name: str, data: str | bytes) -> None:
        calls.append(name)
        if len(calls) == 3:
            raise error
        write_file(job, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(Job, "write", failing)
        with pytest.raises((KeyboardInterrupt, UserError)) as caught:
            converted(mixed, "yolo", out)
    if isinstance(caught.value, UserError):
        assert caught.value.code == ExitCode.FAILURE
        assert "No space left" in caught.value.message
    assert out.exists() == exists
    assert not exists or not any(out.iterdir())
    converted(mixed, "yolo", out)


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
@pytest.mark.parametrize("target", TARGETS)
def test_a_run_that_is_killed_leaves_what_is_no_dataset(
    mixed: Path, tmp_path: Path, target: str
) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from yolo_cli.data.convert.convert import convert
        from yolo_cli.data.dataset import open_dataset
        done = []

        def begin(what, total):
            def step(count):
                done.append(count)
                if len(done) == 3:
                    os.kill(os.getpid(), signal.SIGKILL)
            return step if total else lambda count: None

        out = Path({str(tmp_path / "out")!r})
        convert(open_dataset(Path({str(mixed)!r})), {target!r}, out, images="copy", phase=begin)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {PARTIAL, LOCK}
    with pytest.raises(UserError, match="not recognised"):
        open_dataset(tmp_path / "out")
    converted(mixed, target, tmp_path / "out")
    assert not (tmp_path / "out" / PARTIAL).exists()
    assert len(load(tmp_path / "out", "train")) == 2


# --- crops --------------------------------------------------------------------------------------


def test_crops(tmp_path: Path) -> None:
    objects = (
        voc_object("a/b", 11, 21, 50, 60),  # 40 x 40
        voc_object("cat", 1.5, 1, 100, 79.5),  # from 0.5 to 100, from 0 to 79.5: 100 x 80
        voc_object("cat", 1, 1, 3, 50),  # three pixels wide
        voc_object("cat", 1, 1, 30, 50, difficult=1),
    )
    root = voc(tmp_path / "data", {"a": voc_xml(*objects), "b": object_xml()}, {"train": "ab"})
    (root / "JPEGImages/b.jpg").unlink()
    image(root / "JPEGImages/b.png")
    done = converted(root, "crops", tmp_path / "out")
    assert files(tmp_path / "out") == [
        *("train/a_b/a_1.jpg", "train/cat/a_2.jpg", "train/cat/b_1.png")
    ]
    assert done.notes == (
        "1 object left out: under 4 pixels",
        "1 object left out: difficult",
    )
    data = ImageFolder(str(tmp_path / "out/train"))
    assert data.classes == ["a_b", "cat"]
    assert [(picture.size, label) for picture, label in data] == [
        *(((40, 40), 0), ((100, 80), 1), ((40, 40), 1))
    ]


def test_crops_of_the_upright_image(tmp_path: Path) -> None:
    # Stored: 80 x 100, black but for white rows 0 to 9. EXIF 6 turns it to the right, so that
    # these are the right-hand columns 90 to 99 of 100 x 80.
    pixels = np.zeros((100, 80, 3), np.uint8)
    pixels[:10] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    root = tmp_path / "data"
    (root / "JPEGImages").mkdir(parents=True)
    Image.fromarray(pixels).save(root / "JPEGImages/a.png", exif=exif)
    box = voc_object("right", 91, 1, 100, 80)
    write(root / "Annotations/a.xml", f"<annotation>{box}</annotation>")
    converted(root, "crops", tmp_path / "out")
    with Image.open(tmp_path / "out/right/a_1.png") as crop:
        assert crop.size == (10, 80)
        assert np.asarray(crop).min() == 255


def test_crops_of_a_class_that_a_split_lacks(mixed: Path, tmp_path: Path) -> None:
    done = converted(mixed, "crops", tmp_path / "out")
    assert done.notes == (
        "1 object left out: difficult",
        "train has no object of dog, hence no folder: ImageFolder numbers classes by their folders",
        "val has no object of a cat, hence no folder: ImageFolder numbers classes by their folders",
    )


def test_classes_of_one_name_for_files(tmp_path: Path) -> None:
    names = {1: "A", 2: "a", 3: "..", 4: "con/x", 5: "con:x"}
    image(tmp_path / "data/i.jpg")
    items = [{"image_id": 1, "category_id": key, "bbox": [10, 20, 40, 40]} for key in names]
    write(tmp_path / "data/x.json", coco([(1, "i.jpg")], items, names))
    converted(tmp_path / "data", "crops", tmp_path / "out")
    folders = {path.parent.name for path in (tmp_path / "out").rglob("*.jpg")}
    assert folders == {"A", "a-2", "_.", "con_x", "con_x-2"}


def test_labels_are_whole_numbers_of_json(tmp_path: Path) -> None:
    """Sizes of boxes have no noise: 0.1 + 0.2 is 0.3."""
    root = split_folders(tmp_path / "data", {"train": "a"})
    write(root / "train/labels/a.txt", "0 .15 .15 .1 .1\n")  # 10 to 20 of 100, 8 to 16 of 80
    converted(root, "coco", tmp_path / "out")
    content = json.loads((tmp_path / "out/annotations/instances_train.json").read_text())
    assert content["annotations"][0]["bbox"] == [10, 8, 10, 8]
