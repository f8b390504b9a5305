"""A time budget, carried out on a clock that shows work done instead of time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from tests.training.conftest import Options
from tests.training.test_trainer import interrupt_after, resume, train
from yolo_cli.data.loader import TrainingImages
from yolo_cli.training.reporter import Reporter

BUDGET = 300.0
CONVOLUTION = 0.05  # seconds an image, forward; as long again twice for both gradients
DECODING = 0.2


class Clock:
    """Passes with convolutions and decoded images, at the pace of the machine.

    So a test has the same course on every machine, however busy it is, but for the batch that a
    thread decodes ahead.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.lock = threading.Lock()
        self.changes: tuple[float, float] | None = None  # when, and how fast it is from then on

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        with self.lock:
            late = self.changes is not None and self.now >= self.changes[0]
            self.now += seconds / (self.changes[1] if self.changes and late else 1)

    def convolved(self, module: nn.Module, _: Any, output: Tensor) -> None:
        if isinstance(module, nn.Conv2d) and not output.is_meta:  # shapes alone cost nothing
            self.work(len(output) * CONVOLUTION * (3 if output.requires_grad else 1))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    monkeypatch.setattr("time.perf_counter", clock)
    load = TrainingImages.__getitem__

    def decode(images: TrainingImages, key: tuple[int, int]) -> Any:
        clock.work(DECODING)
        return load(images, key)

    monkeypatch.setattr(TrainingImages, "__getitem__", decode)
    hook = register_module_forward_hook(clock.convolved)
    yield clock
    hook.remove()


RECIPES: dict[str, dict[str, Any]] = {
    "all planned": {"freeze": 2, "copies": None},
    "two phases": {"freeze": 4, "copies": 1, "unfreeze": 1},
    "from images": {"freeze": 2},
    "everything": {"freeze": 0},
}


@pytest.mark.parametrize(
    ("name", "pace"),
    [
        *((name, 1.0) for name in RECIPES),
        ("all planned", 0.5),
        ("all planned", 3.0),
        ("two phases", 0.5),
    ],
)
def test_a_time_budget_is_planned_kept_and_stored(
    name: str, pace: float, options: Options, tmp_path: Path, reporter: Reporter, clock: Clock
) -> None:
    began = clock.now
    clock.changes = (began + BUDGET / 2, pace)
    asked = options(time_budget=BUDGET, epochs=None, **RECIPES[name])
    trainer = train(asked, tmp_path / "run", reporter)
    assert 0.9 * BUDGET < clock.now - began < 1.1 * BUDGET
    assert len(trainer.position.history) == trainer.epochs
    assert trainer.position.history[-1]["lr"] == pytest.approx(0.01 * trainer.recipe.lr)
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["plan"]["budget"] == BUDGET
    assert config["recipe"]["epochs"] == config["plan"]["epochs"] == trainer.recipe.epochs
    if name == "all planned":
        assert config["recipe"]["copies"] == trainer.train.copies > 1


def test_a_run_that_is_much_too_late_still_ends_its_schedule(
    options: Options, tmp_path: Path, reporter: Reporter, clock: Clock
) -> None:
    clock.changes = (clock.now + BUDGET / 2, 0.02)
    asked = options(time_budget=BUDGET, epochs=None, **RECIPES["everything"])
    trainer = train(asked, tmp_path / "run", reporter)
    assert len(trainer.position.history) == trainer.epochs < 0.7 * trainer.recipe.epochs
    assert trainer.position.history[-1]["lr"] == pytest.approx(0.01 * trainer.recipe.lr)


def test_the_seconds_of_an_interrupted_epoch_count(
    options: Options,
    tmp_path: Path,
    reporter: Reporter,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = options(freeze=0, epochs=2)  # of two steps
    whole = train(asked, tmp_path / "whole", reporter).position.history
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(3, patch)
        train(asked, tmp_path / "parts", reporter)
    clock.work(1e6)  # until the run is resumed
    resumed = resume(tmp_path / "parts", reporter)
    resumed.fit()
    for row, other in zip(whole, resumed.position.history, strict=True):
        assert row["seconds"] == pytest.approx(other["seconds"], rel=0.1)
        assert row["images_per_second"] == pytest.approx(other["images_per_second"], rel=0.1)
