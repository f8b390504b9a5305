from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from tests.data.builders import write
from tests.training.conftest import Options
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.reporter import Reporter


@pytest.fixture
def said(reporter: Reporter) -> Callable[[], str]:
    text = StringIO()
    reporter.console = Console(file=text, width=200)
    return text.getvalue


def image(toy: Path, name: str) -> Path:
    return next((toy / "JPEGImages").glob(f"{name}.*"))


def test_a_damaged_photograph_is_found_before_anything_is_made(
    options: Options, toy: Path, tmp_path: Path, reporter: Reporter
) -> None:
    damaged = image(toy, "003")
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.raises(UserError, match="damaged image") as caught:
        prepare(options(), tmp_path / "run", reporter)
    assert (caught.value.path, caught.value.code) == (damaged, ExitCode.BAD_INPUT)
    assert not (tmp_path / "run").exists()


def test_a_damaged_photograph_is_dropped_if_asked_and_a_resumed_run_drops_it_as_well(
    options: Options, toy: Path, tmp_path: Path, reporter: Reporter, said: Callable[[], str]
) -> None:
    damaged = image(toy, "003")
    damaged.write_bytes(damaged.read_bytes()[:-40])
    trainer = prepare(replace(options(), skip_bad=True), tmp_path / "run", reporter)
    assert trainer.images == 4
    assert f"skipped   {damaged}" in said()
    trainer.run.release()
    assert prepare_resumed(tmp_path / "run", reporter).images == 4


def test_identical_splits_are_pointed_out(
    options: Options, toy: Path, tmp_path: Path, reporter: Reporter, said: Callable[[], str]
) -> None:
    lists = toy / "ImageSets/Main"
    shutil.copy(lists / "train.txt", lists / "val.txt")
    prepare(options(), tmp_path / "run", reporter)
    assert "train and val are the same 5 images" in said()


def test_the_same_photograph_in_both_splits_is_pointed_out(
    options: Options, toy: Path, tmp_path: Path, reporter: Reporter, said: Callable[[], str]
) -> None:
    shutil.copy(image(toy, "000"), image(toy, "007"))
    prepare(options(), tmp_path / "run", reporter)
    (line,) = [line for line in said().splitlines() if line.startswith("warning")]
    assert str(image(toy, "007")) in line
    assert str(image(toy, "000")) in line


def test_a_split_that_was_never_published_is_pointed_out(
    options: Options, tmp_path: Path, reporter: Reporter, said: Callable[[], str]
) -> None:
    root = tmp_path / "plates"
    for index, colour in enumerate(("red", "green", "blue", "gray", "pink")):
        write(root / f"train/labels/{index}.txt", "0 .5 .5 .2 .2\n")
        (root / "train/images").mkdir(exist_ok=True)
        Image.new("RGB", (64, 64), colour).save(root / f"train/images/{index}.png")
    text = "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: [plate]\n"
    write(root / "data.yaml", text)
    prepare(replace(options(), data=root), tmp_path / "run", reporter)
    lines = [line for line in said().splitlines() if line.startswith("note ")]
    assert f"note      {root}/data.yaml: 'nc' is 2, but 1 class is named: the names count" in lines
    missing = f"val: '../valid/images' is nowhere in {root}; val is left out"
    assert f"note      {root}/data.yaml: {missing}" in lines
    assert "4 images to train, 1 to validate" in said()
