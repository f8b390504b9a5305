"""What stops a training run before it begins, and what is said of its two splits."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.builders import write
from tests.data.check.builders import CLASSES, PHOTOS, TRAIN, report, xml
from yolo_cli.data.check.finding import Finding
from yolo_cli.data.check.preflight import images_of, preflight
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.splits import TrainingSplits, training_splits
from yolo_cli.errors import UserError


def splits_of(root: Path, *, skip_bad: bool = False) -> TrainingSplits:
    folder = open_dataset(root, skip_bad=skip_bad)  # strict: headers of damaged images are whole
    return training_splits(folder, train=None, val=None, seed=0)


def looked_at(root: Path) -> list[Finding]:
    splits = splits_of(root)
    return preflight(splits.train, splits.val)


def said(root: Path) -> list[tuple[str, str, str]]:
    return [
        (one.code, one.spot.path.relative_to(root).as_posix(), one.message)
        for one in looked_at(root)
    ]


def errors(root: Path) -> set[str]:
    """Codes of the errors of ``yolo check``."""
    return {one.code for one in report(root).findings if one.severity == "error"}


@pytest.mark.parametrize("layout", ["voc", "yolo", "coco"])
def test_a_sound_dataset(clean: dict[str, Path], layout: str) -> None:
    assert looked_at(clean[layout]) == []
    found = splits_of(clean[layout])
    assert (len(found.train), len(found.val)) == (TRAIN, len(PHOTOS) - TRAIN)
    assert found.train.faults == found.val.faults == ()


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-600])
    return path


def test_a_damaged_image_stops_the_run(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    path = cut(root / "JPEGImages/025.jpg")  # one of the validation images
    with pytest.raises(UserError, match="damaged image") as caught:
        looked_at(root)
    assert caught.value.path == path
    assert caught.value.message.startswith(f"{path}: damaged image (")
    assert caught.value.hint.endswith("or drop it with --skip-bad")
    assert errors(root) == {"image-damaged"}


def test_all_damaged_images_are_counted(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    first, *_ = [cut(root / f"JPEGImages/{stem}.jpg") for stem in ("003", "004", "025")]
    with pytest.raises(UserError, match="; 2 more images cannot be decoded either") as caught:
        looked_at(root)
    assert caught.value.path == first


def test_loading_drops_damaged_images_if_asked(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    paths = [cut(root / f"JPEGImages/{stem}.jpg") for stem in ("003", "004", "025")]
    found = splits_of(root, skip_bad=True)
    assert (len(found.train), len(found.val)) == (TRAIN - 2, 9)
    assert [error.path for error in (*found.train.faults, *found.val.faults)] == paths
    assert all("damaged image" in line for line in found.train.skipped)
    assert preflight(found.train, found.val, decode=False) == []


def test_nothing_left(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    for photo in PHOTOS[TRAIN:]:
        cut(root / f"JPEGImages/{photo.stem}.jpg")
    with pytest.raises(UserError, match="split 'val': no images left, 10 were bad"):
        splits_of(root, skip_bad=True)


def test_identical_splits(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    lists = root / "ImageSets/Main"
    shutil.copy(lists / "val.txt", lists / "train.txt")
    what = "train and val are the same 10 images"
    assert said(root) == [("split-overlap", "JPEGImages/020.jpg", what)]
    assert errors(root) == {"split-overlap"}


def test_an_image_in_both_splits(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    path = root / "ImageSets/Main/val.txt"
    path.write_text(path.read_text() + "003\n004\n")
    what = "003 is in train and val, like 1 more"
    assert said(root) == [("split-overlap", "JPEGImages/003.jpg", what)]
    assert errors(root) == {"split-overlap"}


def test_a_copy_in_the_other_split(copy: Callable[[str], Path]) -> None:
    root = copy("yolo")
    shutil.copy(root / "images/train/000.jpg", root / "images/val/030.jpg")
    shutil.copy(root / "labels/train/000.txt", root / "labels/val/030.txt")
    what = f"identical to {root}/images/train/000.jpg (train and val)"
    assert said(root) == [("leak", "images/val/030.jpg", what)]
    assert errors(root) == {"leak"}


def test_fractions_for_pixels(copy: Callable[[str], Path]) -> None:
    root = copy("voc")
    for photo in PHOTOS:
        size = (photo.width, photo.height) * 2
        boxes = [[v / s for v, s in zip(box, size, strict=True)] for box in photo.boxes]
        objects = zip(CLASSES, boxes, strict=True)
        write(root / "Annotations" / f"{photo.stem}.xml", xml(photo, objects))
    assert [code for code, _, _ in said(root)] == ["box-normalised"]
    assert errors(root) == {"box-normalised"}


def test_each_image_is_opened_once(clean: dict[str, Path]) -> None:
    folder = open_dataset(clean["voc"])
    train, both = folder.load("train"), folder.load(None)
    counts: list[int] = []
    preflight(train, both, progress=counts.append)
    assert counts == [1] * len(PHOTOS)
    assert len(images_of(train, both)) == len(PHOTOS)


def test_the_only_image_of_a_dataset_is_no_leak(tmp_path: Path) -> None:
    PHOTOS[0].picture().save(tmp_path / "000.png")
    write(tmp_path / "000.xml", xml(PHOTOS[0]))
    assert said(tmp_path) == []
