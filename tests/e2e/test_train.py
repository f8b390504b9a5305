from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.data.builders import coco, image, write
from tests.e2e.conftest import Refused, Yolo

RUN_FILES = {
    "best.safetensors",
    "checkpoint.pt",
    "config.json",
    "curves.png",
    "last.safetensors",
    "metrics.csv",
    "preview.jpg",
}


@pytest.fixture
def quick(tiny: Path) -> list[str]:
    """Options of a run of a second."""
    return [
        *("--weights", str(tiny), "--epochs", "1", "--freeze", "0", "--batch", "4"),
        *("--workers", "0", "--precision", "fp32"),
    ]


def yolo_dataset(root: Path) -> Path:
    for i in range(3):
        image(root / f"images/{i}.jpg")
        write(root / f"labels/{i}.txt", "0 .5 .5 .4 .4\n")
    write(root / "classes.txt", "disc\n")
    return root


def coco_dataset(root: Path) -> Path:
    names = [(i, f"{i}.jpg") for i in range(3)]
    for _, name in names:
        image(root / "images" / name)
    objects = [
        {"id": i, "image_id": i, "category_id": 7, "bbox": [10, 10, 40, 40]} for i in range(3)
    ]
    write(root / "annotations/all.json", coco(names, objects, {7: "disc"}))
    return root


def test_train_then_detect_then_eval(
    yolo: Yolo, quick: list[str], toy: Path, tmp_path: Path
) -> None:
    result = yolo("train", toy, *quick)
    assert result.code == 0, result.err
    assert not result.out
    run = Path("runs/train-1")
    assert {path.name for path in run.iterdir()} == RUN_FILES
    assert f"kept      mAP 0.00 after epoch 1: {run / 'best.safetensors'}" in result.err
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1"]
    weights = ("--weights", run / "best.safetensors")
    assert yolo("detect", toy, *weights).code == 0
    assert yolo("eval", toy, *weights).code == 0
    shown = yolo("info", run / "best.safetensors").out
    assert "on 5 images of toy, epoch 1" in shown
    assert "VOC07 mAP@0.5 0.0 on 5 validation images" in shown


@pytest.mark.parametrize("layout", [yolo_dataset, coco_dataset])
def test_other_layouts(
    yolo: Yolo, quick: list[str], tmp_path: Path, layout: type[Path] | object
) -> None:
    assert callable(layout)
    data = layout(tmp_path / "data")
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    result = yolo("train", data, *quick, "--out", "run")
    assert result.code == 0, result.err
    assert "no splits in the dataset: 2 images to train, 1 to validate (seed 0)" in result.err
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before
    config = json.loads(Path("run/config.json").read_text())
    assert len(config["train"]["images"]) == 2
    assert config["model"]["classes"] == ["disc"]


def test_cached_activations(yolo: Yolo, quick: list[str], toy: Path, tmp_path: Path) -> None:
    cached = [*quick, "--freeze", "2", "--copies", "2", "--cache-dir", "features"]
    result = yolo("train", toy, *cached, "--out", "a")
    assert result.code == 0, result.err
    assert "10 of 10 to compute" in result.err
    files = sorted(Path("features").rglob("*.safetensors"))
    assert files
    before = load_file("a/last.safetensors")
    again = yolo("train", toy, *cached, "--out", "b")
    assert "of training images, complete" in again.err
    after = load_file("b/last.safetensors")
    assert all(before[name].equal(after[name]) for name in before)
    frozen = load_file(quick[1])
    for name in ("backbone.features.0.weight", "backbone.features.7.weight"):
        assert before[name].equal(frozen[name])


def test_the_next_free_folder(yolo: Yolo, quick: list[str], toy: Path) -> None:
    Path("runs/train-1").mkdir(parents=True)
    assert yolo("train", toy, *quick).code == 0
    assert {path.name for path in Path("runs/train-2").iterdir()} == RUN_FILES
    assert not list(Path("runs/train-1").iterdir())


def test_an_existing_run_is_not_written_over(
    yolo: Yolo, refused: Refused, quick: list[str], toy: Path
) -> None:
    assert yolo("train", toy, *quick, "--out", "run").code == 0
    before = Path("run/last.safetensors").read_bytes()
    message = refused("train", toy, *quick, "--out", "run", code=2)
    assert "--out run: holds a run already" in message
    assert "--resume run" in message
    assert Path("run/last.safetensors").read_bytes() == before


def test_a_folder_in_which_no_run_began_is_taken(yolo: Yolo, quick: list[str], toy: Path) -> None:
    Path("run").mkdir()
    Path("run/config.json").write_text("what a start that failed has left")
    assert yolo("train", toy, *quick, "--out", "run").code == 0


def test_resume_of_a_finished_run(yolo: Yolo, quick: list[str], toy: Path) -> None:
    assert yolo("train", toy, *quick, "--out", "run").code == 0
    result = yolo("train", "--resume", "run")
    assert result.code == 0
    assert "finished  after 1 epoch; there is nothing left to do" in result.err


def test_resume_goes_on_to_the_same_end(yolo: Yolo, quick: list[str], toy: Path) -> None:
    two = [*quick, "--epochs", "2"]
    assert yolo("train", toy, *two, "--out", "whole").code == 0
    # A run that was stopped before its first checkpoint has no more than its configuration.
    Path("parts").mkdir()
    shutil.copy("whole/config.json", "parts/config.json")
    assert yolo("train", "--resume", "parts").code == 0
    whole, parts = load_file("whole/last.safetensors"), load_file("parts/last.safetensors")
    assert all(whole[name].equal(parts[name]) for name in whole)


@pytest.mark.parametrize(
    "others",
    [["--epochs", "3"], ["--weights", "default"], ["--device", "cpu"], ["--out", "x"]],
)
def test_resume_takes_no_other_option(refused: Refused, others: list[str]) -> None:
    message = refused("train", "--resume", "run", *others, code=2)
    assert "leave out all other options" in message
    assert message.endswith("yolo train --resume run")


def test_resume_finds_a_dataset_that_has_moved(
    yolo: Yolo, refused: Refused, quick: list[str], toy: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(toy, tmp_path / "data")
    assert yolo("train", data, *quick, "--out", "whole").code == 0
    Path("parts").mkdir()
    shutil.copy("whole/config.json", "parts/config.json")
    data.rename("moved")
    message = refused("train", "--resume", "parts", code=3)
    assert f"{data}: no such folder, and parts was trained on it" in message
    assert message.endswith("yolo train NEW-PLACE --resume parts")
    assert yolo("train", "moved", "--resume", "parts").code == 0
    whole, parts = load_file("whole/last.safetensors"), load_file("parts/last.safetensors")
    assert all(whole[name].equal(parts[name]) for name in whole)


def test_resume_without_the_checkpoint_overwrites_nothing(
    yolo: Yolo, refused: Refused, quick: list[str], toy: Path
) -> None:
    assert yolo("train", toy, *quick, "--out", "run").code == 0
    Path("run/checkpoint.pt").unlink()
    before = Path("run/best.safetensors").read_bytes()
    message = refused("train", "--resume", "run", code=3)
    assert "run/checkpoint.pt: missing" in message
    assert message.endswith("or start a new run with --weights run/best.safetensors")
    assert Path("run/best.safetensors").read_bytes() == before


@pytest.mark.parametrize("option", ["--out", "--cache-dir"])
@pytest.mark.parametrize("place", ["data", "data/images", "data/runs/one", "link/x"])
def test_nothing_is_written_into_the_dataset(
    refused: Refused, quick: list[str], tmp_path: Path, option: str, place: str
) -> None:
    data = yolo_dataset(tmp_path / "data")
    (tmp_path / "link").symlink_to(data / "labels")
    before = sorted(data.rglob("*"))
    message = refused("train", data, *quick, option, tmp_path / place, code=2)
    assert f"{option} {tmp_path / place}: inside the dataset, which is never written to" in message
    assert sorted(data.rglob("*")) == before


def test_not_even_from_inside_it(
    refused: Refused,
    yolo: Yolo,
    quick: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = yolo_dataset(tmp_path / "data")
    before = sorted(data.rglob("*"))
    monkeypatch.chdir(data)
    assert "name a folder elsewhere by --out" in refused("train", ".", *quick, code=2)
    assert yolo("train", ".", *quick, "--out", "../run").code == 0
    assert sorted(data.rglob("*")) == before


def test_a_description_may_lie_beside_the_runs(
    yolo: Yolo,
    refused: Refused,
    quick: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    yolo_dataset(tmp_path / "data")
    write(tmp_path / "data.yaml", "path: data\ntrain: images\nval: images\nnames: [disc]\n")
    assert yolo("train", "data.yaml", *quick).code == 0
    assert Path("runs/train-1/best.safetensors").exists()
    assert "inside the" in refused("train", "data.yaml", *quick, "--out", "data/images/x", code=2)


def test_eval_agrees_with_the_score_that_training_shows(
    yolo: Yolo, quick: list[str], toy: Path
) -> None:
    options = ("--epochs", "12", "--lr", "0.003", "--out", "run")
    assert yolo("train", toy, *quick, *options).code == 0
    scores = [
        float(row["map"])
        for row in csv.DictReader(Path("run/metrics.csv").read_text().splitlines())
    ]
    for name, score in (("best", max(scores)), ("last", scores[-1])):
        weights = f"run/{name}.safetensors"
        result = yolo("eval", toy, "--split", "val", "--weights", weights, "--json")
        assert json.loads(result.out)["voc07"]["mAP"] == pytest.approx(score, abs=0.5) != 0


def test_what_may_be_a_mistake_is_pointed_out(yolo: Yolo, quick: list[str], tmp_path: Path) -> None:
    data = yolo_dataset(tmp_path / "data")
    write(data / "classes.txt", "disc\nhen, egg\n")
    (data / "labels/0.txt").unlink()
    write(data / "train.txt", "images/0.jpg\nimages/1.jpg\n")
    write(data / "val.txt", "images/2.jpg\n")
    result = yolo("train", data, *quick, "--copies", "2")
    assert result.code == 0
    assert "note      1 of 2 training images without an object: taken as background" in result.err
    assert 'note      no object to train on: "hen, egg"' in result.err
    assert "note      --copies: there is no use for them where no block is frozen" in result.err


def test_which_dataset(refused: Refused) -> None:
    assert "which dataset?" in refused("train", code=2)


@pytest.mark.parametrize(
    ("argument", "suggestion"),
    [
        ("epochs=3", "did you mean --epochs 3?"),
        ("weight_decay=0", "did you mean --weight-decay 0?"),
        ("imgsz=640", "did you mean --image-size 640?"),
        ("model=x.pt", "did you mean --weights x.pt?"),
        ("data=coco.yaml", "did you mean coco.yaml?"),
    ],
)
def test_another_tools_settings(refused: Refused, argument: str, suggestion: str) -> None:
    message = refused("train", "DATA", argument, code=2)
    assert message == f"error: {argument}: options are ordinary flags\n{suggestion}"


def test_a_value_with_an_equals_sign_is_a_value(yolo: Yolo, quick: list[str], toy: Path) -> None:
    assert yolo("train", toy, *quick, "--out", "lr=0.01").code == 0
    assert {path.name for path in Path("lr=0.01").iterdir()} == RUN_FILES


def test_a_small_network_from_scratch(yolo: Yolo, toy: Path) -> None:
    options = shlex.split(
        "--arch fast --weights none --image-size 64 --grid 2 --boxes 3 --no-augment"
    )
    more = shlex.split("--epochs 1 --batch 5 --workers 0 --seed 3 --momentum 0.8 --lr 0.001")
    result = yolo("train", toy, *options, *more, "--out", "run")
    assert result.code == 0, result.err
    assert "fast from scratch" in result.err
    config = json.loads(Path("run/config.json").read_text())
    assert (config["model"]["arch"], config["model"]["boxes"]) == ("fast", 3)
    recipe = config["recipe"]
    assert recipe["augmentation"] is None
    assert (recipe["seed"], recipe["momentum"], recipe["lr"]) == (3, 0.8, 0.001)


def test_transfer_to_other_classes_is_told(yolo: Yolo, quick: list[str], tmp_path: Path) -> None:
    data = yolo_dataset(tmp_path / "data")
    write(data / "classes.txt", "cat\n")
    result = yolo("train", data, *quick, "--out", "run")
    assert result.code == 0
    assert "tiny.safetensors: kept" in result.err
