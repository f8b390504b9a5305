"""A first guess of a machine's speed, within a second, from the network's work.

A budget that cannot be kept is refused by it at once; one that can is planned by measurement
(:mod:`yolo_cli.training.budget.speed`).
"""

from __future__ import annotations

import time

import torch

from yolo_cli.model.network import Network
from yolo_cli.model.summary import summarise
from yolo_cli.tasks.networks import shapes_of
from yolo_cli.training.budget.plan import Speed
from yolo_cli.training.machine import Machine
from yolo_cli.training.recipe import Recipe

ENOUGH_FLOPS = 10e9  # of a pass that tells how fast the machine is; a tenth of a second or two
# How many times as fast as torch ncnn may be: a budget that it could keep is not refused.
RUNTIME_GAIN = {"torch": 1.0, "ncnn": 4.0}
BACKWARD = 2.0  # times the work of a forward pass: gradients of activations and of weights


def estimate_speed(network: Network, recipe: Recipe, machine: Machine) -> Speed:
    """Estimate the seconds an image; decoding is left out.

    Args:
        network: on its device.
        recipe: which blocks are frozen and cached.
        machine: where it computes.
    """
    work = block_flops(network)
    pace = _seconds_per_flop(network, machine, work)
    frozen = sum(work[: recipe.freeze])
    rest = sum(work) - frozen
    cached = bool(recipe.freeze and recipe.copies)
    ahead = 0.0 if cached else frozen
    freed = sum(work[recipe.freeze - recipe.unfreeze : recipe.freeze]) if recipe.unfreeze else 0.0
    return Speed(
        cache=pace * frozen / RUNTIME_GAIN[machine.runtime],
        step=pace * (ahead + (1 + BACKWARD) * rest),
        validate=pace * (ahead + rest),
        second=pace * (frozen + rest + BACKWARD * (rest + freed)) if recipe.unfreeze else 0.0,
    )


def block_flops(network: Network) -> list[float]:
    """Return the floating-point operations of each backbone block, and of the head at the end."""
    ends = network.backbone.ends
    flops = [0.0] * (len(ends) + 1)
    for layer in summarise(shapes_of(network.config)):
        parts = layer.name.split(".")
        block = len(ends)
        if parts[0] == "backbone":
            block = next(i for i, end in enumerate(ends) if int(parts[2]) < end)
        flops[block] += layer.flops
    return flops


def _seconds_per_flop(network: Network, machine: Machine, work: list[float]) -> float:
    """Time the first blocks, as many as make a second of work at most."""
    count = 1
    while count < network.backbone.blocks and sum(work[:count]) < ENOUGH_FLOPS:
        count += 1
    side = network.config.image_size
    images = torch.zeros(1, 3, side, side, dtype=torch.uint8, device=machine.device)
    seconds = float("inf")
    with torch.inference_mode(), machine.autocast():
        inputs = network.normalise(images).contiguous(memory_format=torch.channels_last)
        for _ in range(2):  # the first one warms up
            begin = time.perf_counter()
            network.backbone.run(inputs, 0, count)
            machine.synchronise()
            seconds = min(seconds, time.perf_counter() - begin)
    return seconds / sum(work[:count])
