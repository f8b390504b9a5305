"""The score of a network on the validation images, which several processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from yolo_cli.data.loader import batches
from yolo_cli.model.network import Network
from yolo_cli.tasks.contract.training import Score
from yolo_cli.tasks.task import task_of
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.source import Source, in_order
from yolo_cli.training.step import Step


def validate(
    network: Network,
    source: Source,
    batch: int,
    step: Step,
    reporter: Reporter,
    look_up: Callable[[], None],
) -> Score:
    """Score a network.

    Whole batches are dealt out, so each gives the very numbers that it gives a single process. The
    first process scores what all have found, in their order; the others know the value alone.

    Args:
        network: in evaluation mode.
        source: of the images.
        batch: images a forward pass.
        step: runs the network.
        reporter: shows how far it is.
        look_up: called after every round of batches.
    """
    ranks = step.ranks
    scorer = task_of(network.config).scorer(network.config)
    keys = in_order(len(source), batch=batch)
    loaded = batches(source.dataset, ranks.share(keys), source.workers)
    reporter.begin("validation", len(source))
    with torch.inference_mode():
        for first in range(0, len(keys), ranks.size):
            together = keys[first : first + ranks.size]
            raw = None
            if ranks.rank < len(together):
                raw = step.forward(network, next(loaded)[0], source.depth)
            for part, found in zip(together, ranks.gather_tensors(raw), strict=False):
                scorer.add(found, [source.samples[i] for _, i in part])
                reporter.advance(len(part))
            look_up()
    reporter.end()
    score = scorer.score() if ranks.first else Score(0.0)
    return replace(score, value=ranks.agree(score.value))
