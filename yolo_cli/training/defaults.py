"""What is left open is chosen to suit the dataset and the machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from yolo_cli.data.sample import Dataset
from yolo_cli.model.config import ModelConfig
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.recipe import Recipe
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.start import Start

SMALL_DATASET = 1000  # images; below it a smaller batch gives more steps for the same work
SMALL_BATCH = 4
FROZEN_BLOCKS = 4  # of VGG-16 on a CPU: 91 % of its work, and general enough to be kept
# Where half of the objects are narrower than this many cells of the paper's 7×7, a grid of 14×14
# finds more: small things are placed more exactly, and fewer share a cell.
SMALL_OBJECT = 1.5
FINE_GRID = 14


def choose_grid(options: TrainOptions, dataset: Dataset, reporter: Reporter) -> TrainOptions:
    """Fill in a finer grid for a dataset of small objects, and say so.

    The grid stays that of a weights file or a teacher that the user named, and of the paper's
    recipe.

    Args:
        options: what the user asked for.
        dataset: the images to train on.
        reporter: where it is said.

    Returns:
        The options, with ``grid`` where one was chosen.
    """
    fixed = options.grid is not None or options.image_size is not None
    named = options.weights not in ("default", "imagenet", "none") or options.teacher is not None
    if fixed or named or options.recipe_name != "default":
        return options
    cells = typical_size(dataset) * ModelConfig.grid
    if not cells < SMALL_OBJECT:
        return options
    reporter.note(
        f"grid      {FINE_GRID}×{FINE_GRID}, as half of the objects are smaller than "
        f"{cells:.1f} cells of {ModelConfig.grid}×{ModelConfig.grid}; --grid chooses"
    )
    return replace(options, grid=FINE_GRID)


def typical_size(dataset: Dataset) -> float:
    """Median side of an object (√ of its area) as a share of its image's; NaN without objects.

    Difficult objects and crowds, which are not trained on, do not count.
    """
    shares = [np.zeros(0)]
    for sample in dataset.samples:
        sides = (sample.boxes[:, 2:] - sample.boxes[:, :2])[~(sample.difficult | sample.crowd)]
        shares.append(np.sqrt(sides.prod(axis=1) / (sample.width * sample.height)))
    together = np.concatenate(shares)
    return float(np.median(together)) if len(together) else float("nan")


def choose_recipe(
    options: TrainOptions, recipe: Recipe, start: Start, images: int, device: torch.device
) -> Recipe:
    """Fill in what was left open, for this dataset and machine.

    A pre-trained VGG-16 on a CPU keeps its first four blocks, and the smaller the dataset the
    more augmented copies and epochs it gets.

    Args:
        options: what the user asked for, which stays.
        recipe: the named one.
        start: the network that is trained.
        images: how many there are to train on.
        device: that trains it.
    """
    if options.recipe_name != "default":
        return recipe
    chosen: dict[str, Any] = {
        "backbone_rate": recipe.backbone_rate if start.pretrained else 1.0,
        "epochs": max(10, min(40, 6000 // images)),
        "batch": SMALL_BATCH if images < SMALL_DATASET else recipe.batch,
    }
    if options.teacher is not None:
        chosen["copies"] = max(1, min(6, 1200 // images))
    vgg16 = start.network.config.arch == "vgg16"
    if vgg16 and start.pretrained and device.type == "cpu":
        chosen["freeze"] = FROZEN_BLOCKS
        chosen["copies"] = 1 if recipe.augmentation is None else max(1, min(6, 1200 // images))
    return recipe.with_options(**{**chosen, **options.recipe})
