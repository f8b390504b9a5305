from __future__ import annotations

import json
import math
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tests.toy import CLASSES
from tests.training.conftest import Options
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.training.defaults import choose_grid, typical_size
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.setup import prepare


def sample(width: int, height: int, *sides: tuple[float, float], difficult: int = 0) -> Sample:
    """An image with boxes of these sizes; the first ``difficult`` of them do not count."""
    count = len(sides)
    return Sample(
        id="a",
        image=Path("a.jpg"),
        width=width,
        height=height,
        boxes=np.array([(3, 5, 3 + w, 5 + h) for w, h in sides], dtype=float).reshape(-1, 4),
        labels=np.zeros(count, dtype=np.int64),
        difficult=np.arange(count) < difficult,
        crowd=np.zeros(count, dtype=bool),
        area=np.zeros(count),
    )


def dataset(*samples: Sample) -> Dataset:
    return Dataset(Path("data"), "voc", "train", CLASSES, samples)


# Sides as shares: √(10·40 / 100·200) = 0.141, √(18·32 / 80·80) = 0.3, √(50·50 / 100·100) = 0.5.
SHARES = (sample(100, 200, (10, 40)), sample(80, 80, (18, 32)), sample(100, 100, (50, 50)))


def test_the_typical_size_is_the_median_share_of_the_image() -> None:
    assert typical_size(dataset(*SHARES)) == pytest.approx(0.3)
    both = dataset(*SHARES[:2], sample(9, 9))
    assert typical_size(both) == pytest.approx((math.sqrt(0.02) + 0.3) / 2)
    assert math.isnan(typical_size(dataset(sample(100, 100))))


def test_difficult_objects_have_no_say_in_it() -> None:
    assert typical_size(dataset(sample(100, 100, (1, 1), (2, 2), (30, 30), difficult=2))) == 0.3


def grid(options: TrainOptions, reporter: Reporter, side: float) -> int | None:
    return choose_grid(options, dataset(sample(700, 700, (side, side))), reporter).grid


def test_small_objects_get_a_finer_grid() -> None:
    said = StringIO()
    reporter = Reporter(Console(file=said, width=100))
    options = TrainOptions(data=Path("data"))
    # A cell of 7×7 is 100 pixels of these images; one and a half of them are the border.
    assert grid(options, reporter, 149) == 14
    assert "grid      14×14" in said.getvalue()
    assert grid(options, reporter, 150) is None
    assert grid(replace(options, weights="imagenet"), reporter, 149) == 14
    assert choose_grid(options, dataset(sample(9, 9)), reporter).grid is None


@pytest.mark.parametrize(
    "said",
    [
        {"grid": 7},
        {"image_size": 224},
        {"weights": "mine.safetensors"},
        {"teacher": "default"},
        {"recipe_name": "paper"},
    ],
)
def test_the_grid_that_was_asked_for_stays(said: dict[str, Any], reporter: Reporter) -> None:
    options = TrainOptions(data=Path("data"), **said)
    assert choose_grid(options, dataset(sample(700, 700, (10, 10))), reporter) is options


def test_a_chosen_grid_is_written_down_for_a_resumed_run(
    options: Options, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yolo_cli.training.defaults.SMALL_OBJECT", 7.0)
    asked = replace(options(), weights="none", arch="fast")
    prepare(asked, tmp_path / "run", reporter)
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["options"]["grid"] == config["model"]["grid"] == 14
