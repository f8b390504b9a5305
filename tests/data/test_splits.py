from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo_cli.data import splits as module
from yolo_cli.data.check.pictures import Seen
from yolo_cli.data.dataset import DatasetFolder, open_dataset
from yolo_cli.data.sample import Dataset
from yolo_cli.data.splits import TrainingSplits, evaluation_split, training_splits

from .builders import CAT, voc, voc_object, voc_xml

PLAIN = voc_xml(CAT)
NAMES = [f"{number:02}" for number in range(15)]


def folder(root: Path, names: list[str] = NAMES, **lists: list[str]) -> DatasetFolder:
    return open_dataset(voc(root, dict.fromkeys(names, PLAIN), lists))


def chosen(
    dataset: DatasetFolder, train: str | None = None, val: str | None = None, seed: int = 0
) -> TrainingSplits:
    return training_splits(dataset, train=train, val=val, seed=seed)


def ids(data: Dataset) -> list[str]:
    return [sample.id for sample in data.samples]


def test_the_dataset_s_own_splits(tmp_path: Path) -> None:
    dataset = folder(tmp_path, train=["00", "01"], val=["02"], test=["03"])
    result = chosen(dataset)
    assert (ids(result.train), ids(result.val)) == (["00", "01"], ["02"])
    assert result.note == "2 images to train (train), 1 to validate (val)"
    named = chosen(dataset, train="val", val="test")
    assert (ids(named.train), ids(named.val)) == (["02"], ["03"])


def test_test_stands_in_for_val(tmp_path: Path) -> None:
    result = chosen(folder(tmp_path, train=["00"], test=["03"]))
    assert (ids(result.train), ids(result.val)) == (["00"], ["03"])
    assert "no val split" in result.note


def test_trainval_stands_in_for_train_where_test_validates(tmp_path: Path) -> None:
    result = chosen(folder(tmp_path, trainval=["00", "01"], test=["03"]))
    assert (ids(result.train), ids(result.val)) == (["00", "01"], ["03"])


def test_eighty_to_twenty(tmp_path: Path) -> None:
    result = chosen(folder(tmp_path))
    assert result.note == "no splits in the dataset: 12 images to train, 3 to validate (seed 0)"
    assert (len(result.train), len(result.val)) == (12, 3)
    assert sorted(ids(result.train) + ids(result.val)) == NAMES
    assert (result.train.split, result.val.split) == ("train", "val")


def test_the_division_depends_on_the_seed_alone(tmp_path: Path) -> None:
    dataset = folder(tmp_path)
    assert ids(chosen(dataset).val) == ids(chosen(dataset).val)
    assert len({tuple(ids(chosen(dataset, seed=seed).val)) for seed in range(10)}) > 5
    whole = dataset.load(None)
    turned = replace(whole, samples=whole.samples[::-1])
    one, other = (module._divided(data, 3, module._open_all) for data in (whole, turned))
    assert (ids(one.train), ids(one.val)) == (ids(other.train), ids(other.val))


def photographs(root: Path, names: dict[str, int]) -> DatasetFolder:
    """A VOC folder; images with the same number show the same."""
    dataset = voc(root, dict.fromkeys(names, PLAIN))
    for name, number in names.items():
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        coarse.resize((100, 80), Image.Resampling.BICUBIC).save(dataset / f"JPEGImages/{name}.jpg")
    return open_dataset(dataset)


def test_copies_are_kept_together(tmp_path: Path) -> None:
    """Augmented copies by their names, others by what they show."""
    names = {f"{k}_jpg.rf.{i:08d}": 10 * k + i for k in range(10) for i in range(3)}
    pictures = {f"plain{i}": 200 + i // 2 for i in range(6)}
    for seed in range(5):
        result = chosen(photographs(tmp_path / str(seed), names | pictures), seed=seed)
        parts = [{*ids(result.train)}, {*ids(result.val)}]
        assert all(parts)
        for k in range(10):
            copies = {name for name in names if name.startswith(f"{k}_")}
            assert sum(copies <= part for part in parts) == 1
        for i in (0, 2, 4):
            assert sum({f"plain{i}", f"plain{i + 1}"} <= part for part in parts) == 1
        assert result.note.endswith(
            f"(seed {seed}); 10 originals with 30 copies and 6 images of 3 pictures kept together"
        )
        assert len(result.val) == pytest.approx(7.2, abs=3)
        assert result.warnings == ()


def test_copies_of_one_picture_alone_are_divided_with_a_warning(tmp_path: Path) -> None:
    result = chosen(folder(tmp_path))
    (warning,) = result.warnings
    assert warning.endswith(
        "JPEGImages/00.jpg: belongs together with 01.jpg and others (the same picture), 15 of 15 "
        "images: too many to be kept in one split, so scores will be too high"
    )


def test_a_run_goes_on_with_the_division_that_it_began_with(tmp_path: Path) -> None:
    dataset = photographs(tmp_path, {name: int(name) for name in NAMES})
    first = chosen(dataset)

    def look(_: object) -> Mapping[Path, Seen]:
        raise AssertionError("nothing needs to be opened")

    begun = ids(first.val)
    again = training_splits(dataset, train=None, val=None, seed=7, begun=begun, look=look)
    assert (ids(again.train), ids(again.val)) == (ids(first.train), ids(first.val))


def test_classes_are_divided_alike(tmp_path: Path) -> None:
    dog = voc_xml(voc_object("dog", 11, 21, 50, 60))
    root = voc(tmp_path, {f"{i:02}": dog if i < 5 else PLAIN for i in range(25)})
    result = chosen(open_dataset(root))
    for data, dogs in ((result.train, 4), (result.val, 1)):
        index = data.classes.index("dog")
        assert sum(bool((one.labels == index).any()) for one in data.samples) == dogs


def test_the_only_object_is_trained_on(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": voc_xml(), "b": voc_xml(), "c": PLAIN})
    for seed in range(10):
        assert "c" in ids(chosen(open_dataset(root), seed=seed).train)


@pytest.mark.parametrize(("count", "validating"), [(2, 1), (3, 1), (4, 1), (10, 2)])
def test_each_part_has_an_image(tmp_path: Path, count: int, validating: int) -> None:
    result = chosen(folder(tmp_path, NAMES[:count]))
    assert (len(result.train), len(result.val)) == (count - validating, validating)


def test_a_single_image_is_both(tmp_path: Path) -> None:
    result = chosen(folder(tmp_path, ["a"]))
    assert ids(result.train) == ids(result.val) == ["a"]
    assert (
        result.note == "no splits in the dataset: its only image is both trained and validated on"
    )


def test_a_train_split_alone_is_divided(tmp_path: Path) -> None:
    result = chosen(folder(tmp_path, train=NAMES[:10]))
    assert (len(result.train), len(result.val)) == (8, 2)
    assert sorted(ids(result.train) + ids(result.val)) == NAMES[:10]
    assert "no split to validate on beside train" in result.note


def test_without_a_train_split_all_images_are_divided(tmp_path: Path) -> None:
    result = chosen(folder(tmp_path, test=["03"]))
    assert len(result.train) + len(result.val) == 15
    assert "it has test" in result.note


def test_a_named_val_is_not_trained_on(tmp_path: Path) -> None:
    result = chosen(folder(tmp_path, mine=["03", "04"]), val="mine")
    assert ids(result.val) == ["03", "04"]
    assert ids(result.train) == [name for name in NAMES if name not in {"03", "04"}]


def test_evaluation(tmp_path: Path) -> None:
    full = folder(tmp_path / "a", train=["00"], val=["01"], test=["02"])
    assert ids(evaluation_split(full, None)) == ["01"]
    assert ids(evaluation_split(full, "train")) == ["00"]
    assert ids(evaluation_split(folder(tmp_path / "b", test=["02"]), None)) == ["02"]
    assert ids(evaluation_split(folder(tmp_path / "c"), None)) == NAMES
