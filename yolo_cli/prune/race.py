"""The time of networks in the runtime that `--backend auto` takes: of layers, and of the whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from yolo_cli.inference.backends.backend import Backend, BackendName
from yolo_cli.inference.backends.choose import of_network
from yolo_cli.inference.backends.stopwatch import stopwatch
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.prune.budget import Choices, choose
from yolo_cli.tasks.networks import build_network

REPEATS = 5  # passes of a network whose layers are timed
ROUNDS = 9  # of a race
TRIES = 8  # of a choice, each after a race
CLOSE = 0.02  # of the time that is asked for: what a race is off by
WASTEFUL = 0.94  # a network that needs less than this part of it lost more than it had to


@dataclass(frozen=True)
class Race:
    """Two networks, run in turn.

    Attributes:
        before: milliseconds of the original, the median.
        after: of the smaller one.
        share: of the original's time that the smaller one takes, the median of all rounds.
    """

    before: float
    after: float
    share: float

    @property
    def times_as_fast(self) -> float:
        """Return how many times as fast the smaller one is."""
        return 1 / self.share


class Course(Protocol):
    """Where networks are timed."""

    def layers(self, network: Network) -> Sequence[float]:
        """Return the milliseconds of each layer with weights, and of what follows it."""

    def race(self, config: ModelConfig) -> Race:
        """Let the network of a configuration run against the original, whatever its numbers."""


class Runtime:
    """A runtime on this machine's CPU.

    Args:
        original: what others run against; not changed.
        backend: its name.
        precision: ``auto``, ``fp32`` or ``bf16``.

    Raises:
        UserError: the runtime is not there.
    """

    def __init__(
        self, original: Network, backend: BackendName = "torch", precision: str = "auto"
    ) -> None:
        self.backend = backend
        self.precision = precision
        side = original.config.image_size
        generator = torch.Generator().manual_seed(0)
        self.image = torch.randint(
            0, 256, (1, 3, side, side), generator=generator, dtype=torch.uint8
        )
        self.original = self._load(deepcopy(original))

    def layers(self, network: Network) -> list[float]:
        """See :class:`Course`."""
        watch = stopwatch(network, self.backend, self.precision)
        watch(self.image)
        passes = [watch(self.image) for _ in range(REPEATS)]
        return [1e3 * min(times) for times in zip(*passes, strict=True)]

    def race(self, config: ModelConfig) -> Race:
        """See :class:`Course`."""
        other = self._load(build_network(config))
        both = [self.original, other]
        for backend in both:
            backend(self.image)
        rounds = np.array(
            [[_timed(backend, self.image) for backend in both] for _ in range(ROUNDS)]
        )
        before, after = np.median(rounds, axis=0)
        share = np.median(rounds[:, 1] / rounds[:, 0])
        return Race(1e3 * float(before), 1e3 * float(after), float(share))

    def _load(self, network: Network) -> Backend:
        return of_network(network, self.backend, torch.device("cpu"), self.precision)


def _timed(backend: Backend, image: Tensor) -> float:
    begin = time.perf_counter()
    backend(image)
    return time.perf_counter() - begin


def choose_by_races(
    choices: Choices, share: float, race: Callable[[Sequence[int]], Race]
) -> tuple[tuple[int, ...], Race]:
    """Choose widths with which the whole network takes a share of the original's time.

    The times of layers do not add up to the network's, so what they are to take is corrected by
    what the whole takes.

    Args:
        choices: what there is to choose from, with the layers' times as costs.
        share: of the original's time.
        race: lets a choice run against the original.

    Returns:
        The slowest choice that was fast enough, and its race; if none was, the fastest.
    """
    total, least = choices.cost(choices.whole), choices.cheapest()
    budget, low, high = share * total, 0.0, float("inf")  # enough with low, too slow with high
    tried: dict[tuple[int, ...], Race] = {}
    for _ in range(TRIES):
        path = choose(choices, max(budget, least))
        found = tried[path] if path in tried else race(path)
        tried[path] = found
        if found.share > (1 + CLOSE) * share:
            high = min(high, choices.cost(path))
        elif found.share < WASTEFUL * share:
            low = max(low, budget)
        else:
            break
        if high <= least or high - low < CLOSE * share * total:
            break
        budget *= share / found.share
        if not low < budget < high:
            budget = (low + min(high, total)) / 2
    good = [one for one in tried.items() if one[1].share <= (1 + CLOSE) * share]
    return max(good, key=_share) if good else min(tried.items(), key=_share)


def _share(one: tuple[tuple[int, ...], Race]) -> float:
    return one[1].share
