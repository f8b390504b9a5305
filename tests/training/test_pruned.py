"""Training that starts from a network whose layers were made narrower."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toy import CLASSES
from tests.training.conftest import Options
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import build_network
from yolo_cli.tasks.task import task_named
from yolo_cli.training.decide import named_recipe
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.start import find_start, start_network

NARROW = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)


@pytest.mark.parametrize(
    ("head", "head_widths", "change", "left"),
    [
        ("conv", (17, 18, 19), {"grid": 2}, (17, 18, 19)),
        ("conv", (17, 18, 19), {"head": "fc"}, None),
        ("fc", (17, 18), {}, (17, 18)),
        ("fc", (17, 18), {"grid": 2}, None),  # cells of 32 pixels need no layer of stride 2
    ],
)
def test_widths_stay_as_far_as_the_layers_do(
    head: str,
    head_widths: tuple[int, ...],
    change: dict[str, object],
    left: tuple[int, ...] | None,
    options: Options,
    tmp_path: Path,
) -> None:
    config = new_config(
        CLASSES, head=head, grid=1, image_size=64, widths=NARROW, head_widths=head_widths
    )
    path = tmp_path / "narrow.safetensors"
    save_weights(path, build_network(config), {})
    asked = TrainOptions(**{**vars(options()), "weights": str(path), **change})
    grid = change.get("grid")
    assert grid is None or isinstance(grid, int)
    task = task_named("detect")
    network, note = start_network(
        find_start(asked, task), asked, task, CLASSES, named_recipe(asked), grid
    )
    assert network.config.widths == NARROW
    assert network.config.head_widths == left
    assert "narrow.safetensors: kept" in note
