"""Nothing is found where nothing is wrong, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.data.builders import CAT, image, voc, voc_object, voc_xml, write
from tests.data.check.builders import (
    CLASSES,
    IMAGES,
    PHOTOS,
    TRAIN,
    make_voc,
    one_based,
    replace,
    report,
    save,
    told,
    xml,
)
from yolo_cli.data.check.check import check_dataset
from yolo_cli.data.images import image_size
from yolo_cli.errors import UserError

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.mark.parametrize("layout", ["voc", "yolo", "coco", "text", "csv", "via", "createml"])
def test_clean(clean: dict[str, Path], layout: str) -> None:
    found = report(clean[layout])
    assert found.findings == []
    assert found.format == layout
    assert found.images == len(found.samples) == IMAGES
    assert found.background == 0
    assert found.counts.total == dict.fromkeys(CLASSES, IMAGES)
    assert found.groups == []
    if layout != "text":
        assert found.splits == {"train": TRAIN, "val": IMAGES - TRAIN}
    boxes = {one.image.stem: one.boxes.tolist() for one in found.samples}
    for photo in PHOTOS:
        rounded = [[round(value, 2) for value in box] for box in boxes[photo.stem]]
        assert rounded == [list(box) for box in photo.boxes]


def test_samples() -> None:
    """Two classes have but one photograph: that is all."""
    found = report(SAMPLES).findings
    assert [one.code for one in found] == ["class-missing"]
    assert "val has no object of diningtable, dog" in found[0].message


def test_nothing_is_written(copy: Callable[[str], Path]) -> None:
    for layout in ("voc", "yolo", "coco", "csv", "via", "createml"):
        root = copy(layout)
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
        report(root)
        assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_an_image_that_is_turned_and_labelled_so(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = PHOTOS[9].picture().transpose(Image.Transpose.ROTATE_90)  # 6 turns it back
    path = save(turned, root / "JPEGImages/009.jpg", exif=exif)
    assert image_size(path) == (PHOTOS[9].width, PHOTOS[9].height)
    assert told(root) == []


def test_background(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    write(root / "Annotations/005.xml", xml(PHOTOS[5], []))
    assert told(root) == []
    assert report(root).background == 1


def test_other_files_of_a_dataset(copy: Callable[[str], Path]) -> None:
    """What other programs leave is no label without an image."""
    root = copy("yolo")
    for name in ("labels/classes.txt", "labels/train/classes.txt", "images/train/README.txt"):
        write(root / name, "\n".join(CLASSES))
    write(root / "labels/train.cache", "x")
    write(root / "train.txt", "images/train/000.jpg\n")
    assert told(root) == []


def test_trainval_is_made_of_train_and_val(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    lists = root / "ImageSets/Main"
    write(
        lists / "trainval.txt", (lists / "train.txt").read_text() + (lists / "val.txt").read_text()
    )
    assert told(root) == []


def test_an_annotation_that_nobody_asks_for(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    (root / "JPEGImages/003.jpg").unlink()
    replace(root / "ImageSets/Main/train.txt", "003\n", "")
    found = report(root).findings
    assert [(one.code, one.severity) for one in found] == [("no-image", "warning")]
    assert str(root / "JPEGImages/003") in found[0].message  # the path that was tried


def test_rounded_fractions(copy: Callable[[str], Path]) -> None:
    """Three decimals put a box half a pixel over the edge of a large image."""
    root = copy("yolo")
    save(PHOTOS[3].picture().resize((1200, 900)), root / "images/train/003.jpg")
    write(root / "labels/train/003.txt", "0 .9505 .5 .1 .1\n")  # 1.0005 x 1200 = 1200.6
    assert told(root) == []


def test_images_and_labels_side_by_side(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": voc_xml(CAT)}, folders=("", ""))
    save(PHOTOS[1].picture(), root / "b.jpg")
    found = report(root).findings
    # builders' <size> is wrong on purpose; an image alone is background here, but is told of.
    assert [(one.code, one.severity) for one in found] == [
        ("no-label", "warning"),
        ("size-wrong", "warning"),
    ]


def test_two_folders_of_splits(tmp_path: Path) -> None:
    for split, photos in (("train", PHOTOS[:20]), ("valid", PHOTOS[20:])):
        for photo in photos:
            save(photo.picture(), tmp_path / split / "images" / f"{photo.stem}.jpg")
            objects = zip(CLASSES, map(one_based, photo.boxes), strict=True)
            write(tmp_path / split / "annotations" / f"{photo.stem}.xml", xml(photo, objects))
    found = report(tmp_path)
    assert found.findings == []
    assert found.splits == {"train": 20, "val": 10}


def test_no_objects_at_all(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": voc_xml()})
    codes = [one.code for one in report(root).findings]
    assert "no-labels" in codes


def test_folders_that_are_no_datasets(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        check_dataset(tmp_path / "nowhere", input_size=448)
    image(tmp_path / "photos/a.jpg")
    with pytest.raises(UserError, match="not recognised as a dataset"):
        check_dataset(tmp_path / "photos", input_size=448)
    with pytest.raises(UserError, match="a file, not a dataset folder"):
        check_dataset(tmp_path / "photos/a.jpg", input_size=448)


def test_names_that_are_hard_on_a_terminal(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "data")
    odd = voc_object("línea\nnueva", 30, 30, 60, 60)
    write(root / "Annotations/004.xml", voc_xml(odd, filename="004.jpg"))
    found = report(root)
    assert "línea nueva" in found.counts.total
    assert all("\n" not in one.message for one in found.findings)
