"""Training and detection on another device than the CPU, see :mod:`tests.device`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.device import Moved, second_device
from tests.model.builders import images, network, tiny
from tests.training.conftest import Options
from tests.training.test_trainer import interrupt_after, resume, train
from yolo_cli.inference.backends.torch_backend import TorchBackend
from yolo_cli.inference.detector import Detector
from yolo_cli.tasks.detect.thresholds import Thresholds
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.reporter import Reporter

CPU = torch.device("cpu")


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """The second device, which a run takes whatever it is asked for."""
    with second_device(monkeypatch) as device, monkeypatch.context() as patch:
        patch.setattr("yolo_cli.training.machine.pick_device", lambda _: device)
        yield device


def test_the_device_is_not_the_processor(device: torch.device) -> None:
    moved = torch.ones(2).to(device)
    assert isinstance(moved, Moved)
    assert (moved + 1).device == device
    assert (moved + 1).cpu().tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="add: tensors on the CPU and on lazy"):
        moved + torch.ones(2)
    with pytest.raises(RuntimeError, match="tensors on the CPU and on lazy"):
        build_network(tiny()).to(device)(images(1))


def test_a_detector(device: torch.device) -> None:
    config = tiny()
    everything = Thresholds(conf=0.0, max_det=10)
    found = []
    for place in (CPU, device):
        detector = Detector(config, TorchBackend(network(config), place, torch.float32))
        inputs = list(images(2))
        found.append(detector.predict(inputs, [(100, 80), (64, 64)], everything))
    for wanted, mine in zip(*found, strict=True):
        assert len(wanted["labels"]) == 10
        for name in ("boxes", "scores", "labels"):
            moved = mine[name].cpu()
            torch.testing.assert_close(moved, wanted[name], atol=1e-4, rtol=1e-4)


CACHED = {"freeze": 2, "copies": 2, "patchwork": 0.5}
RECIPES = {
    "all of it": (False, {"freeze": 0, "copies": 0}),
    "frozen": (False, {"freeze": 2, "copies": 0}),
    "cached": (False, CACHED),
    "two phases": (False, {"freeze": 3, "copies": 1, "unfreeze": 1, "unfreeze_at": 1}),
    "taught": (True, CACHED),
}


@pytest.mark.parametrize(("teacher", "recipe"), RECIPES.values(), ids=RECIPES)
def test_a_run_ends_as_on_the_processor(
    teacher: bool,
    recipe: dict[str, float],
    options: Options,
    tiny_weights: Path,
    tmp_path: Path,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = options(epochs=2, **recipe)
    if teacher:
        student = {"weights": "none", "arch": "fast", "grid": 2, "image_size": 64}
        asked = TrainOptions(**{**vars(asked), **student, "teacher": str(tiny_weights)})
    train(asked, tmp_path / "cpu", reporter)
    with second_device(monkeypatch) as device, monkeypatch.context() as patch:
        patch.setattr("yolo_cli.training.machine.pick_device", lambda _: device)
        apart = TrainOptions(**{**vars(asked), "cache_dir": tmp_path / "other cache"})
        trainer = train(apart, tmp_path / "moved", reporter)
        assert isinstance(next(trainer.network.parameters()), Moved)
    wanted, found = (load_file(tmp_path / n / "last.safetensors") for n in ("cpu", "moved"))
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, atol=2e-3, rtol=2e-2, msg=name)


def test_a_run_is_resumed(
    device: torch.device, options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    asked = options(freeze=2, copies=1)
    train(asked, tmp_path / "whole", reporter)
    with pytest.MonkeyPatch.context() as patch:
        interrupt_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            train(asked, tmp_path / "parts", reporter)
    resume(tmp_path / "parts", reporter).fit()
    wanted, found = (load_file(tmp_path / n / "last.safetensors") for n in ("whole", "parts"))
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


def test_a_time_budget(
    device: torch.device, options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    asked = options(epochs=None, copies=None, freeze=2, time_budget=20.0)
    with pytest.MonkeyPatch.context() as patch:
        interrupt_after(5, patch)  # the speed was measured, and steps were made
        with pytest.raises(KeyboardInterrupt):
            train(asked, tmp_path / "run", reporter)
    assert (tmp_path / "run" / "config.json").is_file()
