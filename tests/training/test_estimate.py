from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.conftest import Options
from yolo_cli.data.loader import TrainingImages
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import new_config
from yolo_cli.tasks.networks import shapes_of
from yolo_cli.training.budget import estimate
from yolo_cli.training.budget.estimate import block_flops, estimate_speed
from yolo_cli.training.machine import Machine
from yolo_cli.training.prepare import prepare
from yolo_cli.training.recipe import DEFAULT
from yolo_cli.training.reporter import Reporter


def test_the_work_of_vgg16_by_blocks() -> None:
    # A 3×3 convolution of a to b channels on s × s pixels: 2 · 9 · a · b · s².
    def conv(a: int, b: int, side: int) -> int:
        return 2 * 9 * a * b * side**2

    flops = block_flops(shapes_of(new_config(("a", "b"))))
    assert flops[:5] == [
        conv(3, 64, 448) + conv(64, 64, 448),
        conv(64, 128, 224) + conv(128, 128, 224),
        conv(128, 256, 112) + 2 * conv(256, 256, 112),
        conv(256, 512, 56) + 2 * conv(512, 512, 56),
        3 * conv(512, 512, 28),
    ]
    # Three convolutions at 7 × 7 and the 1×1 predictor of 5 · 2 + 2 outputs.
    assert flops[5] == 3 * conv(512, 512, 7) + 2 * 512 * 12 * 49


def test_a_steps_share_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    # Blocks of 8, 4, 2, 1 and 1 units, a head of 1; a unit takes a second.
    monkeypatch.setattr(estimate, "block_flops", lambda _: [8.0, 4.0, 2.0, 1.0, 1.0, 1.0])
    monkeypatch.setattr(estimate, "_seconds_per_flop", lambda *_: 1.0)
    network = shapes_of(new_config(("a", "b")))
    machine = Machine(torch.device("cpu"), torch.float32, 0)
    cached = estimate_speed(network, replace(DEFAULT, freeze=4, copies=1), machine)
    assert (cached.cache, cached.step, cached.validate) == (15, 3 * 2, 2)
    fresh = estimate_speed(network, replace(DEFAULT, freeze=4, copies=0), machine)
    assert (fresh.step, fresh.validate) == (15 + 3 * 2, 17)
    everything = estimate_speed(network, replace(DEFAULT, freeze=0, copies=0), machine)
    assert (everything.cache, everything.step, everything.validate) == (0, 51, 17)
    # Of a second phase with block 4 free, forward through all, backward through three units.
    second = estimate_speed(network, replace(DEFAULT, freeze=4, copies=1, unfreeze=1), machine)
    assert second.second == 17 + 2 * 3


def test_a_hopeless_budget_is_refused_before_any_image_is_read(
    options: Options, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "_seconds_per_flop", lambda *_: 1.0)
    monkeypatch.delattr(TrainingImages, "__getitem__")
    asked = options(time_budget=60.0, epochs=None, freeze=2, copies=None)
    with pytest.raises(UserError, match="too short for 5 images") as caught:
        prepare(asked, tmp_path / "run", reporter)
    assert caught.value.code == ExitCode.USAGE
    assert not (tmp_path / "run").exists()
