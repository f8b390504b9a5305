"""Measure every subject, in turn, so that all see the same machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from yolo_cli.bench.client import Spec, Worker
from yolo_cli.errors import UserError

WARM_UP = 3  # passes before the first that counts


@dataclass(frozen=True)
class Load:
    """The work that the subjects do.

    Attributes:
        batches: sizes of a forward pass, one after the other.
        rounds: measurements of each subject and batch.
        photo: a JPEG file.
        paths: image files for the pipeline.
        data: a labelled dataset, or None.
        split: of it.
    """

    batches: tuple[int, ...]
    rounds: int
    photo: Path
    paths: tuple[Path, ...]
    data: Path | None = None
    split: str | None = None


@dataclass(frozen=True)
class Row:
    """What was measured of a subject at one batch size.

    Attributes:
        name: of the subject.
        backend: that ran it; empty for peers.
        precision: in which it multiplied.
        batch: images per forward pass.
        start_up: seconds from the start of its process to the first detections.
        latency: milliseconds of a forward pass, median.
        latency_p95: milliseconds that 95 of 100 passes keep to.
        network_rate: images per second of the network alone.
        photo: milliseconds from one JPEG in memory to its detections, median.
        pipeline_rate: images per second from files to detections.
        memory: most megabytes that its process took; None where the system does not say.
        share: of the rate at which this machine multiplies matrices, 0-1: in the network's own
            precision, for int8 in the best of the others; None for peers.
        mean_ap: VOC07 mAP, 0-100; None without labels.
    """

    name: str
    backend: str
    precision: str
    batch: int
    start_up: float
    latency: float
    latency_p95: float
    network_rate: float
    photo: float
    pipeline_rate: float
    memory: float | None
    share: float | None
    mean_ap: float | None


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        rows: a row for each subject and batch size.
        products: rate of matrix products by precision, in GFLOP/s.
        failed: a line for each subject that could not be run.
        threads: of the processor that were used.
    """

    rows: list[Row]
    products: dict[str, float]
    failed: list[str] = field(default_factory=list)
    threads: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``json``."""
        return asdict(self)


def measure(
    specs: Sequence[Spec],
    products: Sequence[str],
    load: Load,
    *,
    say: Callable[[str], None] = lambda _line: None,
) -> Benchmark:
    """Measure subjects in turn.

    Args:
        specs: the subjects.
        products: precisions whose matrix products are measured beside them.
        load: the work that they do.
        say: called with a line about each stage.
    """
    with ExitStack() as stack:
        workers, failed = [], []
        for spec in [*(Spec(p, "products", {"precision": p}) for p in products), *specs]:
            say(f"starting {spec.name}")
            try:
                worker = Worker(spec, load.photo)
            except UserError as error:
                failed.append(" ".join(filter(None, [error.message, error.hint])))
                continue
            stack.callback(worker.close)
            workers.append(worker)
        yards = [worker for worker in workers if worker.spec.kind == "products"]
        subjects = [worker for worker in workers if worker.spec.kind != "products"]
        say(f"measuring, {load.rounds} rounds")
        rates = {
            worker.spec.name: worker.facts["flops"] / float(np.median(taken)) / 1e9
            for worker, taken in zip(yards, _in_turns(yards, "network", load, batch=1), strict=True)
        }
        rows = _rows(subjects, load, rates, say)
        threads = max((int(worker.facts.get("threads", 0)) for worker in subjects), default=0)
    return Benchmark(rows, rates, failed, threads)


def _rows(
    workers: Sequence[Worker], load: Load, rates: dict[str, float], say: Callable[[str], None]
) -> list[Row]:
    photos = _in_turns(workers, "photo", load)
    paths = [str(path) for path in load.paths]
    rows = []
    for batch in load.batches:
        passes = _in_turns(workers, "network", load, batch=batch)
        for worker, times, photo in zip(workers, passes, photos, strict=True):
            say(f"{worker.spec.name}: {len(paths)} files")
            whole = min(worker.seconds("pipeline", paths=paths, batch=batch)[0] for _ in range(2))
            score = None
            if load.data is not None and worker.spec.kind == "own":
                order = {"data": str(load.data), "split": load.split, "batch": batch}
                score = worker.ask("score", **order)["mAP"]
            seconds = float(np.median(times))
            memory = worker.ask("memory")["bytes"]
            rows.append(
                Row(
                    name=worker.spec.name,
                    backend=worker.facts.get("backend", ""),
                    precision=worker.facts["precision"],
                    batch=batch,
                    start_up=worker.start_up,
                    latency=seconds * 1e3,
                    latency_p95=float(np.percentile(times, 95)) * 1e3,
                    network_rate=batch / seconds,
                    photo=float(np.median(photo)) * 1e3,
                    pipeline_rate=len(paths) / whole,
                    memory=None if memory is None else memory / 1e6,
                    share=_share(worker.facts, batch / seconds, rates),
                    mean_ap=score,
                )
            )
    return rows


def _in_turns(workers: Sequence[Worker], what: str, load: Load, **values: Any) -> list[list[float]]:
    """Return the times of each worker, taken one at a time and in turn."""
    for worker in workers:
        worker.seconds(what, repeat=WARM_UP, **values)
    times: list[list[float]] = [[] for _ in workers]
    for _ in range(load.rounds):
        for worker, own in zip(workers, times, strict=True):
            own.extend(worker.seconds(what, **values))
    return times


def _share(facts: dict[str, Any], images: float, rates: dict[str, float]) -> float | None:
    if "flops" not in facts or not rates:
        return None
    rate = rates.get(facts["precision"], max(rates.values()))
    return float(images * facts["flops"] / 1e9 / rate)
