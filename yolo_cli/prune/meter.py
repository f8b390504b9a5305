"""How much of the work of pruning is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from yolo_cli.model.network import Network
from yolo_cli.prune.budget import Numbers
from yolo_cli.prune.chain import chain_of
from yolo_cli.prune.costs import NETWORKS
from yolo_cli.prune.goal import Goal
from yolo_cli.prune.rows import ROWS, images_for

Progress = Callable[[str, float], None]
"""Takes what is being done, and the part of all work that is done, 0 to 1."""


@dataclass
class Meter:
    """Says how much is done, by rough estimates of what takes how long.

    Attributes:
        progress: told of it.
        timing: seconds for the layers' times in each network.
        studying: seconds for each link's study.
        solving: seconds for each link's new weights.
        done: seconds.
    """

    progress: Progress
    timing: list[float]
    studying: list[float]
    solving: list[float]
    done: float = 0.0

    @classmethod
    def of(
        cls,
        network: Network,
        flops: Sequence[Numbers],
        images: int,
        goal: Goal,
        progress: Progress,
    ) -> Meter:
        """Estimate for a processor of 200 GFLOP/s, and a third of that in double precision."""
        layers = [link.layer for link in chain_of(network)]
        sizes = [layer.weight[0].numel() for layer in layers]
        works = [float(cost[-1, -1]) for cost in flops]
        places = [
            round(work / 2 / layer.weight.numel())
            for work, layer in zip(works, layers, strict=True)
        ]
        running = [
            images_for(place, images) * work / 2e11
            for place, work in zip(places, works, strict=True)
        ]
        return cls(
            progress,
            timing=[1 + 3 * sum(works) / 2e11] * (NETWORKS if goal.speed is not None else 0),
            studying=[
                one + (ROWS + 2 * size) * size**2 / 1e11
                for one, size in zip(running, sizes, strict=True)
            ],
            solving=[
                goal.share * (one + size**2 * ROWS / 1e11)
                for one, size in zip(running, sizes, strict=True)
            ],
        )

    def timed(self, index: int) -> None:
        """The layers of a network were timed."""
        self._add("timing layers", self.timing[index])

    def studied(self, index: int) -> None:
        """A link was studied."""
        self._add("choosing channels", self.studying[index])

    def solved(self, index: int) -> None:
        """A link has new weights."""
        self._add("solving layers again", self.solving[index])

    def _add(self, what: str, seconds: float) -> None:
        self.done += seconds
        total = sum(self.timing) + sum(self.studying) + sum(self.solving)
        self.progress(what, self.done / total)
