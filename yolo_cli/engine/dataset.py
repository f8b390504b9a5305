"""Run a network over a labelled dataset, its actors looking and this process scoring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yolo_cli.engine.cluster import running
from yolo_cli.engine.parts import Parts
from yolo_cli.engine.run import Network, Pool, answers
from yolo_cli.engine.shipped import Shipped
from yolo_cli.inference.labelled import RunFiles
from yolo_cli.inference.predictor import Predictor
from yolo_cli.tasks.result import Failure, Result


@contextmanager
def on_actors(
    network: Network, address: str | None, images: int, say: Callable[[str], None]
) -> Iterator[tuple[Predictor[Any], RunFiles]]:
    """Start actors for a dataset.

    Args:
        network: which they run, and how.
        address: of a cluster; None for this machine.
        images: how many there are.
        say: called with a line about what ``auto`` has measured.

    Yields:
        The network, and what runs it on files in the place of
        :func:`yolo_cli.inference.pipeline.run_files`.

    Raises:
        UserError: see :func:`~yolo_cli.engine.cluster.running` and
            :meth:`~yolo_cli.engine.run.Pool.of`.
    """
    shipped = Shipped.of(network.weights)
    with running(address) as cluster:
        pool = Pool.of(cluster, network, images, say)

        def run(
            runner: Predictor[Any],
            paths: Sequence[Path],
            thresholds: Any = None,
            *,
            batch: int = 1,
        ) -> Iterator[Result | Failure]:
            parts = Parts.for_actors([str(path) for path in paths], pool.share.actors)
            job = pool.job(shipped, thresholds, None, "parquet")
            for answer in answers(pool.share, job, parts, range(len(parts)), ordered=True):
                yield from answer.outcomes

        yield pool.predictor, run
