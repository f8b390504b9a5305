from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.e2e.conftest import Refused, Yolo
from tests.toy import CLASSES
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import read_weights, save_weights
from yolo_cli.prune import prune as pruning
from yolo_cli.tasks.networks import build_network

FAST = ("--flops", 0.8, "--round", 4)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained weights of a small Fast YOLO, said to have a score."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "whole.safetensors"
    network = build_network(new_config(CLASSES, arch="fast", grid=2, image_size=64, width=0.125))
    save_weights(path, network, {"epoch": 3, "val": {"voc07": {"mAP": 50.0}}})
    return path


def test_a_fifth_less_that_detects_at_once(yolo: Yolo, weights: Path, toy: Path) -> None:
    done = yolo("prune", weights, toy, *FAST)
    assert done.code == 0, done.err
    assert not done.out
    assert "images: 5 of 5" in done.err
    assert "toy, train)" in done.err
    assert "kept: " in done.err
    assert "written: whole-pruned.safetensors" in done.err
    detected = yolo("detect", toy / "JPEGImages", "--weights", "whole-pruned.safetensors", "--json")
    assert detected.code == 0
    assert len(detected.out.splitlines()) == 10
    written = read_weights(Path("whole-pruned.safetensors"))
    assert written.config.widths is not None
    assert "val" not in written.info  # the score of another network
    origin = written.info["pruned"]
    assert origin["weights"] == "whole.safetensors"
    assert origin["val"] == {"voc07": {"mAP": 50.0}}
    assert 0.7 < origin["flops"] <= 0.8
    shown = yolo("info", "whole-pruned.safetensors").out
    assert f"widths   {' '.join(map(str, written.config.widths))}; head" in shown
    assert "pruned   from whole.safetensors (SHA-256 " in shown


def test_one_document(yolo: Yolo, weights: Path, toy: Path) -> None:
    done = yolo("prune", weights, toy, *FAST, "--out", "new/small.safetensors", "--json")
    document = json.loads(done.out)
    assert document["path"] == str(Path("new/small.safetensors"))
    assert document["flops"] <= 0.8
    before, after = zip(*(layer["flops"] for layer in document["layers"]), strict=True)
    assert sum(after) / sum(before) == pytest.approx(document["flops"])
    assert all(layer["lost"] <= layer["dropped"] + 1e-6 for layer in document["layers"])


def test_all_of_it_is_the_same_bit_for_bit(yolo: Yolo, weights: Path, toy: Path) -> None:
    yolo("prune", weights, toy, "--flops", 1, "--out", "same.safetensors")
    one, two = read_weights(weights), read_weights(Path("same.safetensors"))
    assert one.config == two.config
    assert all(torch.equal(one.tensors[name], two.tensors[name]) for name in one.tensors)


def test_plain_folders_and_broken_labels_will_do(yolo: Yolo, weights: Path, toy: Path) -> None:
    folder = Path("mixed")
    (folder / "deep").mkdir(parents=True)
    for number, image in enumerate(sorted((toy / "JPEGImages").iterdir())):
        place = folder / "deep" if number % 2 else folder
        (place / image.name).write_bytes(image.read_bytes())
        (place / image.with_suffix(".xml").name).write_text("<annotation> broken")
    (folder / "broken.png").write_bytes(b"no image")
    done = yolo("prune", weights, folder, *FAST)
    assert done.code == 0, done.err
    assert "images: 10 of" in done.err


@pytest.mark.parametrize("freeze", [("--freeze", 0, "--copies", 1), ("--freeze", 2, "--copies", 1)])
def test_trained_by_the_original(
    yolo: Yolo, weights: Path, toy: Path, freeze: tuple[object, ...]
) -> None:
    assert yolo("prune", weights, toy, *FAST, "--out", "small.safetensors").code == 0
    trained = yolo(
        "train", toy, "--weights", "small.safetensors", "--teacher", weights,
        "--epochs", 1, "--batch", 2, "--workers", 0, "--out", "run", *freeze,
    )  # fmt: skip
    assert trained.code == 0, trained.err
    assert "small.safetensors: kept" in trained.err
    assert "start afresh" not in trained.err
    small = read_weights(Path("small.safetensors")).config
    assert read_weights(Path("run/best.safetensors")).config.widths == small.widths


def test_interrupted_it_leaves_nothing(
    yolo: Yolo, weights: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pruning, "_reconstruct", stop)
    assert yolo("prune", weights, toy, *FAST).code == 130
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (("--flops", 0), 2, "--flops 0: a share"),
        (("--flops", 1.5), 2, "--flops 1.5: a share"),
        (("--flops", "nan"), 2, "--flops nan: a share"),
        (("--speed", 0.5), 2, "--speed 0.5: how many times"),
        ((), 2, "neither --flops nor --speed is given"),
        (("--flops", 0.5, "--speed", 2), 2, "--flops and --speed"),
        (("--flops", 0.01), 3, "--flops 0.01: the network cannot be made that small"),
        (("--flops", 0.5, "--split", "tset"), 3, "no split 'tset'"),
        (("--flops", 0.5, "--out", "small.onnx"), 2, "--out small.onnx: a weights file ends"),
    ],
)
def test_what_cannot_be_done(
    refused: Refused,
    weights: Path,
    toy: Path,
    given: tuple[object, ...],
    code: int,
    message: str,
) -> None:
    assert message in refused("prune", weights, toy, *given, code=code)
    assert not list(Path().iterdir())


def test_what_is_not_there(refused: Refused, weights: Path, toy: Path) -> None:
    Path("empty").mkdir()
    Path("text").mkdir()
    Path("text/notes.txt").write_text("nothing")
    few = Path("few")
    few.mkdir()
    for image in sorted((toy / "JPEGImages").iterdir())[:3]:
        (few / image.name).write_bytes(image.read_bytes())
    half = ("--flops", 0.5)
    assert "nothing.safetensors: no such weights file" in refused(
        "prune", "nothing.safetensors", toy, *half, code=3
    )
    Path("export.onnx").write_bytes(b"graph")
    assert "export.onnx: an export" in refused("prune", "export.onnx", toy, *half, code=3)
    assert "no images" in refused("prune", weights, "empty", *half, code=3)
    assert "no images" in refused("prune", weights, "text", *half, code=3)
    assert "no such" in refused("prune", weights, "nowhere", *half, code=3)
    assert "3 of 3 images can be read, 4 are needed" in refused(
        "prune", weights, few, *half, code=3
    )


def test_where_nothing_is_written(refused: Refused, weights: Path, toy: Path) -> None:
    half = ("--flops", 0.5)
    inside = refused("prune", weights, toy, *half, "--out", toy / "small.safetensors", code=2)
    assert "inside the dataset" in inside
    assert "stay as they are" in refused("prune", weights, toy, *half, "--out", weights, code=2)
