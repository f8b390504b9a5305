"""The trainer with masks: it learns, from images and from a cache, and goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.toy import make_masks
from tests.training.test_kill import context, kill_and_resume
from tests.training.test_trainer import assert_same_result, interrupt_after
from yolo_cli.data.check.check import check_dataset
from yolo_cli.errors import UserError
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.reporter import Reporter

__all__ = ["context"]  # a fixture

Options = Callable[..., TrainOptions]


@pytest.fixture
def street(tmp_path: Path) -> Path:
    root = make_masks(tmp_path / "street")
    for name, ids in (("train", range(6)), ("val", range(6, 8))):
        (root / f"{name}.txt").write_text("".join(f"{i}\n" for i in ids))
    return root


@pytest.fixture
def given(street: Path, tmp_path: Path) -> Options:
    torch.manual_seed(1)
    network = build_network(
        new_config(
            ("ground", "disc"), image_size=64, width=0.0625, task="segment", upsample="unpool"
        )
    )
    save_weights(tmp_path / "tiny.safetensors", network, {})

    def make(**recipe: object) -> TrainOptions:
        settings = {"epochs": 2, "batch": 2, "freeze": 2, "copies": 2, "lr": 0.01, **recipe}
        return TrainOptions(
            street,
            weights=str(tmp_path / "tiny.safetensors"),
            workers=0,
            precision="fp32",
            device="cpu",
            cache_dir=tmp_path / "cache",
            recipe=settings,
        )

    return make


@pytest.mark.parametrize("steps", [4])  # three an epoch: within one
def test_resumed_from_the_cache_to_the_bit(
    steps: int,
    given: Options,
    tmp_path: Path,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = prepare(given(), tmp_path / "whole", reporter)
    assert whole.network.backbone.carries
    whole.fit()
    interrupt_after(steps, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        prepare(given(), tmp_path / "part", reporter).fit()
    monkeypatch.undo()
    torch.manual_seed(12345)  # whatever happened in between
    prepare_resumed(tmp_path / "part", reporter).fit()
    assert_same_result(tmp_path / "whole", tmp_path / "part")


def test_a_killed_run_ends_with_the_same_bits(
    given: Options, tmp_path: Path, context: ForkServerContext
) -> None:
    kill_and_resume(given(), tmp_path, context)


def test_it_learns(given: Options, tmp_path: Path, reporter: Reporter) -> None:
    change = {"freeze": 0, "copies": 0, "epochs": 60, "validate_every": 60, "patience": 0}
    trainer = prepare(given(**change), tmp_path / "run", reporter)
    assert trainer.fit().best > 70  # ground alone would be 42


def test_another_upsampling_has_a_cache_without_switches(
    given: Options, tmp_path: Path, reporter: Reporter
) -> None:
    options = replace(given(epochs=1), upsample="bilinear")
    trainer = prepare(options, tmp_path / "run", reporter)
    assert not trainer.network.backbone.carries
    assert trainer.fit().epoch == 1


def test_one_class_alone_teaches_nothing(street: Path, given: Options, reporter: Reporter) -> None:
    for path in (street / "masks").iterdir():
        with Image.open(path) as image:
            values = np.asarray(image)
        Image.fromarray(np.where(values == 1, 255, values).astype(np.uint8)).save(path)
    (street / "classes.txt").write_text("ground\ndisc\ncar\n")
    with pytest.raises(UserError, match=r"every labelled pixel in 6 images .* of class 'ground'"):
        prepare(given(), None, reporter)
    codes = [one.code for one in check_dataset(street, input_size=448).findings]
    assert codes.count("class-alone") == 1


def test_a_run_does_not_go_on_from_another_network(
    given: Options, tmp_path: Path, reporter: Reporter
) -> None:
    begun = prepare(given(), tmp_path / "run", reporter)  # and stopped before its first step
    begun.run.release()
    resumed = prepare_resumed(tmp_path / "run", reporter)
    assert resumed.network.config == begun.network.config
    resumed.run.release()
    wider = replace(begun.network.config, width=0.125)
    save_weights(tmp_path / "tiny.safetensors", build_network(wider), {})
    with pytest.raises(UserError, match=r"weights .* are others now \(tiny.safetensors\)"):
        prepare_resumed(tmp_path / "run", reporter)
