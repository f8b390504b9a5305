"""``yolo classify``, and the other commands with a classifier."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.e2e.conftest import Refused, Yolo
from tests.toy import CLASSES, make_folders
from yolo_cli import load
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.classify.result import ClassifyResult
from yolo_cli.tasks.networks import build_network

DISC = math.e / (1 + math.e)  # 0.73106, the softmax of logits 1 and 0


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of each class to validate on, four to train on."""
    return make_folders(tmp_path_factory.mktemp("data") / "folders")


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that say the same of every image: logits of 1 for a disc, of 0 for a square."""
    path = tmp_path_factory.mktemp("weights") / "sure.safetensors"
    config = new_config(CLASSES, task="classify", head="pool", image_size=32, width=0.0625)
    network = build_network(config)
    with torch.no_grad():
        network.get_parameter("head.predictor.layer.weight").zero_()
        network.get_parameter("head.predictor.layer.bias").copy_(torch.tensor([1.0, 0.0]))
    save_weights(path, network, {"val": {"top1": 50.0, "top5": 100.0}, "data": {"val": 4}})
    return path


def test_a_line_of_json_for_each_image(yolo: Yolo, folders: Path, sure: Path) -> None:
    result = yolo("classify", folders / "val", "-r", "--weights", sure, "--json")
    assert result.code == 0, result.err
    records = [json.loads(line) for line in result.out.splitlines()]
    assert len(records) == 4
    assert records[0] == {
        "image": str(folders / "val/disc/002.png"), "width": 48, "height": 48,
        "label": "disc", "score": 0.73106,
        "classes": [{"label": "disc", "score": 0.73106}, {"label": "square", "score": 0.26894}],
    }  # fmt: skip
    assert "4 images: 4 disc" in result.err
    assert not list(Path().iterdir())  # no files


def test_what_is_written(yolo: Yolo, folders: Path, sure: Path) -> None:
    source = folders / "val/disc/002.png"
    result = yolo("classify", source, "--weights", sure, "--top", 1, "--save", "image,csv,json")
    assert result.code == 0, result.err
    assert {path.name for path in Path("classes").iterdir()} == {
        "002.png", "classes.csv", "classes.json", "classes.jsonl",
    }  # fmt: skip
    rows = list(csv.DictReader(Path("classes/classes.csv").read_text().splitlines()))
    assert [(row["rank"], row["label"], row["score"]) for row in rows] == [("1", "disc", "0.73106")]
    with Image.open("classes/002.png") as drawn, Image.open(source) as before:
        assert drawn.size == before.size
        assert drawn.convert("RGB").tobytes() != before.convert("RGB").tobytes()


def test_from_python(folders: Path, sure: Path) -> None:
    result = load(str(sure))(folders / "val/disc/002.png", top=1)
    assert isinstance(result, ClassifyResult)
    assert result.label == "disc"
    assert result.score == pytest.approx(DISC)
    assert result.probabilities.tolist() == pytest.approx([DISC, 1 - DISC])
    assert repr(result).endswith("002.png 48×48: disc 73%>")


def test_eval(yolo: Yolo, folders: Path, sure: Path) -> None:
    result = yolo("eval", folders, "--weights", sure, "--json", "--report", "report")
    assert result.code == 0, result.err
    scores = json.loads(result.out, parse_constant=pytest.fail)
    assert scores["metrics"]["top-1 accuracy"] == 50
    assert scores["confusion"]["counts"] == [[2, 0], [2, 0]]  # of disc, of square
    assert scores["images"] == 4
    page = Path("report/report.html").read_text()
    assert "<bdi>square</bdi> taken for <bdi>disc</bdi>: 2 images" in page
    data = json.loads(Path("report/report.json").read_text(), parse_constant=pytest.fail)
    assert data["provenance"]["split"] == "val"
    assert data["metrics"] == scores["metrics"]


def test_two_classifiers(yolo: Yolo, folders: Path, sure: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(sure.read_bytes())
    result = yolo("eval", folders, "--weights", sure, "--weights", other, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["scores"].keys() == {str(sure), str(other)}
    assert "B - A" in result.err


def test_info_and_check(yolo: Yolo, folders: Path, sure: Path) -> None:
    said = yolo("info", sure)
    assert "probabilities of 2 classes" in said.out
    assert "top-1 accuracy 50.0, top-5 100.0 on 4 validation images" in said.out
    checked = yolo("check", folders, "--json")
    assert checked.code == 0
    document = json.loads(checked.out)
    assert (document["task"], document["images"], document["grid"]) == (
        "classify",
        12,
        {"7": {}, "14": {}},
    )


@pytest.mark.parametrize("form", ["onnx", "openvino", "ncnn"])
def test_exports_say_the_same(form: str, yolo: Yolo, folders: Path, sure: Path) -> None:
    out = Path("model.onnx" if form == "onnx" else f"model-{form}")
    images = ("--images", folders / "val")
    written = yolo("export", "--format", form, "--weights", sure, "--out", out, *images)
    assert written.code == 0, written.err
    assert "4 images: probabilities differ by at most" in written.err
    source = folders / "val/disc/002.png"
    result = yolo("classify", source, "--weights", out, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["score"] == pytest.approx(DISC, abs=1e-4)


def test_objects_become_a_dataset(yolo: Yolo, toy: Path) -> None:
    result = yolo("convert", toy, "--to", "folders", "--out", "crops")
    assert result.code == 0, result.err
    assert {path.name for path in Path("crops/train").iterdir()} == set(CLASSES)
    assert yolo("check", "crops").code == 0


def test_weights_and_data_of_another_task(
    refused: Refused, folders: Path, toy: Path, sure: Path, tiny: Path
) -> None:
    image = folders / "val/disc/002.png"
    assert refused("detect", image, "--weights", sure, code=2) == (
        f"error: {sure}: a classifier, not a detector\nyolo classify SOURCE --weights {sure}"
    )
    assert refused("classify", image, "--weights", tiny, code=2) == (
        f"error: {tiny}: a detector, not a classifier\nyolo detect SOURCE --weights {tiny}"
    )
    assert "the default weights are those of a detector" in refused("classify", image, code=2)
    told = refused("eval", toy, "--weights", sure, code=3)
    assert "a dataset to detect (voc), not to classify" in told
    told = refused("eval", folders, "--weights", tiny, code=3)
    assert "a dataset to classify (folders), not to detect" in told
    told = refused("eval", folders, "--weights", sure, "--conf", 0.3, code=2)
    assert "--conf is about boxes, and a classifier has none" in told
    told = refused("eval", folders, "--weights", sure, "--weights", tiny, code=2)
    assert "cannot be compared" in told
    told = refused("prune", sure, folders, "--flops", 0.5, code=3)
    assert "a classifier, and only detectors can be pruned" in told
    assert "--nms is for detectors" in refused("export", "--weights", sure, "--nms", code=2)
    told = refused("convert", folders, "--to", "voc", "--out", "x", code=3)
    assert "a dataset to classify (folders), not to detect" in told
