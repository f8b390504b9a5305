"""How fast this machine trains: a short measurement before a time budget is planned."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from yolo_cli.data.loader import TrainingImages, collate
from yolo_cli.data.target import Target
from yolo_cli.inference.backends.speeds import MOST_STREAMS
from yolo_cli.model.network import Network
from yolo_cli.tasks.task import task_of
from yolo_cli.training.budget.plan import Speed
from yolo_cli.training.cache.runtime import FORWARD, Blocks
from yolo_cli.training.machine import Machine
from yolo_cli.training.optimizer import build_average, build_optimizer, clip_gradient
from yolo_cli.training.recipe import Recipe

REPEATS = 3
FEW = 4  # images a step where it runs the whole network, which takes a second each


def measure_speed(
    network: Network, images: TrainingImages, recipe: Recipe, machine: Machine
) -> Speed:
    """Time what a run does, on a copy of the network; takes some seconds.

    Args:
        network: frozen as it will be trained at first.
        images: to train on.
        recipe: its batch, loss, average and phases are what is timed.
        machine: where the run will compute.
    """
    bench = _Bench(network, images, machine)
    loading = bench.loading()
    cached = bool(recipe.freeze and recipe.copies)
    cache = bench.cache_seconds() + loading if recipe.freeze else 0.0
    step, validate = bench.step(recipe, recipe.freeze, depth=recipe.freeze if cached else 0)
    second = 0.0
    if recipe.unfreeze:
        second = bench.step(recipe, recipe.freeze - recipe.unfreeze, depth=0)[0] + loading
    extra = 0.0 if cached else loading
    return Speed(cache=cache, step=step + extra, validate=validate + extra, second=second)


def measure_cache(
    network: Network, images: TrainingImages, machine: Machine, depth: int = 0
) -> float:
    """Measure the seconds an image of decoding, augmenting and running the frozen blocks.

    Args:
        network: whose frozen blocks are run.
        images: what is decoded.
        machine: where it computes.
        depth: blocks whose output is at hand.
    """
    bench = _Bench(network, images, machine)
    if not depth:
        return bench.cache_seconds() + bench.loading()
    whole = bench.frozen_seconds()
    bench.network.freeze(depth)
    return max(whole - bench.frozen_seconds(), 0.0)


class _Bench:
    """A copy of the network and two images to run it on."""

    def __init__(self, network: Network, images: TrainingImages, machine: Machine) -> None:
        self.network = deepcopy(network).to(machine.device).to(memory_format=torch.channels_last)
        self.images = images
        self.machine = machine
        loaded, self.targets = self.load()
        self.loaded = loaded.to(machine.device)

    def load(self) -> tuple[Tensor, list[Target]]:
        """Decode and augment."""
        return collate([self.images[0, i % len(self.images)] for i in range(FORWARD)])

    def loading(self) -> float:
        """Return the seconds that decoding an image adds: others do it, but on the same cores."""
        if self.machine.device.type != "cpu":
            return 0.0
        return _seconds(self.load, self.machine) / FORWARD / 2

    def frozen_seconds(self) -> float:
        """Return the seconds an image of the frozen blocks alone."""
        return _seconds(self.frozen, self.machine) / FORWARD

    def frozen(self) -> Tensor:
        """Run the frozen blocks alone."""
        with torch.inference_mode(), self.machine.autocast():
            inputs = self.network.normalise(self.loaded)
            return self.network.backbone.run(inputs, 0, self.network.frozen)

    def cache_seconds(self) -> float:
        """Return the seconds an image of the frozen blocks, by what fills the cache."""
        if self.machine.runtime == "torch":
            return self.frozen_seconds()
        blocks = Blocks(self.network, 0, self.network.frozen, self.machine)
        count = max(FORWARD, min(torch.get_num_threads(), MOST_STREAMS))
        images = self.loaded[:1].expand(count, -1, -1, -1)
        return _seconds(lambda: blocks(images), self.machine) / count

    def step(self, recipe: Recipe, frozen: int, depth: int) -> tuple[float, float]:
        """Return the seconds an image of training and of validation.

        Args:
            recipe: batch, loss and average.
            frozen: leading blocks that are not trained.
            depth: blocks whose output is at hand.
        """
        network = self.network
        network.freeze(frozen)
        count = min(recipe.batch, len(self.images))
        count = count if depth else min(count, FEW)
        repeats = -(-count // FORWARD)
        inputs = self.frozen().to(self.machine.dtype) if depth else self.loaded
        batch = inputs.repeat(repeats, 1, 1, 1)[:count].clone(memory_format=torch.channels_last)
        task = task_of(network.config)
        target = task.encode((self.targets * repeats)[:count], network.config)
        target = target.to(self.machine.device)
        counts = torch.ones(len(network.config.classes))
        criterion = task.criterion(network.config, recipe, counts).to(self.machine.device)
        optimizer = build_optimizer(network, recipe, [frozen])
        average = build_average(network, recipe.ema or 0.5)

        def train() -> None:
            network.train()
            with self.machine.autocast():
                raw = network(batch, depth)
            optimizer.zero_grad()
            criterion(raw, target)["loss"].backward()
            clip_gradient(network, recipe.clip)
            optimizer.step()
            average.update_parameters(network)

        def validate() -> None:
            network.eval()
            with torch.inference_mode(), self.machine.autocast():
                network(batch, depth)

        return _seconds(train, self.machine) / count, _seconds(validate, self.machine) / count


def _seconds(work: Callable[[], object], machine: Machine) -> float:
    """Return the median time of a few calls after one that warms up."""
    work()
    times = []
    for _ in range(REPEATS):
        machine.synchronise()
        begin = time.perf_counter()
        work()
        machine.synchronise()
        times.append(time.perf_counter() - begin)
    return sorted(times)[REPEATS // 2]
