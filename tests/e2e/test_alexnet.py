"""An architecture that came last, through all commands: nothing but its record knows it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch
from torchvision.models import alexnet

from tests.e2e.conftest import Yolo

SMALL = "--arch alexnet --grid 2 --image-size 64 --epochs 1 --batch 5 --workers 0 --precision fp32"


@pytest.fixture
def trained(yolo: Yolo, toy: Path, tmp_path: Path) -> Path:
    """Weights of a run that began with a state dict as torchvision saves it."""
    torch.manual_seed(0)
    torch.save(alexnet().state_dict(), tmp_path / "alexnet.pth")
    start = ("--backbone", tmp_path / "alexnet.pth", "--preprocessing", "torchvision")
    result = yolo("train", toy, *start, *shlex.split(SMALL), "--copies", 1, "--out", "run")
    assert result.code == 0, result.err
    assert "AlexNet convolutions from alexnet.pth; the head starts afresh" in result.err
    assert "first 2 blocks frozen" in result.err
    return Path("run/best.safetensors")


def test_train_detect_info_and_eval(yolo: Yolo, toy: Path, trained: Path) -> None:
    photo = toy / "JPEGImages/000.png"
    assert yolo("detect", photo, "--weights", trained, "--json", "--conf", 0).code == 0
    assert yolo("eval", toy, "--weights", trained).code == 0
    model = json.loads(yolo("info", trained, "--json").out)["model"]
    assert (model["arch"], model["mean"]) == ("alexnet", [0.485, 0.456, 0.406])


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_exports_agree_with_torch(yolo: Yolo, toy: Path, trained: Path, kind: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    images = ("--images", toy, "--out", {"onnx": "a.onnx", "openvino": "a"}[kind])
    done = yolo("export", "--weights", trained, "--format", kind, *images, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["raw"]["passed"]
