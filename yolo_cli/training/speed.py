"""How fast this machine trains: a short measurement before a time budget is planned."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy

import torch

from yolo_cli.data.loader import TrainingImages, collate
from yolo_cli.model.grid import Grid
from yolo_cli.model.loss import YoloLoss
from yolo_cli.model.network import Network
from yolo_cli.training.cache import FORWARD
from yolo_cli.training.opener import Machine
from yolo_cli.training.optimizer import build_average, build_optimizer, clip_gradient
from yolo_cli.training.plan import Speed
from yolo_cli.training.recipe import Recipe

REPEATS = 3


def measure_speed(
    network: Network, images: TrainingImages, recipe: Recipe, machine: Machine
) -> Speed:
    """Time what a cached run does, on a copy of the network; takes a few seconds.

    Args:
        network: frozen as it will be trained.
        images: to train on.
        recipe: its batch, loss and average are what is timed.
        machine: where the run will compute.
    """
    network = deepcopy(network).to(machine.device).to(memory_format=torch.channels_last)
    count = min(recipe.batch, len(images))
    targets = [images[0, i % len(images)][1] for i in range(FORWARD)]
    autocast = torch.autocast(
        machine.device.type, machine.dtype, enabled=machine.dtype != torch.float32
    )
    grid = Grid.of(network.config)
    criterion = YoloLoss(grid, recipe.loss)
    optimizer = build_optimizer(network, recipe, [recipe.freeze])
    average = build_average(network, recipe.ema or 0.5)

    def cache() -> torch.Tensor:
        loaded, _ = collate([images[0, i % len(images)] for i in range(FORWARD)])
        with torch.inference_mode(), autocast:
            result: torch.Tensor = network.frozen_part()(
                network.normalise(loaded.to(machine.device))
            )
        return result

    features = cache().to(machine.dtype)
    repeats = -(-count // FORWARD)
    batch = features.repeat(repeats, 1, 1, 1)[:count].clone(memory_format=torch.channels_last)
    target = grid.encode((targets * repeats)[:count], network.config.image_size)
    target = target.to(machine.device)

    def step() -> None:
        network.train()
        with autocast:
            raw = network(batch, recipe.freeze)
        optimizer.zero_grad()
        criterion(raw, target)["loss"].backward()
        clip_gradient(network, recipe.clip)
        optimizer.step()
        average.update_parameters(network)

    def validate() -> None:
        network.eval()
        with torch.inference_mode(), autocast:
            network(batch, recipe.freeze)

    return Speed(
        cache=_seconds(cache) / FORWARD,
        step=_seconds(step) / count,
        validate=_seconds(validate) / count,
    )


def _seconds(work: Callable[[], object]) -> float:
    """Median time of a few calls after one that warms up."""
    work()
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return sorted(times)[REPEATS // 2]
