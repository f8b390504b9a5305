from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from rich.console import Console

from tests.toy import CLASSES, make_voc
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.reporter import Reporter


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@contextmanager
def undrawn_curves() -> Iterator[None]:
    """Write a picture of the curves that costs nothing: a real one takes longer than an epoch."""
    with patch("yolo_cli.training.run.curves.draw_curves", lambda *_: b"curves"):
        yield


@pytest.fixture(autouse=True)
def _undrawn() -> Iterator[None]:
    """Real curves are drawn by the tests of the command line."""
    with undrawn_curves():
        yield


@pytest.fixture
def reporter() -> Reporter:
    return Reporter(Console(file=StringIO(), width=100))


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return make_voc(tmp_path / "toy", 10, size=80)


@pytest.fixture
def tiny_weights(tmp_path: Path) -> Path:
    """A small VGG-16 for 64×64 pixels with untrained weights."""
    torch.manual_seed(1)
    network = build_network(new_config(CLASSES, grid=2, image_size=64, width=0.0625))
    save_weights(tmp_path / "tiny.safetensors", network, {})
    return tmp_path / "tiny.safetensors"


Options = Callable[..., TrainOptions]


@pytest.fixture
def options(toy: Path, tiny_weights: Path, tmp_path: Path) -> Options:
    """Options for a run of seconds; keywords are fields of the recipe, None for unsaid."""

    def make(
        *, augment: bool = True, time_budget: float | None = None, **recipe: object
    ) -> TrainOptions:
        given = {"epochs": 3, "batch": 2, "freeze": 0, "copies": 0, **recipe}
        return TrainOptions(
            data=toy,
            weights=str(tiny_weights),
            device="cpu",
            precision="fp32",
            workers=0,
            cache_dir=tmp_path / "cache",
            augment=augment,
            time_budget=time_budget,
            recipe={name: value for name, value in given.items() if value is not None},
        )

    return make
