"""``--backend auto`` for weights on the CPU: what is fastest here among what finds the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from yolo_cli.data.images import read_image
from yolo_cli.data.transforms import stretch
from yolo_cli.errors import UserError
from yolo_cli.inference.backends.agreement import Agreement, Kind
from yolo_cli.inference.backends.backend import Backend, BackendName, Precision, installed
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

PHOTOGRAPHS = ("dog.jpg", "books.jpg", "coffee.jpg", "parrot.jpg")
"""Samples on which backends are compared; the first one is what is timed."""

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
    config: ModelConfig,
    weights: Callable[[], str],
    precision: str,
    images: int | None,
    build: Build,
    *,
    say: Say,
    failed: Say,
) -> Choice:
    """Choose the backend that is done first.

    What was measured before for networks of this shape counts, with the seconds that each takes to
    start, and for these weights whether it finds the same. Nothing is measured for fewer than
    :data:`FEW` images, nor if it is not known how many there will be: then torch is taken, which
    starts first, and for an unknown number ncnn if the network is :data:`HEAVY`.

    Args:
        config: of the network.
        weights: returns a digest of its weights.
        precision: ``auto``, ``fp32`` or ``bf16``.
        images: how many there will be; None if it is not known.
        build: loads the network.
        say: called with a line about what was measured.
        failed: called with the reason why a backend cannot be used.
    """
    if precision == "bf16" and not runs_bf16():
        return Choice("torch", precision)  # which alone emulates it
    search = _Search(config, weights, precision, build, failed)
    many = images is not None and images >= FEW
    measured = many and search.measure()
    taken = search.first(images, look=many)
    if taken is None:
        return Choice("ncnn" if images is None and work(config) > HEAVY else "torch", precision)
    if measured:
        say(_line(search.speeds, taken))
    kind = taken.backend, taken.precision
    return Choice(*kind, taken.parallel, search.loaded.get(kind))


class _Search:
    """What is known of a network's backends, and what is found out about them.

    Attributes:
        speeds: of networks of its shape; nothing if they were not measured.
        loaded: backends by name and precision.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Callable[[], str],
        precision: str,
        build: Build,
        failed: Say,
    ) -> None:
        self.config = config
        self.weights = weights
        self.build = build
        self.failed = failed
        self.rounded = precision == "bf16"  # who asks for it has it with its rounding
        self.candidates = _candidates(precision)
        self.machine = {"machine": machine_facts(), "candidates": self.candidates}
        self.about = {**self.machine, "network": shape_facts(config)}
        self.speeds = kept(key_of(self.about))
        self.loaded: dict[Kind, Backend] = {}

    def measure(self) -> bool:
        """Measure the speeds where they are not known; return whether that was done."""
        if self.speeds:
            return False
        found = measure(
            [partial(self.build, *candidate) for candidate in self.candidates],
            _pictures(self.config.image_size, 1),
            self._agree,
            failed=self._fail,
        )
        self.speeds = [speed for speed, _ in found]
        self.loaded = {(one.backend, one.precision): backend for one, backend in found}
        keep(key_of(self.about), self.speeds, self.about)
        return True

    def first(self, images: int | None, *, look: bool) -> Speed | None:
        """Return what is done first of what agrees; None if that is not known.

        Args:
            images: how many there will be.
            look: run what is not known to agree.
        """
        order = in_order(self.speeds, images)
        if self.rounded or not order:
            return next(iter(order), None)
        known = Agreement(key_of([self.weights(), self.machine]), self.candidates[0])
        if self.loaded:
            known.note(self.speeds)
        if look:
            known.look(order, self._load, self._samples, self._agree, self._fail)
            self.speeds = [replace(one, agrees=known.of(one) is not False) for one in order]
            return next(one for one in order if known.of(one))
        taken = next(one for one in order if known.of(one) is not False)
        return taken if known.of(taken) else None

    def _load(self, kind: Kind) -> Backend:
        return self.loaded[kind] if kind in self.loaded else self.build(*kind)

    def _samples(self) -> Tensor:
        return _pictures(self.config.image_size, len(PHOTOGRAPHS))

    def _agree(self, expected: Tensor, found: Tensor) -> bool:
        return self.rounded or all(
            task_of(self.config).agree(self.config, one, other)
            for one, other in zip(expected.split(1), found.split(1), strict=True)
        )

    def _fail(self, error: UserError) -> None:
        self.failed(error.message)


def in_order(speeds: Sequence[Speed], images: int | None) -> list[Speed]:
    """Sort by what is done first with so many images; None for a process that runs for long."""

    def total(speed: Speed) -> float:
        if images is None:
            return speed.alone
        return speed.load + images * (speed.each if images >= FEW else speed.alone)

    return sorted(speeds, key=total)


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


def _candidates(precision: str) -> list[Kind]:
    """Return backends and precisions; what the first finds is what the others have to find."""
    dtype = pick_dtype(precision, torch.device("cpu"))
    usual: Precision = "bf16" if dtype == torch.bfloat16 else "fp32"
    own: Precision = usual if precision == "bf16" else "fp32"
    found: list[Kind] = [("torch", own), ("torch", usual), ("ncnn", own)]
    if installed("openvino"):
        found.append(("openvino", usual))
    return list(dict.fromkeys(found))


def _pictures(size: int, count: int) -> Tensor:
    """Return sample photographs as ``[count, 3, size, size]`` uint8; noise where there are none."""
    folder = samples_folder()
    files = [] if folder is None else [folder / IMAGES / name for name in PHOTOGRAPHS[:count]]
    if files and all(file.is_file() for file in files):
        return torch.stack([stretch(read_image(file), size) for file in files])
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)


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
