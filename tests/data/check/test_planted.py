"""Damage of many kinds, planted into a sound dataset: all of it is found, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from PIL import Image, ImageOps

from tests.data.builders import write
from tests.data.check.builders import (
    CLASSES,
    PHOTOS,
    Told,
    centred,
    coco_content,
    line,
    one_based,
    replace,
    report,
    save,
    told,
    write_coco,
    xml,
    yolo_lines,
)

Plant: TypeAlias = Callable[[Path], list[Told]]
KINDS: list[tuple[str, Plant]] = []

FIRST = 24
"""Line of the first annotation in a COCO file: an opening line, 20 images, ``],`` and another."""

BOMB = '<?xml version="1.0"?>\n<!DOCTYPE a [\n<!ENTITY b "c">\n]>\n<annotation>&b;</annotation>\n'


def voc(plant: Plant) -> Plant:
    KINDS.append(("voc", plant))
    return plant


def yolo(plant: Plant) -> Plant:
    KINDS.append(("yolo", plant))
    return plant


def coco(plant: Plant) -> Plant:
    KINDS.append(("coco", plant))
    return plant


def text(plant: Plant) -> Plant:
    KINDS.append(("text", plant))
    return plant


def csv(plant: Plant) -> Plant:
    KINDS.append(("csv", plant))
    return plant


@pytest.mark.parametrize(
    ("layout", "plant"), KINDS, ids=[f"{layout}-{plant.__name__}" for layout, plant in KINDS]
)
def test_planted(copy: Callable[[str], Path], layout: str, plant: Plant) -> None:
    root = copy(layout)
    expected = plant(root)
    assert told(root) == sorted(expected)


def test_there_are_enough_kinds() -> None:
    assert len({plant.__name__ for _, plant in KINDS}) >= 30


# Images


@voc
def image_missing(root: Path) -> list[Told]:
    (root / "JPEGImages/003.jpg").unlink()
    return [("no-image", "Annotations/003.xml", 0)]


@voc
def label_missing(root: Path) -> list[Told]:
    (root / "Annotations/003.xml").unlink()
    return [("no-label", "JPEGImages/003.jpg", 0)]


@voc
def both_missing(root: Path) -> list[Told]:
    (root / "Annotations/004.xml").unlink()
    (root / "JPEGImages/004.jpg").unlink()
    return [("no-image", "ImageSets/Main/train.txt", 5)]  # lines begin with 000


@voc
def image_truncated(root: Path) -> list[Told]:
    path = root / "JPEGImages/005.jpg"
    path.write_bytes(path.read_bytes()[:-600])
    return [("image-damaged", "JPEGImages/005.jpg", 0)]


@voc
def image_is_a_text(root: Path) -> list[Told]:
    write(root / "JPEGImages/005.jpg", "<html>404</html>")
    return [("image-unreadable", "JPEGImages/005.jpg", 0)]


@coco
def image_is_empty(root: Path) -> list[Told]:
    (root / "images/005.jpg").write_bytes(b"")
    return [("image-unreadable", "images/005.jpg", 0)]


@yolo
def image_has_another_format(root: Path) -> list[Told]:
    path = root / "images/train/006.jpg"
    with Image.open(path) as image:
        image.save(path, format="PNG")
    return [("image-suffix", "images/train/006.jpg", 0)]


@voc
def two_images_of_one_name(root: Path) -> list[Told]:
    save(PHOTOS[7].picture().transpose(Image.Transpose.ROTATE_90), root / "JPEGImages/007.png")
    return [("image-ambiguous", "JPEGImages/007.png", 0)]


@voc
def rotation_that_labels_ignore(root: Path) -> list[Told]:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(PHOTOS[9].picture(), root / "JPEGImages/009.jpg", exif=exif)  # 120 x 90 becomes 90 x 120
    return [("exif-ignored", "Annotations/009.xml", 3)]


@yolo
def rotation_that_fractions_do_not_tell(root: Path) -> list[Told]:
    exif = Image.Exif()
    exif[0x0112] = 8
    save(PHOTOS[9].picture(), root / "images/train/009.jpg", exif=exif)
    return [("exif-rotated", "images/train/009.jpg", 0)]


@voc
def image_resized_after_labelling(root: Path) -> list[Told]:
    save(PHOTOS[9].picture().resize((60, 45)), root / "JPEGImages/009.jpg")
    return [("image-resized", "Annotations/009.xml", 3)]


@voc
def size_in_the_xml(root: Path) -> list[Told]:
    replace(root / "Annotations/012.xml", "<width>120<", "<width>640<")
    return [("size-wrong", "Annotations/012.xml", 3)]


@coco
def size_in_the_json(root: Path) -> list[Told]:
    content = coco_content("train")
    content["images"][4]["height"] = 9
    write_coco(root, "train", content)
    return [("size-wrong", "annotations/instances_train.json", 6)]  # the first image is in line 2


# Label files


@voc
def xml_does_not_parse(root: Path) -> list[Told]:
    replace(root / "Annotations/010.xml", "<name>person</name>", "<name>person<name>")
    return [("label-unreadable", "Annotations/010.xml", 6)]


@voc
def xml_is_a_bomb(root: Path) -> list[Told]:
    write(root / "Annotations/010.xml", BOMB)
    return [("label-unreadable", "Annotations/010.xml", 3)]


@voc
def xml_of_another_image(root: Path) -> list[Told]:
    replace(root / "Annotations/010.xml", "010.jpg", "011.jpg")
    return [("filename-wrong", "Annotations/010.xml", 0)]


@yolo
def text_in_another_encoding(root: Path) -> list[Told]:
    path = root / "labels/train/010.txt"
    path.write_bytes(path.read_bytes() + b"\xff\xfa\n")
    return [("label-unreadable", "labels/train/010.txt", 4)]


@coco
def json_is_cut_off(root: Path) -> list[Told]:
    path = root / "annotations/instances_val.json"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:5]))
    return [
        ("image-unlisted", "images/020.jpg", 0),
        ("label-unreadable", "annotations/instances_val.json", 5),
    ]


@yolo
def yaml_does_not_parse(root: Path) -> list[Told]:
    write(root / "data.yaml", "path: .\ntrain: images/train\nnames: [a, b\n")
    return [("dataset-unreadable", "data.yaml", 4)]


@voc
def corner_is_no_number(root: Path) -> list[Told]:
    write(root / "Annotations/011.xml", xml(PHOTOS[11], [("person", ("1O", 2, 30, 40))]))
    return [("label-syntax", "Annotations/011.xml", 4)]


@yolo
def score_in_a_label(root: Path) -> list[Told]:
    path = root / "labels/train/011.txt"
    path.write_text(path.read_text().replace("\n", " 0.9\n", 1))
    return [("label-syntax", "labels/train/011.txt", 1)]


@coco
def bbox_of_three_numbers(root: Path) -> list[Told]:
    content = coco_content("train")
    content["annotations"][5]["bbox"] = [1, 2, 3]
    write_coco(root, "train", content)
    return [("label-syntax", "annotations/instances_train.json", FIRST + 5)]


@coco
def id_twice(root: Path) -> list[Told]:
    content = coco_content("train")
    content["images"].append({**content["images"][2], "file_name": "another.jpg"})
    write_coco(root, "train", content)
    return [("id-repeated", "annotations/instances_train.json", 22)]


@coco
def annotation_of_no_image(root: Path) -> list[Told]:
    content = coco_content("train")
    content["annotations"][5]["image_id"] = 99
    write_coco(root, "train", content)
    return [("no-image", "annotations/instances_train.json", FIRST + 5)]


@coco
def entry_without_image(root: Path) -> list[Told]:
    (root / "images/002.jpg").unlink()
    return [("no-image", "annotations/instances_train.json", 4)]


@coco
def image_without_entry(root: Path) -> list[Told]:
    save(PHOTOS[0].picture().transpose(Image.Transpose.ROTATE_90), root / "images/new.jpg")
    return [("image-unlisted", "images/new.jpg", 0)]


@yolo
def text_without_image(root: Path) -> list[Told]:
    write(root / "labels/val/lost.txt", "0 .5 .5 .2 .2\n")
    return [("no-image", "labels/val/lost.txt", 0)]


@yolo
def image_without_text(root: Path) -> list[Told]:
    (root / "labels/val/025.txt").unlink()
    return [("no-label", "images/val/025.jpg", 0)]


@yolo
def folder_of_a_split_missing(root: Path) -> list[Told]:
    replace(root / "data.yaml", "val: images/val", "val: images/valid")
    return [("split-missing", "data.yaml", 3)]  # images/val is used instead


@text
def text_file_without_image(root: Path) -> list[Told]:
    (root / "images/003.jpg").unlink()
    return [("no-image", "ground-truth/003.txt", 0)]


# Boxes


def with_box(root: Path, box: tuple[object, ...], name: str = "person") -> list[tuple[str, int]]:
    """A further object in the annotation of image 12 (120 x 90), in line 7."""
    boxes = [*zip(CLASSES, map(one_based, PHOTOS[12].boxes), strict=True), (name, box)]
    write(root / "Annotations/012.xml", xml(PHOTOS[12], boxes))
    return [("Annotations/012.xml", 7)]


@voc
def box_outside(root: Path) -> list[Told]:
    return [("box-outside", *place) for place in with_box(root, (60, 50, 140, 80))]


@voc
def box_one_pixel_over_the_edge(root: Path) -> list[Told]:
    return [("box-over-edge", *place) for place in with_box(root, (60, 50, 121, 80))]


@voc
def box_from_zero(root: Path) -> list[Told]:
    return [("box-over-edge", *place) for place in with_box(root, (0, 50, 30, 80))]


@voc
def box_swapped(root: Path) -> list[Told]:
    return [("box-swapped", *place) for place in with_box(root, (100, 50, 60, 80))]


@voc
def box_not_finite(root: Path) -> list[Told]:
    return [("box-not-finite", *place) for place in with_box(root, (60, 50, "nan", 80))]


@voc
def box_twice(root: Path) -> list[Told]:
    again = one_based(PHOTOS[12].boxes[2])
    return [("box-repeated", *place) for place in with_box(root, again)]


@voc
def box_of_two_classes(root: Path) -> list[Told]:
    again = one_based(PHOTOS[12].boxes[2])
    return [("box-two-classes", *place) for place in with_box(root, again, "bottle")]


@voc
def box_tiny(root: Path) -> list[Told]:
    # 2 of 120 pixels are 7.5 of 448.
    return [("box-tiny", *place) for place in with_box(root, (70, 50, 71, 80))]


def with_line(root: Path, text: str) -> list[tuple[str, int]]:
    """A further object in the label file of image 12, in line 4."""
    path = root / "labels/train/012.txt"
    path.write_text(path.read_text() + text + "\n")
    return [("labels/train/012.txt", 4)]


@yolo
def box_without_width(root: Path) -> list[Told]:
    return [("box-empty", *place) for place in with_line(root, "0 .7 .7 0 .2")]


@yolo
def box_of_negative_size(root: Path) -> list[Told]:
    return [("box-swapped", *place) for place in with_line(root, "0 .7 .7 -.2 .2")]


@yolo
def box_in_pixels(root: Path) -> list[Told]:
    return [("box-not-normalised", *place) for place in with_line(root, "0 60 45 20 20")]


@yolo
def box_half_outside(root: Path) -> list[Told]:
    return [("box-outside", *place) for place in with_line(root, "0 .95 .7 .3 .2")]


@text
def width_and_height_for_corners(root: Path) -> list[Told]:
    path = root / "ground-truth/003.txt"
    path.write_text(path.read_text() + "person 60 50 20 20\n")
    return [("box-swapped", "ground-truth/003.txt", 4)]


# The whole dataset


@voc
def counted_from_zero(root: Path) -> list[Told]:
    for photo in PHOTOS:
        boxes = [[value - 1 for value in one_based(box)] for box in photo.boxes]
        objects = zip(CLASSES, boxes, strict=True)
        write(root / "Annotations" / f"{photo.stem}.xml", xml(photo, objects))
    return [("off-by-one", "Annotations/000.xml", 4)]  # its first box is at the left edge


@yolo
def counted_from_one(root: Path) -> list[Told]:
    for photo in PHOTOS:
        boxes = [(x1 + 1, y1 + 1, x2, y2) for x1, y1, x2, y2 in photo.boxes]
        lines = [line(k, *centred(photo, box)) for k, box in enumerate(boxes)]
        write(root / "labels" / photo.split / f"{photo.stem}.txt", "\n".join(lines))
    return [("off-by-one", "labels/train/000.txt", 1)]


@coco
def one_pixel_too_far(root: Path) -> list[Told]:
    for split in ("train", "val"):
        content = coco_content(split)
        for record in content["annotations"]:
            x, y, w, h = record["bbox"]  # type: ignore[misc]
            record["bbox"] = [x, y, w + 1, h + 1]  # type: ignore[has-type]
        write_coco(root, split, content)
    # Image 1 is the first with a box at the right edge: its second, the fifth of all.
    return [("off-by-one", "annotations/instances_train.json", FIRST + 4)]


def all_lines(root: Path, write_box: Callable[[int, tuple[float, ...]], str]) -> None:
    """Every label file, with boxes as fractions x1 y1 x2 y2 handed to a writer."""
    for photo in PHOTOS:
        size = (photo.width, photo.height) * 2
        boxes = [tuple(v / s for v, s in zip(box, size, strict=True)) for box in photo.boxes]
        lines = [write_box(k, box) for k, box in enumerate(boxes)]
        write(root / "labels" / photo.split / f"{photo.stem}.txt", "\n".join(lines))


@yolo
def corners_for_centre_and_size(root: Path) -> list[Told]:
    all_lines(root, lambda k, box: line(k, *box))
    return [("columns-order", "labels/train/000.txt", 1)]


@yolo
def corner_for_centre(root: Path) -> list[Told]:
    all_lines(root, lambda k, b: line(k, b[0], b[1], b[2] - b[0], b[3] - b[1]))
    return [("columns-order", "labels/train/000.txt", 1)]


@yolo
def class_in_the_last_column(root: Path) -> list[Told]:
    for photo in PHOTOS:
        lines = [" ".join([*text.split()[1:], text.split()[0]]) for text in yolo_lines(photo)]
        write(root / "labels" / photo.split / f"{photo.stem}.txt", "\n".join(lines))
    return [
        ("columns-order", "labels/train/000.txt", 1),
        ("no-labels", ".", 0),
    ]


@coco
def corners_for_width_and_height(root: Path) -> list[Told]:
    for split in ("train", "val"):
        content = coco_content(split)
        for record in content["annotations"]:
            x, y, w, h = record["bbox"]  # type: ignore[misc]
            record["bbox"] = [x, y, x + w, y + h]  # type: ignore[has-type]
        write_coco(root, split, content)
    # The first box begins at the left edge and is as wide as before; the second is not.
    return [("columns-order", "annotations/instances_train.json", FIRST + 1)]


@voc
def width_and_height_for_the_second_corner(root: Path) -> list[Told]:
    for photo in PHOTOS:
        boxes = [(x1 + 1, y1 + 1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in photo.boxes]
        objects = zip(CLASSES, boxes, strict=True)
        write(root / "Annotations" / f"{photo.stem}.xml", xml(photo, objects))
    return [("columns-order", "Annotations/000.xml", 5)]


@voc
def fractions_for_pixels(root: Path) -> list[Told]:
    for photo in PHOTOS:
        size = (photo.width, photo.height) * 2
        boxes = [[v / s for v, s in zip(box, size, strict=True)] for box in photo.boxes]
        objects = zip(CLASSES, boxes, strict=True)
        write(root / "Annotations" / f"{photo.stem}.xml", xml(photo, objects))
    return [("box-normalised", "Annotations/000.xml", 4)]


# Classes


def with_class(root: Path, name: str) -> list[tuple[str, int]]:
    return with_box(root, (70, 55, 95, 80), name)


@voc
def class_misspelled(root: Path) -> list[Told]:
    found = [("class-spelling", *place) for place in with_class(root, "bicylce")]
    return [*found, ("class-missing", "ImageSets/Main/val.txt", 0)]


@voc
def class_in_another_case(root: Path) -> list[Told]:
    found = [("class-spelling", *place) for place in with_class(root, "Person")]
    return [*found, ("class-missing", "ImageSets/Main/val.txt", 0)]


@voc
def class_in_the_plural(root: Path) -> list[Told]:
    found = [("class-spelling", *place) for place in with_class(root, "bottles")]
    return [*found, ("class-missing", "ImageSets/Main/val.txt", 0)]


@voc
def class_without_name(root: Path) -> list[Told]:
    return [("label-syntax", *place) for place in with_class(root, " ")]


@yolo
def class_out_of_range(root: Path) -> list[Told]:
    return [("class-unknown", *place) for place in with_line(root, "3 .7 .7 .2 .2")]


@yolo
def class_of_a_fraction(root: Path) -> list[Told]:
    return [("class-unknown", *place) for place in with_line(root, "1.5 .7 .7 .2 .2")]


@coco
def category_unknown(root: Path) -> list[Told]:
    content = coco_content("train")
    content["annotations"][5]["category_id"] = 99
    write_coco(root, "train", content)
    return [("class-unknown", "annotations/instances_train.json", FIRST + 5)]


@yolo
def class_never_used(root: Path) -> list[Told]:
    replace(root / "data.yaml", "  2: person\n", "  2: person\n  3: zebra\n")
    return [("class-unused", "data.yaml", 8)]


@voc
def class_missing_from_a_split(root: Path) -> list[Told]:
    return [("class-missing", "ImageSets/Main/val.txt", 0) for _ in with_class(root, "umbrella")]


@coco
def class_with_few_objects(root: Path) -> list[Told]:
    content = coco_content("train")
    content["categories"].append({"id": 20, "name": "umbrella"})
    first = content["annotations"][0]
    content["annotations"] += [
        {**first, "category_id": 10, "bbox": [x, y, 4 + x % 3, 5]}
        for x in range(60, 110, 6)
        for y in range(50, 80, 3)
    ]
    content["annotations"].append({**first, "category_id": 20, "bbox": [70, 30, 9, 9]})
    write_coco(root, "train", content)
    return [
        ("class-imbalance", "annotations/instances_train.json", FIRST + 60 + 90),
        ("class-missing", "annotations/instances_val.json", 0),
        ("grid-crowded", ".", 0),
    ]


# Splits


@voc
def listed_twice(root: Path) -> list[Told]:
    path = root / "ImageSets/Main/train.txt"
    path.write_text(path.read_text() + "003\n")
    return [("list-repeated", "ImageSets/Main/train.txt", 21)]


@voc
def listed_in_two_splits(root: Path) -> list[Told]:
    path = root / "ImageSets/Main/val.txt"
    path.write_text(path.read_text() + "003\n")
    return [("split-overlap", "ImageSets/Main/val.txt", 11)]


@voc
def listed_in_no_split(root: Path) -> list[Told]:
    replace(root / "ImageSets/Main/val.txt", "025\n", "")
    return [("image-unlisted", "JPEGImages/025.jpg", 0)]


@voc
def empty_list(root: Path) -> list[Told]:
    write(root / "ImageSets/Main/test.txt", "\n")
    return [("split-empty", "ImageSets/Main/test.txt", 0)]


def add_image(root: Path, image: Image.Image, split: str, **options: Any) -> None:
    """An image 030 with the label of image 0."""
    save(image, root / "images" / split / "030.jpg", **options)
    shutil.copy(root / "labels/train/000.txt", root / "labels" / split / "030.txt")


@yolo
def the_same_file_in_two_splits(root: Path) -> list[Told]:
    shutil.copy(root / "images/train/000.jpg", root / "images/val/030.jpg")
    shutil.copy(root / "labels/train/000.txt", root / "labels/val/030.txt")
    return [("leak", "images/val/030.jpg", 0)]


@yolo
def the_same_file_twice(root: Path) -> list[Told]:
    shutil.copy(root / "images/train/000.jpg", root / "images/train/030.jpg")
    shutil.copy(root / "labels/train/000.txt", root / "labels/train/030.txt")
    return [("duplicate", "images/train/030.jpg", 0)]


@yolo
def a_scaled_copy_in_another_split(root: Path) -> list[Told]:
    add_image(root, PHOTOS[0].picture().resize((200, 150)), "val")
    return [("leak", "images/val/030.jpg", 0)]


@yolo
def a_cropped_copy_in_another_split(root: Path) -> list[Told]:
    add_image(root, ImageOps.crop(PHOTOS[0].picture(), 2), "val")
    return [("leak", "images/val/030.jpg", 0)]


@yolo
def a_mirrored_copy_in_another_split(root: Path) -> list[Told]:
    add_image(root, ImageOps.mirror(PHOTOS[0].picture()), "val")
    return [("leak", "images/val/030.jpg", 0)]


@voc
def crowded(root: Path) -> list[Told]:
    # Sixteen boxes of 4 pixels beside each other: nine or fewer of YOLOv1's cells.
    for photo in PHOTOS:
        boxes = [(x, y, x + 3, y + 3) for x in range(40, 56, 4) for y in range(40, 56, 4)]
        objects = [("person", box) for box in boxes]
        whole = zip(CLASSES[:2], map(one_based, photo.boxes), strict=False)
        write(root / "Annotations" / f"{photo.stem}.xml", xml(photo, [*whole, *objects]))
    return [("grid-crowded", ".", 0)]


def test_a_file_of_one_line_has_places_instead_of_lines(copy: Callable[[str], Path]) -> None:
    root = copy("coco")
    content = coco_content("train")
    content["annotations"][5]["bbox"] = [1, 2, 300, 4]
    write(root / "annotations/instances_train.json", json.dumps(content))
    assert told(root) == [("box-outside", "annotations/instances_train.json", 0)]
    assert report(root).findings[0].message.startswith("annotations[5].bbox (id ")


# Tables: the first image, 000.jpg of 120 x 90 pixels, is in lines 2 to 4


def with_row(root: Path, line: int, row: str) -> Path:
    path = root / "train_labels.csv"
    rows = path.read_text("utf-8").splitlines()
    rows[line - 1] = row
    return write(path, "\n".join(rows) + "\n")


@csv
def csv_row_cut(root: Path) -> list[Told]:
    with_row(root, 6, "001.jpg,90,120,bottle,1,2")
    return [("label-syntax", "train_labels.csv", 6)]


@csv
def csv_box_outside(root: Path) -> list[Told]:
    with_row(root, 3, "000.jpg,120,90,bottle,50,40,500,60")
    return [("box-outside", "train_labels.csv", 3)]


@csv
def csv_box_swapped(root: Path) -> list[Told]:
    with_row(root, 3, "000.jpg,120,90,bottle,90,40,60,60")
    return [("box-swapped", "train_labels.csv", 3)]


@csv
def csv_image_missing(root: Path) -> list[Told]:
    (root / "images/000.jpg").unlink()
    return [("no-image", "train_labels.csv", 2)]


@csv
def csv_image_unlisted(root: Path) -> list[Told]:
    (root / "images/000.jpg").rename(root / "images/extra.jpg")
    return [("image-unlisted", "images/extra.jpg", 0), ("no-image", "train_labels.csv", 2)]
