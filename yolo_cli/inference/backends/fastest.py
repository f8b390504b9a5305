"""``--backend auto`` for weights on the CPU: what is fastest here among what finds the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from yolo_cli.data.images import read_image
from yolo_cli.data.transforms import stretch
from yolo_cli.inference.backends.backend import Backend, BackendName, installed
from yolo_cli.inference.backends.chain import layers_of, side_of
from yolo_cli.inference.backends.speeds import (
    Speed,
    keep,
    kept,
    key_of,
    machine_facts,
    measure,
    shape_facts,
)
from yolo_cli.inference.samples import IMAGES, samples_folder
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.runtime import pick_dtype, runs_bf16
from yolo_cli.tasks.networks import shapes_of
from yolo_cli.tasks.task import task_of

FEW = 50
"""Images that do not pay for a measurement."""

MANY = 10**9
"""Images of a video, say, whose number is not known, but is large."""

HEAVY = 20e9
"""Floating-point operations of an image, from which on ncnn takes less time than torch."""

PHOTOGRAPH = "dog.jpg"

Build = Callable[[BackendName, str], Backend]
"""From a backend and a precision to the network that it runs."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """How a network is run.

    Attributes:
        backend: its name.
        precision: as after ``--precision``.
        parallel: whether several images at once are faster; None if that is not known.
        loaded: the backend, where it has been loaded already.
    """

    backend: BackendName
    precision: str
    parallel: bool | None = None
    loaded: Backend | None = None


def choose(
    config: ModelConfig, precision: str, images: int | None, build: Build, *, say: Say, failed: Say
) -> Choice:
    """Choose the backend that is done first.

    What was measured before counts, with the seconds that each takes to start. Nothing is measured
    for fewer than :data:`FEW` images, nor if it is not known how many there will be: then torch is
    taken, which starts first, and for an unknown number ncnn if the network is :data:`HEAVY`.

    Args:
        config: of the network.
        precision: ``auto``, ``fp32`` or ``bf16``.
        images: how many there will be; None if it is not known.
        build: loads the network.
        say: called with a line about what was measured.
        failed: called with the reason why a backend cannot be used.
    """
    if precision == "bf16" and not runs_bf16():
        return Choice("torch", precision)  # which alone emulates it
    candidates = _candidates(precision)
    about = {
        "machine": machine_facts(),
        "network": shape_facts(config),
        "candidates": candidates,
    }
    key = key_of(about)
    speeds = kept(key)
    if speeds:
        taken = fastest(speeds, images)
        return Choice(taken.backend, taken.precision, taken.parallel)
    if images is None or images < FEW:
        return Choice("ncnn" if images is None and work(config) > HEAVY else "torch", precision)
    found = measure(
        [partial(build, *candidate) for candidate in candidates],
        _picture(config.image_size),
        # Who asks for bfloat16 has it with its rounding.
        (lambda *_: True) if precision == "bf16" else partial(task_of(config).agree, config),
        failed=lambda error: failed(error.message),
    )
    speeds = [speed for speed, _ in found]
    keep(key, speeds, about)
    taken = fastest(speeds, images)
    say(_line(speeds, taken))
    loaded = next(backend for speed, backend in found if speed is taken)
    return Choice(taken.backend, taken.precision, taken.parallel, loaded)


def fastest(speeds: Sequence[Speed], images: int | None) -> Speed:
    """Return what is done first with so many images; None for a process that runs for long."""

    def total(speed: Speed) -> float:
        if images is None:
            return speed.alone
        return speed.load + images * (speed.each if images >= FEW else speed.alone)

    return min((speed for speed in speeds if speed.agrees), key=total)


def work(config: ModelConfig) -> float:
    """Return the floating-point operations for an image, two for a multiplication and its sum.

    By the sizes alone: to run the network on torch's meta device would import torch's compiler.
    """
    total, side = 0, config.image_size
    for layer in layers_of(shapes_of(config)):
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            padding = layer.padding
            assert not isinstance(padding, str)
            over = side + 2 * side_of(padding) - side_of(layer.kernel_size)
            side = over // side_of(layer.stride) + 1
        if isinstance(layer, nn.Conv2d):
            total += 2 * layer.weight.numel() * side**2
        elif isinstance(layer, nn.Linear):
            total += 2 * layer.weight.numel()
    return float(total)


def _candidates(precision: str) -> list[tuple[BackendName, str]]:
    """Return backends and precisions; what the first finds is what the others have to find."""
    dtype = pick_dtype(precision, torch.device("cpu"))
    usual = "bf16" if dtype == torch.bfloat16 else "fp32"
    own = usual if precision == "bf16" else "fp32"
    found: list[tuple[BackendName, str]] = [("torch", own), ("torch", usual), ("ncnn", own)]
    if installed("openvino"):
        found.append(("openvino", usual))
    return list(dict.fromkeys(found))


def _picture(size: int) -> Tensor:
    """Return a sample photograph as ``[1, 3, size, size]`` uint8; noise where there is none."""
    folder = samples_folder()
    if folder is not None and (folder / IMAGES / PHOTOGRAPH).is_file():
        return stretch(read_image(folder / IMAGES / PHOTOGRAPH), size).unsqueeze(0)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 3, size, size), generator=generator, dtype=torch.uint8)


def _line(speeds: Sequence[Speed], taken: Speed) -> str:
    """Return one line about what was measured."""
    rows = [
        f"{speed.backend} {speed.precision} {speed.each * 1e3:.0f} ms"
        + ("" if speed.agrees else " (finds something else)")
        for speed in sorted(speeds, key=lambda one: one.each)
    ]
    return (
        f"measured once on this machine, an image of such a network: {', '.join(rows)}; "
        f"--backend auto takes {taken.backend}"
    )
