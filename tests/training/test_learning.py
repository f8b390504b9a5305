"""Every architecture, head and recipe learns eight pictures by heart.

This is what shows that targets, loss, decoding and scoring belong together: a sign, an axis or an
index that is wrong in one of them keeps the score low.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.toy import make_voc
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.loader import TrainingImages, collate
from yolo_cli.evaluation.voc import evaluate_voc
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.config import new_config
from yolo_cli.tasks.detect.augment import Preparation
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.loss import YoloLoss
from yolo_cli.tasks.detect.postprocess import postprocess
from yolo_cli.tasks.detect.thresholds import EVAL
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.optimizer import build_optimizer, clip_gradient
from yolo_cli.training.recipe import RECIPES

SIZE, GRID = 64, 2
STEPS = 400


@pytest.mark.parametrize("recipe_name", ["default", "paper"])
@pytest.mark.parametrize("head", ["conv", "fc"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_learns_eight_images_by_heart(
    arch: str, head: str, recipe_name: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    dataset = open_dataset(make_voc(tmp_path / "data")).load(None)
    recipe = RECIPES[recipe_name]
    config = new_config(
        dataset.classes,
        arch=arch,
        head=head,
        grid=GRID,
        image_size=SIZE,
        norm=recipe.norm,
        output=recipe.output,
        dropout=0.0,
        width=0.125,
    )
    network, grid = build_network(config), Grid.of(config)
    images = TrainingImages(dataset.samples, Preparation(SIZE, None), seed=0)
    inputs, targets = collate([images[0, i] for i in range(len(images))])
    sizes = [(s.width, s.height) for s in dataset.samples]
    criterion = YoloLoss(grid, recipe.loss)
    target = grid.encode(targets, SIZE)
    assert target.lost == 0

    optimizer = build_optimizer(network, recipe, [0])
    score = 0.0
    for step in range(1, STEPS + 1):
        network.train()
        optimizer.zero_grad()
        loss = criterion(network(inputs), target)["loss"]
        loss.backward()
        clip_gradient(network, 10.0)
        optimizer.step()
        if step % 20 == 0:
            with torch.inference_mode():
                detections = postprocess(network.eval()(inputs), grid, sizes, EVAL)
            score = evaluate_voc(dataset.samples, detections, dataset.classes).mean_ap
            if score >= 90:
                return
    pytest.fail(f"mAP {score:.1f} after {STEPS} steps")
