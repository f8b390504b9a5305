from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import ImageOps

from tests.data.builders import write
from tests.data.check.builders import CLASSES, PHOTOS, one_based, report, save, told, xml
from tests.data.check.pairs import film
from yolo_cli.data.check.divide import (
    check_out,
    divide,
    division_notes,
    parse_shares,
    write_division,
)
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import ExitCode, UserError

SHARES = (0.6, 0.2, 0.2)


def divided(root: Path, out: Path) -> dict[str, list[str]]:
    """Divides a dataset; the names of the images in each split, as a reader finds them."""
    check_out(root, out)
    found = report(root)
    write_division(found, divide(found, SHARES, 0), out)
    folder = open_dataset(out, skip_bad=True)
    assert {*folder.splits} == {"train", "val", "test"}
    original = {one.image.resolve(): one.boxes.tolist() for one in found.samples}
    splits = {}
    for split in ("train", "val", "test"):
        samples = folder.load(split).samples
        splits[split] = sorted(one.image.name for one in samples)
        for one in samples:  # the very same image, with the very same boxes
            assert one.boxes.tolist() == original[one.image.resolve()]
    return splits


@pytest.mark.parametrize("layout", ["voc", "yolo", "coco"])
def test_each_layout(copy: Callable[[str], Path], tmp_path: Path, layout: str) -> None:
    root = copy(layout)
    before = sorted(root.rglob("*"))
    splits = divided(root, tmp_path / "out")
    assert sorted(root.rglob("*")) == before
    assert [len(part) for part in splits.values()] == [18, 6, 6]
    names = [name for part in splits.values() for name in part]
    assert sorted(names) == [f"{photo.stem}.jpg" for photo in PHOTOS]
    assert told(tmp_path / "out") == []


def test_what_looks_alike_stays_together(copy: Callable[[str], Path], tmp_path: Path) -> None:
    root = copy("yolo")
    for i, photo in enumerate(PHOTOS[:8]):
        save(ImageOps.crop(photo.picture(), 1), root / f"images/val/1{i:02d}.jpg")
        text = (root / f"labels/train/{photo.stem}.txt").read_text()
        write(root / f"labels/val/1{i:02d}.txt", text)
    assert [code for code, _, _ in told(root)] == ["leak"] * 8
    splits = divided(root, tmp_path / "out")
    for i in range(8):
        pair = {f"{i:03d}.jpg", f"1{i:02d}.jpg"}
        assert [pair <= {*part} or not pair & {*part} for part in splits.values()] == [True] * 3
    assert {one.code for one in report(tmp_path / "out").findings} == {"duplicate"}


def roboflow(root: Path) -> Path:
    """37 originals with nine copies each, every other one turned; as an export has them."""
    for number in range(37):
        photo = replace(PHOTOS[number % len(PHOTOS)], stem=f"{100 + number}")
        for copy in range(9):
            name = f"img_{number}_jpg.rf.{number:016x}{copy:016x}"
            save(
                photo.picture().rotate(90 * (copy % 4), expand=True),
                root / "images" / f"{name}.jpg",
            )
            write(root / "labels" / f"{name}.txt", "0 0.5 0.5 0.2 0.2\n")
    write(root / "data.yaml", "train: images\nnames: [board]\n")
    return root


def test_augmented_copies_stay_together(tmp_path: Path) -> None:
    root = roboflow(tmp_path / "data")
    found = report(root)
    parts = divide(found, (0.8, 0.1, 0.1), 0)
    originals = [
        {found.labelled[index].path.name.split(".rf.")[0] for index in part}
        for part in parts.values()
    ]
    assert [len(part) for part in originals] == [len(part) // 9 for part in parts.values()]
    assert sum(map(len, originals)) == len(set.union(*originals)) == 37
    wanted = [266.4, 33.3, 33.3]
    assert [len(part) for part in parts.values()] == pytest.approx(wanted, abs=9)
    assert division_notes(found, parts)[0] == "37 originals with 333 copies kept together"


def test_what_cannot_be_divided_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number in range(20):
        save(PHOTOS[0].picture(), root / f"{number:02d}.jpg")
        write(root / f"{number:02d}.xml", xml(PHOTOS[0]))
    with pytest.raises(UserError) as caught:
        divide(report(root), (0.8, 0.1, 0.1), 0)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert caught.value.message == (
        f"{root}: cannot be divided 80/10/10: 20 of 20 images belong together (the same picture), "
        f"such as {root}/00.jpg and 01.jpg; the splits would have 20/0/0 images"
    )
    assert "remove copies" in caught.value.hint


def test_a_divided_video_is_pointed_out(tmp_path: Path) -> None:
    for number, frame in enumerate(film(0, 20)):
        save(frame, tmp_path / f"clip_{number:06d}.jpg")
        write(tmp_path / f"clip_{number:06d}.xml", xml(PHOTOS[0]))
    found = report(tmp_path)
    parts = divide(found, (0.8, 0.2), 0)
    (line,) = [note for note in division_notes(found, parts) if note.startswith("warning")]
    assert "frames of one video are in two splits, such as" in line


def test_folders_of_splits(tmp_path: Path) -> None:
    for split, photos in (("train", PHOTOS[:20]), ("valid", PHOTOS[20:])):
        for photo in photos:
            save(photo.picture(), tmp_path / "data" / split / f"{photo.stem}.jpg")
            objects = zip(CLASSES, map(one_based, photo.boxes), strict=True)
            write(tmp_path / "data" / split / f"{photo.stem}.xml", xml(photo, objects))
    splits = divided(tmp_path / "data", tmp_path / "out")
    assert [len(part) for part in splits.values()] == [18, 6, 6]


def test_unreadable_labels_are_left_out(copy: Callable[[str], Path], tmp_path: Path) -> None:
    root = copy("voc")
    write(root / "Annotations/003.xml", "<annotation>")
    (root / "Annotations/004.xml").unlink()
    (root / "JPEGImages/005.jpg").write_bytes(b"")
    splits = divided(root, tmp_path / "out")
    names = {name for part in splits.values() for name in part}
    assert names == {f"{photo.stem}.jpg" for photo in PHOTOS} - {"003.jpg", "004.jpg", "005.jpg"}


def test_where_nothing_is_written(copy: Callable[[str], Path], tmp_path: Path) -> None:
    root = copy("voc")
    with pytest.raises(UserError, match="inside the dataset"):
        check_out(root, root / "splits")
    with pytest.raises(UserError, match="inside the dataset"):
        check_out(root, root)
    write(tmp_path / "full/a.txt", "x")
    with pytest.raises(UserError, match="not empty"):
        check_out(root, tmp_path / "full")
    with pytest.raises(UserError, match="not empty"):
        check_out(root, tmp_path / "full/a.txt")
    (tmp_path / "empty").mkdir()
    check_out(root, tmp_path / "empty")


def test_a_layout_without_splits_is_divided_as_coco(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    root = copy("text")
    splits = divided(root, tmp_path / "out")
    assert [len(part) for part in splits.values()] == [18, 6, 6]
    assert open_dataset(tmp_path / "out").format == "coco"
    assert told(tmp_path / "out") == []


def test_a_bad_label_is_not_lost_on_the_way_to_another_layout(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    root = copy("text")
    write(root / "ground-truth/003.txt", "person 1 2 3\nperson 1 2 30 40\n")
    with pytest.raises(UserError, match=r"003\.txt:1: not 'class left"):
        divided(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shares() -> None:
    assert parse_shares("80/10/10") == (0.8, 0.1, 0.1)
    assert parse_shares("3/1") == (0.75, 0.25)
    for text in ("80", "80/10/10/10", "a/b", "80/-10", "100/0", "nan/1", "1e9/1", ""):
        with pytest.raises(UserError, match="not shares"):
            parse_shares(text)


def test_too_few_images(tmp_path: Path) -> None:
    save(PHOTOS[0].picture(), tmp_path / "a.jpg")
    write(tmp_path / "a.xml", xml(PHOTOS[0]))
    with pytest.raises(UserError, match="too few images"):
        divide(report(tmp_path), SHARES, 0)
