from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.conftest import Options
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.tasks.networks import load_weights
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.trainer import Trainer


def train(options: TrainOptions, out: Path, reporter: Reporter) -> Trainer:
    trainer = prepare(options, out, reporter)
    trainer.fit()
    return trainer


def resume(out: Path, reporter: Reporter) -> Trainer:
    return prepare_resumed(out, reporter)


def assert_same_result(first: Path, second: Path) -> None:
    """Bit for bit: weights of the last epoch, best weights, scores and losses."""
    for name in ("last.safetensors", "best.safetensors"):
        a, b = load_file(first / name), load_file(second / name)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[key], b[key]) for key in a)
    a_rows, b_rows = (
        [
            {k: v for k, v in row.items() if k not in ("images_per_second", "seconds")}
            for row in csv.DictReader((folder / "metrics.csv").read_text().splitlines())
        ]
        for folder in (first, second)
    )
    assert a_rows == b_rows


def test_run_folder_holds_everything(options: Options, tmp_path: Path, reporter: Reporter) -> None:
    out = tmp_path / "run"
    trainer = train(options(), out, reporter)
    names = {p.name for p in out.iterdir()}
    assert names == {
        "config.json", "metrics.csv", "curves.png", "preview.jpg",
        "best.safetensors", "last.safetensors", "checkpoint.pt",
    }  # fmt: skip
    config = json.loads((out / "config.json").read_text())
    assert config["recipe"]["epochs"] == 3
    assert config["train"]["images"] == ["000", "001", "002", "003", "004"]
    assert config["val"]["images"] == ["005", "006", "007", "008", "009"]
    weights = load_weights(out / "best.safetensors")
    assert weights.config.classes == ("disc", "square")
    assert weights.info["epoch"] == trainer.position.best_epoch
    assert len(trainer.position.history) == 3


@pytest.mark.parametrize(
    "recipe",
    [
        {"freeze": 0},
        {"freeze": 2, "copies": 2},
        {"freeze": 2, "copies": 2, "unfreeze": 1, "unfreeze_at": 1},
    ],
)
@pytest.mark.parametrize("steps", [2, 3])  # two steps an epoch: at its end, and within one
def test_resume_is_exact(
    recipe: dict[str, Any],
    steps: int,
    options: Options,
    tmp_path: Path,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train(options(**recipe), tmp_path / "whole", reporter)
    interrupt_after(steps, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(options(**recipe), tmp_path / "parts", reporter)
    monkeypatch.undo()
    torch.manual_seed(12345)  # whatever happened in between
    resume(tmp_path / "parts", reporter).fit()
    assert_same_result(tmp_path / "whole", tmp_path / "parts")


def test_resume_of_a_finished_run_changes_nothing(
    options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    train(options(), tmp_path / "run", reporter)
    before = (tmp_path / "run/last.safetensors").read_bytes()
    resume(tmp_path / "run", reporter).fit()
    assert (tmp_path / "run/last.safetensors").read_bytes() == before


def test_resume_needs_none_of_the_starting_weights(
    options: Options,
    tmp_path: Path,
    tiny_weights: Path,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = {"freeze": 2, "copies": 1}
    train(options(**recipe), tmp_path / "whole", reporter)
    interrupt_after(3, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(options(**recipe), tmp_path / "parts", reporter)
    monkeypatch.undo()
    tiny_weights.unlink()
    resume(tmp_path / "parts", reporter).fit()
    assert_same_result(tmp_path / "whole", tmp_path / "parts")


def interrupt_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C during step ``steps``, counted from 1."""
    original, done = Trainer._take_step, [0]

    def step(self: Trainer, *args: Any) -> dict[str, float]:
        result = original(self, *args)
        done[0] += 1
        if done[0] == steps:
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(Trainer, "_take_step", step)


def test_ctrl_c_while_the_weights_are_written(
    options: Options, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(options(), tmp_path / "whole", reporter)
    original = Trainer._write

    def write(self: Trainer, *args: Any, **options: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        original(self, *args, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_write", write)
        train(options(), tmp_path / "parts", reporter)
    trainer = resume(tmp_path / "parts", reporter)
    assert trainer.position.epoch == 1
    trainer.fit()
    assert_same_result(tmp_path / "whole", tmp_path / "parts")


def test_the_same_seed_gives_the_same_weights(
    options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    train(options(seed=3), tmp_path / "a", reporter)
    train(options(seed=3), tmp_path / "b", reporter)
    assert_same_result(tmp_path / "a", tmp_path / "b")
    train(options(seed=4), tmp_path / "c", reporter)
    a, c = load_file(tmp_path / "a/last.safetensors"), load_file(tmp_path / "c/last.safetensors")
    assert any(not torch.equal(a[k], c[k]) for k in a)


def test_frozen_blocks_stay_as_they_are(
    options: Options, tiny_weights: Path, tmp_path: Path, reporter: Reporter
) -> None:
    train(options(freeze=3), tmp_path / "run", reporter)
    before, after = load_file(tiny_weights), load_file(tmp_path / "run/last.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    # Blocks 1-3 of VGG-16 are features.0 to features.16.
    numbers = {int(n.split(".")[2]) for n in changed if n.startswith("backbone.")}
    assert numbers == {17, 19, 21, 24, 26, 28}


def test_a_loss_that_is_not_finite_stops_the_run(
    options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    trainer = prepare(options(), tmp_path / "run", reporter)
    with torch.no_grad():
        trainer.network.get_parameter("head.predictor.layer.bias").fill_(float("nan"))
    with pytest.raises(UserError, match=r"loss is nan in epoch 1, step 1 .*\.png") as caught:
        trainer.fit()
    assert caught.value.code == ExitCode.FAILURE


def test_a_second_phase_trains_further_blocks(
    options: Options, tiny_weights: Path, tmp_path: Path, reporter: Reporter
) -> None:
    recipe = {"freeze": 4, "copies": 1, "unfreeze": 1, "unfreeze_at": 2}
    train(options(**recipe), tmp_path / "run", reporter)
    before, after = load_file(tiny_weights), load_file(tmp_path / "run/last.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    # Block 4 of VGG-16 is features.17 to features.21, block 5 features.24 to features.28.
    numbers = {int(n.split(".")[2]) for n in changed if n.startswith("backbone.")}
    assert numbers == {17, 19, 21, 24, 26, 28}


def test_a_time_budget_leaves_no_choice_of_epochs(
    options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    with pytest.raises(UserError, match="--time-budget plans the epochs itself"):
        prepare(options(time_budget=20.0, epochs=3), tmp_path / "run", reporter)


def test_a_resumed_run_follows_its_plan(
    options: Options, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = options(time_budget=6.0, epochs=None, freeze=2, copies=None)
    monkeypatch.setattr("yolo_cli.training.budget.clock.Budget.epochs", lambda *_: 7)
    trainer = prepare(budget, tmp_path / "run", reporter)
    interrupt_after(7, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    resumed = prepare_resumed(tmp_path / "run", reporter)
    assert resumed.epochs == 7
    assert resumed.recipe.share == trainer.recipe.share
    resumed.fit()
    assert len(resumed.position.history) == 7


def test_epochs_between_validations_have_no_score(
    options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    train(options(epochs=5, validate_every=2), tmp_path / "run", reporter)
    rows = (tmp_path / "run/metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("map")
    assert [bool(row.split(",")[column]) for row in rows[1:]] == [False, True, False, True, True]


def test_more_blocks_cannot_be_set_free_than_are_frozen(
    options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    with pytest.raises(UserError, match=r"--unfreeze 3: only 2 blocks are frozen"):
        prepare(options(freeze=2, unfreeze=3), tmp_path / "run", reporter)


@pytest.mark.parametrize(
    ("validate_every", "best", "end"),
    [
        (1, 1, 3),  # the first epoch is the best, as nothing is learned; two more are no better
        (3, 3, 6),  # two pass without a score, which says nothing; the sixth has one again
    ],
)
def test_patience_ends_a_run_that_does_not_improve(
    validate_every: int, best: int, end: int, options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    asked = options(epochs=50, patience=2, lr=0.0, validate_every=validate_every)
    position = prepare(asked, tmp_path / "run", reporter).fit()
    assert (position.best_epoch, position.epoch) == (best, end)


def test_a_run_is_not_written_over(options: Options, tmp_path: Path, reporter: Reporter) -> None:
    train(options(epochs=1), tmp_path / "run", reporter)
    with pytest.raises(UserError, match="holds a run already"):
        prepare(options(), tmp_path / "run", reporter)


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_checkpoint_is_said_to_be_damaged(
    damage: bytes | None, options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    train(options(epochs=1), tmp_path / "run", reporter)
    path = tmp_path / "run/checkpoint.pt"
    path.write_bytes(path.read_bytes()[:1000] if damage is None else damage)
    with pytest.raises(UserError, match=r"checkpoint\.pt"):
        resume(tmp_path / "run", reporter)


def test_nothing_is_written_into_the_dataset(
    options: Options, toy: Path, tmp_path: Path, reporter: Reporter
) -> None:
    before = {p: p.stat().st_mtime_ns for p in toy.rglob("*")}
    train(options(epochs=1, freeze=2, copies=1), tmp_path / "run", reporter)
    assert {p: p.stat().st_mtime_ns for p in toy.rglob("*")} == before
