"""The weights of the end are kept, unless earlier ones are better by more than chance."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from yolo_cli.tasks.contract.training import Score
from yolo_cli.tasks.detect.task import TASK
from yolo_cli.tasks.networks import load_weights
from yolo_cli.training.keep import choose
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.trainer import Trainer

from .conftest import Options

Interval = tuple[float, float]


@pytest.mark.parametrize(
    ("interval", "last", "words"),
    [
        ((0.2, 2.8), False, "better than the last epoch: epoch 3 scores +1.5, +0.2 to"),
        ((-0.1, 3.0), True, "the end of the schedule; epoch 3 scores +1.5, within chance (-0.1 to"),
        ((0.0, 3.0), True, "within chance"),
        ((float("nan"), float("nan")), True, "which says nothing"),
    ],
)
def test_only_what_exceeds_chance_counts(interval: Interval, last: bool, words: str) -> None:
    choice = choose(3, 1.5, interval)
    assert choice.last is last
    assert words in choice.why


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float], interval: Interval) -> None:
    """Let validations have these scores, and their differences this interval."""
    left = iter(values)

    def validate(self: Trainer, stop: Any = None) -> Score:
        return Score(next(left), {"voc07": {"mAP": 0.0}})

    monkeypatch.setattr(Trainer, "validate", validate)
    monkeypatch.setattr(type(TASK), "difference", staticmethod(lambda *_: interval))


@pytest.mark.parametrize(
    ("values", "interval", "kept"),
    [
        ([10.0, 12.0, 11.0], (-1.0, 3.0), 3),
        ([10.0, 12.0, 11.0], (0.5, 3.0), 2),
        ([10.0, 12.0, 13.0], (0.0, 0.0), 3),  # nothing has to be compared
    ],
)
def test_the_file_is_that_of_the_epoch_that_is_kept(
    values: list[float],
    interval: Interval,
    kept: int,
    options: Options,
    tmp_path: Path,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = prepare(options(epochs=3, lr=0.01), tmp_path / "run", reporter)
    scripted(monkeypatch, values, interval)
    position = trainer.fit()
    best, last = (load_weights(tmp_path / f"run/{name}.safetensors") for name in ("best", "last"))
    assert best.info["epoch"] == position.best_epoch == kept
    assert best.info["kept"] == position.kept
    assert position.best == values[kept - 1]
    with (tmp_path / "run/metrics.csv").open(newline="") as file:
        assert [row["kept"] == "yes" for row in csv.DictReader(file)] == [
            epoch == kept for epoch in (1, 2, 3)
        ]
    same = all(torch.equal(tensor, last.tensors[name]) for name, tensor in best.tensors.items())
    assert same is (kept == 3)


@pytest.mark.parametrize(
    ("values", "interval", "epochs"),
    [
        ([10.0, 14.0, 11.0, 11.0, 15.0], (0.5, 3.0), 4),
        ([10.0, 14.0, 11.0, 15.0, 11.0], (0.5, 3.0), 5),  # one is made good
        ([10.0, 14.0, 11.0, 11.0, 11.0], (-0.5, 3.0), 5),  # chance explains it
    ],
)
def test_a_run_that_only_gets_worse_stops(
    values: list[float],
    interval: Interval,
    epochs: int,
    options: Options,
    tmp_path: Path,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = prepare(options(epochs=5, setbacks=2), tmp_path / "run", reporter)
    scripted(monkeypatch, values, interval)
    position = trainer.fit()
    assert position.epoch == epochs
    said = reporter.console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    stopped = "stopped   2 validations in a row below that of epoch 2 by more than chance" in said
    assert stopped is (epochs < 5)
    if stopped:
        best = load_weights(tmp_path / "run/best.safetensors")
        assert best.info["epoch"] == position.best_epoch == 2
        assert "better than the last epoch: epoch 2 scores +3.0" in best.info["kept"]
    assert prepare_resumed(tmp_path / "run", reporter).finished


def test_a_run_that_stopped_before_the_choice_makes_the_same(
    options: Options, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prepare(options(epochs=3, lr=0.05), tmp_path / "whole", reporter).fit()
    monkeypatch.setattr(Trainer, "_settle", lambda _self: None)
    prepare(options(epochs=3, lr=0.05), tmp_path / "cut", reporter).fit()
    monkeypatch.undo()
    position = prepare_resumed(tmp_path / "cut", reporter).fit()
    assert (position.kept, position.best_epoch) == (whole.kept, whole.best_epoch)
    one, other = (load_weights(tmp_path / f"{name}/best.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())
