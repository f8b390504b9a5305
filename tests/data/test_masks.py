"""Masks: files of indices and colours, polygons, and the folders that they lie in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from yolo_cli.data.check.check import check_dataset
from yolo_cli.data.check.classes import count_classes
from yolo_cli.data.check.survey import survey
from yolo_cli.data.dataset import DatasetFolder, open_dataset
from yolo_cli.data.formats.masks import MaskReader
from yolo_cli.data.formats.scan import LabelledImage
from yolo_cli.data.mask import MaskFile, Polygons, read_mask
from yolo_cli.errors import UserError

INDICES = [[0, 1, 2, 255], [2, 2, 1, 0]]


def save(path: Path, values: Any, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dtype = np.uint16 if mode == "I;16" else np.uint8
    image = Image.fromarray(np.array(values, dtype=dtype))
    if mode == "P":
        image.putpalette([0, 0, 0, 10, 20, 30, 40, 50, 60] + [0] * 759)
    image.save(path)
    return path


def photo(path: Path, size: tuple[int, int] = (4, 2)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 9, 9)).save(path)
    return path


def voc(root: Path, ids: Sequence[str] = ("a", "b", "c"), mode: str = "P") -> Path:
    for one in ids:
        photo(root / "JPEGImages" / f"{one}.jpg")
        save(root / "SegmentationClass" / f"{one}.png", INDICES, mode)
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("\n".join(ids[:-1]) + "\n")
    (lists / "val.txt").write_text(ids[-1])
    (root / "classes.txt").write_text("sky\nroad\ncar\n")
    return root


def wrong(folder: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        open_dataset(folder).load(None)
    return caught.value


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_palette_and_grey_are_indices(tmp_path: Path, mode: str) -> None:
    values = [[0, 1, 2, 1], [2, 2, 1, 0]] if mode == "I;16" else INDICES
    path = save(tmp_path / "a.png", values, mode)
    assert read_mask(path, 3).tolist() == values


def test_three_equal_channels_are_indices(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.repeat(np.array(INDICES)[..., None], 3, axis=2))
    assert read_mask(path, 3).tolist() == INDICES


def test_colours_need_a_palette(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[[0, 0, 0], [128, 64, 0]]])
    with pytest.raises(UserError, match=r"nothing says which class is which") as caught:
        read_mask(path, 2)
    assert "palette.txt" in caught.value.hint
    assert read_mask(path, 2, {(128, 64, 0): 1, (0, 0, 0): 255}).tolist() == [[255, 1]]
    with pytest.raises(UserError, match=r"the colour 0 0 0 in 1 pixel is not in palette.txt"):
        read_mask(path, 2, {(128, 64, 0): 1})


def test_indices_beyond_the_classes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 3, 3, 255]])
    with pytest.raises(UserError, match=r"index 3 in 2 pixels, and there are 3 classes") as caught:
        read_mask(path, 3)
    assert caught.value.path == path
    assert read_mask(path, 4).tolist() == [[0, 3, 3, 255]]


def test_black_and_white_is_not_two_classes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 255]])
    with pytest.raises(UserError, match="255 means: not labelled") as caught:
        read_mask(path, 2)
    assert caught.value.hint == "write 1 for the second class"


def test_jpeg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("L", (4, 4)).save(path)
    with pytest.raises(UserError, match="its colours are not exact"):
        read_mask(path, 3)


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", INDICES)
    with pytest.raises(UserError, match="4 × 2 pixels, and its photograph 8 × 4"):
        MaskFile.read(path, 3, (8, 4), None)
    read = MaskFile.read(path, 3, (4, 2), None)
    assert read.pixels.tolist() == [2, 2, 3]
    assert read.classes.tolist() == [0, 1, 2]


def test_polygons_cover_the_pixels_whose_middles_they_hold() -> None:
    square = np.array([[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]])
    small = np.array([[2.0, 1.0], [3.0, 1.0], [3.0, 2.0], [2.0, 2.0]])
    for order in (1, -1):  # the smaller one is in front, whatever the order
        objects = [(1, [square]), (2, [small])][::order]
        drawn = Polygons(6, 4, 3, objects).mask()
        assert drawn[1, 2] == 2
        assert drawn[2, 1] == drawn[2, 2] == drawn[1, 1] == 1
        assert drawn[0].tolist() == [0] * 6
    crowd = Polygons(6, 4, 3, [(None, [square])])
    assert crowd.classes.tolist() == [0]
    assert crowd.mask()[1, 2] == 255


def test_voc_layout(tmp_path: Path) -> None:
    folder = open_dataset(voc(tmp_path))
    assert (folder.format, folder.task, folder.splits) == ("masks", "segment", ("train", "val"))
    assert folder.note == ""
    train = folder.load("train")
    assert train.classes == ("sky", "road", "car")
    assert [one.id for one in train.samples] == ["a", "b"]
    assert train.samples[0].present.tolist() == [0, 1, 2]
    assert len(folder.load(None)) == 3


def in_folders(root: Path, place: Callable[[str, str], Path]) -> Path:
    for split, one in (("train", "a"), ("val", "b")):
        photo(root / place(split, "images") / f"{one}.jpg")
        save(root / place(split, "masks") / f"{one}_mask.png", INDICES)
    (root / "classes.txt").write_text("sky\nroad\ncar\n\n")
    return root


@pytest.mark.parametrize("place", [lambda split, kind: Path(kind, split), Path])
def test_folders_of_splits(tmp_path: Path, place: Callable[[str, str], Path]) -> None:
    folder = open_dataset(in_folders(tmp_path, place))
    assert folder.format == "masks"
    assert folder.splits == ("train", "val")
    assert [one.id for one in folder.load("val").samples] == ["val/b"]


def test_masks_without_photographs(tmp_path: Path) -> None:
    save(tmp_path / "masks" / "a.png", INDICES)
    error = wrong(tmp_path)
    assert "a folder of masks, and none of photographs" in error.message
    assert str(tmp_path / "images") in error.hint


def test_a_photograph_without_a_mask(tmp_path: Path) -> None:
    voc(tmp_path)
    (tmp_path / "SegmentationClass" / "b.png").unlink()
    error = wrong(tmp_path)
    assert "no mask for it" in error.message
    found = check_dataset(tmp_path, input_size=448).findings
    assert [(one.code, one.severity) for one in found if "mask" in one.code] == [
        ("no-mask", "error")
    ]
    kept = open_dataset(tmp_path, skip_bad=True).load("train")
    assert [one.id for one in kept.samples] == ["a"]


def test_what_is_wrong_with_a_mask_stops_loading(tmp_path: Path) -> None:
    voc(tmp_path)
    bad = save(tmp_path / "SegmentationClass" / "b.png", [[0, 1, 2]])
    error = wrong(tmp_path)
    assert error.path == bad
    assert "3 × 1 pixels" in error.message


def test_classes_have_to_be_named(tmp_path: Path) -> None:
    voc(tmp_path)
    (tmp_path / "classes.txt").unlink()
    error = wrong(tmp_path)
    assert "no classes.txt" in error.message
    (tmp_path / "classes.txt").write_text("sky\nroad\nsky\n")
    with pytest.raises(UserError, match="'sky' is in line 1 as well"):
        open_dataset(tmp_path, format="masks").load("train")


def test_voc_names_its_classes_by_its_palette(tmp_path: Path) -> None:
    voc(tmp_path)
    (tmp_path / "classes.txt").unlink()
    for path in (tmp_path / "SegmentationClass").iterdir():
        image = Image.fromarray(np.array(INDICES, dtype=np.uint8))
        image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [0] * 756)
        image.save(path)
    classes = open_dataset(tmp_path).load("train").classes
    assert (len(classes), classes[0], classes[15]) == (21, "background", "person")


def test_a_palette_names_classes(tmp_path: Path) -> None:
    voc(tmp_path, mode="L")
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "palette.txt").write_text("0 0 0 void\n128 64 0 tree\n0, 0, 200 sea\n")
    pixels = [[[0, 0, 0], [128, 64, 0], [0, 0, 200], [0, 0, 200]]] * 2
    for path in (tmp_path / "SegmentationClass").iterdir():
        save(path, pixels)
    train = open_dataset(tmp_path).load("train")
    assert train.classes == ("tree", "sea")
    annotation = train.samples[0].annotation
    assert isinstance(annotation, MaskFile)
    assert annotation.mask().tolist() == [[255, 0, 1, 1]] * 2
    (tmp_path / "palette.txt").write_text("0 0 300 tree\n")
    assert "is no colour with a name" in wrong(tmp_path).message


def test_labels_change_the_fingerprint(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", INDICES)
    first = MaskFile.read(path, 3, (4, 2), None).fingerprint()
    save(path, [[0, 1, 2, 255], [2, 2, 1, 1]])
    assert MaskFile.read(path, 3, (4, 2), None).fingerprint() != first


def test_written_splits_are_read_again(tmp_path: Path) -> None:
    folder: DatasetFolder = open_dataset(in_folders(tmp_path / "data", lambda s, k: Path(k, s)))
    reader = folder.reader
    assert isinstance(reader, MaskReader)
    images = [one for one in reader.scan(None) if isinstance(one, LabelledImage)]
    reader.write_splits({"train": images[:1], "test": images[1:]}, tmp_path / "new")
    again = open_dataset(tmp_path / "new")
    assert again.splits == ("train", "test")
    assert [len(again.load(split)) for split in again.splits] == [1, 1]
    assert again.load("test").classes == ("sky", "road", "car")


def coco(root: Path, segmentation: Any, **changes: Any) -> Path:
    photo(root / "images" / "a.jpg", (6, 4))
    box = {"bbox": [1, 1, 3, 2], "area": 6, "iscrowd": 0}
    objects = [
        {"id": 1, "image_id": 1, "category_id": 7, "segmentation": segmentation, **box, **changes}
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 6, "height": 4}],
        "annotations": objects,
        "categories": [{"id": 7, "name": "car"}],
    }
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_train.json").write_text(json.dumps(content))
    return root


CAR = [[0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]]


def drawn(folder: Path) -> list[list[int]]:
    dataset = open_dataset(folder, task="segment").load(None)
    assert dataset.task == "segment"
    assert dataset.classes == ("background", "car")
    annotation = dataset.samples[0].annotation
    assert isinstance(annotation, Polygons)
    result: list[list[int]] = annotation.mask().tolist()
    return result


def test_polygons_of_coco(tmp_path: Path) -> None:
    root = coco(tmp_path, [[1, 1, 4, 1, 4, 3, 1, 3]])
    assert open_dataset(root).task == "detect"
    assert drawn(root) == CAR


def test_crowds_of_coco_are_not_labelled(tmp_path: Path) -> None:
    root = coco(tmp_path, {"counts": [1], "size": [4, 6]}, iscrowd=1)
    assert drawn(root) == [[255 if one else 0 for one in row] for row in CAR]


@pytest.mark.parametrize("crowd", [0, 1])
def test_run_lengths_of_coco(tmp_path: Path, crowd: int) -> None:
    # Columns of four pixels: 5 outside, 2 inside, 2 outside, 2, 2, 2, 9.
    for number, counts in enumerate(([5, 2, 2, 2, 2, 2, 9], "5220007")):
        root = coco(tmp_path / str(number), {"counts": counts, "size": [4, 6]}, iscrowd=crowd)
        assert drawn(root) == [[255 * one if crowd else one for one in row] for row in CAR]


def test_run_lengths_of_another_size(tmp_path: Path) -> None:
    root = coco(tmp_path, {"counts": [5, 2, 2, 2, 2, 2, 9], "size": [6, 4]})
    with pytest.raises(UserError, match="run lengths for 4 × 6 pixels, and its image has another"):
        open_dataset(root, task="segment").load(None)


def test_an_object_without_an_outline(tmp_path: Path) -> None:
    root = coco(tmp_path, [])
    with pytest.raises(UserError, match="'car' has a box and no outline"):
        open_dataset(root, task="segment").load(None)


def test_polygons_of_yolo(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg", (6, 4))
    (tmp_path / "labels").mkdir()
    corners = "0.16667 0.25 0.66667 0.25 0.66667 0.75 0.16667 0.75"
    (tmp_path / "labels" / "a.txt").write_text(f"0 {corners}\n")
    (tmp_path / "classes.txt").write_text("car\n")
    assert drawn(tmp_path) == CAR


def test_masks_are_found_where_yolo_would_see_images_alone(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / "a.png", INDICES)
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    assert open_dataset(tmp_path, task="segment").format == "masks"


def test_masks_with_one_and_the_same_fault_are_masks_still(tmp_path: Path) -> None:
    for name in ("a", "b"):
        photo(tmp_path / "images" / f"{name}.jpg")
        save(tmp_path / "masks" / f"{name}.png", [[0, 0, 255, 255], [0, 0, 0, 0]])
    (tmp_path / "classes.txt").write_text("ground\ndog\n")
    assert open_dataset(tmp_path).format == "masks"
    assert "write 1 for the second class" in wrong(tmp_path).hint


def test_masks_for_another_task(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / "a.png", INDICES)
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    with pytest.raises(UserError, match=r"a dataset to segment \(masks\), not to detect") as caught:
        open_dataset(tmp_path, task="detect").load(None)
    assert "it needs a segmenter" in caught.value.hint


def test_check_counts_the_images_of_each_class(tmp_path: Path) -> None:
    voc(tmp_path)
    save(tmp_path / "SegmentationClass" / "c.png", [[0, 0, 0, 0], [0, 0, 2, 255]])
    found = survey(open_dataset(tmp_path).reader, lambda _count: None)
    counts = count_classes(found)
    assert counts.total == {"sky": 3, "road": 2, "car": 3}
    assert counts.by_split["val"] == {"sky": 1, "car": 1}
