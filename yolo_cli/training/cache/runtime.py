"""What computes the activations of frozen blocks: torch, or ncnn where that is faster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.inference.backends.backend import BackendName, Precision
from yolo_cli.inference.backends.ncnn_graph import FEATURES, blocks_to_ncnn
from yolo_cli.inference.backends.ncnn_net import NcnnNet, library
from yolo_cli.inference.backends.speeds import (
    MOST_STREAMS,
    Speed,
    keep,
    kept,
    key_of,
    machine_facts,
    measure,
    shape_facts,
)
from yolo_cli.model.network import Network
from yolo_cli.training.machine import Machine, Runtime

# Images a forward pass of torch. Larger passes are slower on a CPU: the first block's activations
# are so large that the allocator takes fresh, zeroed pages for each of them.
FORWARD = 2
CLOSE = 0.05  # of the largest activation: several times what bfloat16 rounds


class Blocks:
    """Blocks of a network, ready to run on images or on what has passed the blocks before.

    Args:
        network: on its device; not changed.
        done: how many blocks the inputs have passed; 0 for images.
        depth: how many the outputs have.
        machine: where it computes, in which precision, and with which runtime.

    Raises:
        UserError: the runtime is ncnn, and that does not load here.
    """

    parallel = forkable = False

    def __init__(self, network: Network, done: int, depth: int, machine: Machine) -> None:
        self.name: BackendName = "torch" if done else machine.runtime
        half = self.name == "torch" and machine.dtype == torch.bfloat16
        self.precision: Precision = "bf16" if half else "fp32"
        ncnn = self.name == "ncnn"
        self._run = _ncnn(network, depth) if ncnn else _torch(network, done, depth, machine)

    def __call__(self, images: Tensor) -> Tensor:
        """Run the blocks on ``[N, C, H, W]``: uint8 RGB, or what has passed the blocks before."""
        return self._run(images)


def _torch(network: Network, done: int, depth: int, machine: Machine) -> Callable[[Tensor], Tensor]:
    blocks = deepcopy(network.backbone).eval()
    # In one pass over the weights, which torch's stub knows nothing of.
    blocks.to(device=machine.device, dtype=machine.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    count = FORWARD if machine.device.type == "cpu" else None

    def run(inputs: Tensor) -> Tensor:
        with torch.inference_mode():
            parts = inputs.to(machine.device).split(count or len(inputs))
            ready = (part if done else network.normalise(part) for part in parts)
            return torch.cat(
                [
                    blocks.run(p.to(machine.dtype, memory_format=torch.channels_last), done, depth)
                    for p in ready
                ]
            )

    return run


def _ncnn(network: Network, depth: int) -> Callable[[Tensor], Tensor]:
    """Return the first blocks in ncnn: several images at once, which never wait for each other."""
    library()
    cores = torch.get_num_threads()
    streams = min(cores, MOST_STREAMS)
    graph = blocks_to_ncnn(network, depth)
    net = NcnnNet(graph, FEATURES, max(1, cores // streams), half=False, name="the network")

    def run(inputs: Tensor) -> Tensor:
        with ThreadPoolExecutor(streams, "ncnn") as pool:
            return torch.from_numpy(np.stack(list(pool.map(net, inputs.numpy()))))

    return run


def fastest_runtime(
    network: Network,
    machine: Machine,
    *,
    measured: bool,
    failed: Callable[[UserError], None],
) -> tuple[Runtime, list[Speed]]:
    """Return which runtime computes the frozen blocks sooner here, and how fast both are.

    Args:
        network: its frozen blocks are what is computed.
        machine: where.
        measured: measure it now if that has not been done before on this machine, for a network
            of this shape; else torch is taken.
        failed: called with the reason why ncnn does not load.
    """
    facts = {**machine_facts(), "dtype": str(machine.dtype), "depth": network.frozen}
    about = {"machine": facts, "network": shape_facts(network.config)}
    key = key_of(about)
    speeds = kept(key)
    if not speeds and measured:
        speeds = _measure(network, machine, failed)
        keep(key, speeds, about)
    usable = [speed for speed in speeds if speed.agrees]
    best = min(usable, key=lambda speed: speed.alone).backend if usable else "torch"
    return "ncnn" if best == "ncnn" else "torch", speeds


def _measure(
    network: Network, machine: Machine, failed: Callable[[UserError], None]
) -> list[Speed]:
    side = network.config.image_size
    count = max(FORWARD, min(torch.get_num_threads(), MOST_STREAMS))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, side, side), generator=generator, dtype=torch.uint8)
    runtimes: tuple[Runtime, ...] = ("torch", "ncnn")
    build = [
        partial(Blocks, network, 0, network.frozen, replace(machine, runtime=runtime))
        for runtime in runtimes
    ]
    found = measure(build, pixels, _close, failed=failed)
    return [replace(speed, alone=speed.alone / count) for speed, _ in found]


def _close(expected: Tensor, found: Tensor) -> bool:
    difference = (expected.float() - found.float()).abs().max()
    return bool(difference <= CLOSE * expected.float().abs().max())
