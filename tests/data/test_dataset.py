from __future__ import annotations

from pathlib import Path

import pytest

from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats.common import canonical_split
from yolo_cli.errors import ExitCode, UserError

from .builders import CAT, image, voc, voc_xml, write

PLAIN = voc_xml(CAT)


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("train", "train"),
        ("valid", "val"),
        ("validation", "val"),
        ("Val", "val"),
        ("train2017", "train"),
        ("val_2017", "val"),
        ("testing", "test"),
        ("trainval", "trainval"),
        ("fold2017", "fold2017"),
        ("2017", "2017"),
    ],
)
def test_names_of_splits(name: str, canonical: str) -> None:
    assert canonical_split(name) == canonical


def test_two_splits_that_would_share_a_name_keep_theirs(tmp_path: Path) -> None:
    voc(tmp_path, dict.fromkeys("abc", PLAIN), {"train2007": "a", "train2012": "b", "val": "c"})
    folder = open_dataset(tmp_path)
    assert sorted(folder.splits) == ["train", "train2012", "val"]
    for name, wanted in [("train2007", "a"), ("train2012", "b"), ("train", "a"), ("valid", "c")]:
        assert [sample.id for sample in folder.load(name).samples] == [wanted]


def test_an_unknown_split_lists_those_that_exist(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN}, {"train": "a", "val": "a"})
    with pytest.raises(UserError, match="no split 'test'") as caught:
        open_dataset(tmp_path).load("test")
    assert "train, val" in caught.value.hint


def test_a_split_of_a_dataset_without_any(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no split 'test'") as caught:
        open_dataset(voc(tmp_path, {"a": PLAIN})).load("test")
    assert "no splits" in caught.value.hint


def test_folders_that_are_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "file", "x")
    image(tmp_path / "images only" / "a.jpg")
    write(tmp_path / "text only" / "notes.md", "x")
    for name, words in [
        ("gone", "no such folder"),
        ("empty", "empty folder"),
        ("file", "a file"),
        ("images only", "not recognised"),
        ("text only", "not recognised"),
    ]:
        with pytest.raises(UserError, match=words) as caught:
            open_dataset(tmp_path / name)
        assert str(tmp_path / name) in caught.value.message
        assert caught.value.code is ExitCode.BAD_INPUT
        assert words != "not recognised" or "Annotations" in caught.value.hint


def test_the_format_can_be_forced(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN})
    assert open_dataset(tmp_path, format="voc").format == "voc"
    with pytest.raises(UserError, match="'vco'") as caught:
        open_dataset(tmp_path, format="vco")
    assert caught.value.code is ExitCode.USAGE


def test_nothing_is_written_into_a_dataset(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN}, {"train": "a"})
    before = sorted(tmp_path.rglob("*"))
    open_dataset(tmp_path).load("train")
    assert sorted(tmp_path.rglob("*")) == before
