"""Classifiers are trained by the same loop, cache and checkpoint as detectors."""

from __future__ import annotations

from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import torch

from tests.toy import CLASSES, make_folders, make_voc
from tests.training.test_kill import context, kill_and_resume
from tests.training.test_trainer import assert_same_result, interrupt_after, resume, train
from yolo_cli.errors import UserError
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import build_network, load_weights
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.reporter import Reporter

__all__ = ["context"]  # a fixture


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A small VGG-16 for 64×64 pixels with untrained weights, connected layers and dropout."""
    torch.manual_seed(1)
    config = new_config(
        CLASSES, task="classify", head="fc", image_size=64, width=0.0625, dropout=0.5
    )
    save_weights(tmp_path / "classifier.safetensors", build_network(config), {})
    return tmp_path / "classifier.safetensors"


def asked(tmp_path: Path, weights: Path, **recipe: object) -> TrainOptions:
    data = tmp_path / "folders"
    if not data.exists():
        make_folders(data)
    given = {"epochs": 3, "batch": 4, "freeze": 2, "copies": 2, "patchwork": 0.5, **recipe}
    return TrainOptions(
        data=data, weights=str(weights), device="cpu", precision="fp32", workers=0,
        cache_dir=tmp_path / "cache", recipe=given,
    )  # fmt: skip


def test_a_resumed_run_ends_with_the_same_bits(
    classifier: Path, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = asked(tmp_path, classifier, unfreeze=1, unfreeze_at=2)
    whole = train(options, tmp_path / "whole", reporter)
    assert whole.task.name == "classify"
    assert (whole.train.depth, whole.train.copies) == (0, 0)  # fresh images in the second phase
    interrupt_after(3, monkeypatch)  # in the middle of the second epoch, of two steps each
    with pytest.raises(KeyboardInterrupt):
        train(options, tmp_path / "parts", reporter)
    monkeypatch.undo()
    torch.manual_seed(12345)  # whatever happened in between
    resume(tmp_path / "parts", reporter).fit()
    assert_same_result(tmp_path / "whole", tmp_path / "parts")
    weights = load_weights(tmp_path / "whole/best.safetensors")
    assert weights.config.task == "classify"
    assert weights.info["val"].keys() == {"top1", "top5"}
    assert weights.info["recipe"]["loss"]["smoothing"] == 0.1


def test_a_killed_run_ends_with_the_same_bits(
    classifier: Path, tmp_path: Path, context: ForkServerContext
) -> None:
    kill_and_resume(asked(tmp_path, classifier), tmp_path, context)


def test_it_learns(tmp_path: Path, reporter: Reporter) -> None:
    torch.manual_seed(1)
    config = new_config(CLASSES, task="classify", head="pool", image_size=32, width=0.0625)
    save_weights(tmp_path / "pool.safetensors", build_network(config), {})
    change = {"freeze": 0, "copies": 0, "epochs": 8, "validate_every": 8, "lr": 0.01}
    options = asked(tmp_path, tmp_path / "pool.safetensors", **change)
    assert train(options, tmp_path / "run", reporter).position.best == 100  # two of two colours


def test_a_detector_starts_from_a_classifier(
    classifier: Path, tmp_path: Path, reporter: Reporter
) -> None:
    data = make_voc(tmp_path / "boxes", 6, size=80)
    options = asked(tmp_path, classifier, epochs=1, copies=1)
    options = TrainOptions(**{**vars(options), "data": data, "grid": 2, "image_size": 64})
    trainer = train(options, tmp_path / "run", reporter)
    assert trainer.task.name == "detect"
    before, after = load_weights(classifier), load_weights(tmp_path / "run/last.safetensors")
    assert after.config.width == before.config.width
    name = "backbone.features.0.weight"  # of a frozen block
    assert torch.equal(before.tensors[name], after.tensors[name])
    assert after.info["start"].startswith(
        "classifier.safetensors (classify): its backbone; the rest starts afresh"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": 7}, "--grid: a classifier has no grid of boxes"),
        ({"boxes": 3}, "--boxes: a classifier has no grid of boxes"),
        ({"teacher": "default"}, "--teacher: a classifier learns from labels alone"),
        ({"head": "conv"}, "--head conv: there is none to classify"),
        ({"image_size": 70}, "an image size of 70 is no multiple of 32"),
    ],
)
def test_options_of_detectors(
    change: dict[str, object], message: str, classifier: Path, tmp_path: Path, reporter: Reporter
) -> None:
    options = TrainOptions(**{**vars(asked(tmp_path, classifier)), **change})
    with pytest.raises(UserError, match=message):
        train(options, tmp_path / "run", reporter)
