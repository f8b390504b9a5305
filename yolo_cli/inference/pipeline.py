"""Many images through one network: reading, the network and writing overlap.

Each stage is a generator that hands work to threads and takes the results in order. What it may
be ahead is bounded, so that memory is as well; Pillow, torch and ncnn work without the
interpreter lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from yolo_cli.errors import UserError
from yolo_cli.inference.backends.speeds import MOST_STREAMS
from yolo_cli.inference.items import FileItem, Item, Loaded
from yolo_cli.tasks.result import Failure, Origin, Result

FEW = 2
"""Batches for each stream below which one alone, on all cores, is done sooner."""

R = TypeVar("R", bound=Result)
S = TypeVar("S")
T = TypeVar("T")


class Runner(Protocol[R]):
    """Runs a network on pictures, in any thread."""

    @property
    def parallel(self) -> bool:
        """Whether several threads at once are faster than one."""

    @property
    def image_size(self) -> int:
        """Pixels along each side of the network's input."""

    def find(self, pictures: Sequence[tuple[Origin, Loaded]], thresholds: Any = None) -> list[R]:
        """Return the result of each picture, of which there is at least one."""


@dataclass(frozen=True)
class Crew:
    """Who does the work.

    Attributes:
        workers: threads that read, draw and write.
        streams: batches that go through the network at once.
        threads: of torch, for each stream.
    """

    workers: int
    streams: int
    threads: int

    @classmethod
    def for_work(cls, runner: Runner[Any], count: int | None, batch: int) -> Crew:
        """Divide torch's threads.

        Several batches at once, each on a core of its own, never wait for each other as the
        parts of one batch do after every layer, least of all beside threads that decode.

        Args:
            runner: of the network.
            count: number of images; None if it is not known.
            batch: images per forward pass.
        """
        cores = torch.get_num_threads()
        streams = min(cores, MOST_STREAMS) if runner.parallel else 1
        if count is not None and count < FEW * streams * batch:
            streams = 1
        return cls(workers=max(2, cores), streams=streams, threads=max(1, cores // streams))


def run_files(
    runner: Runner[R], paths: Sequence[Path], thresholds: Any = None, *, batch: int = 1
) -> Iterator[R | Failure]:
    """Yield the result of each image file, in the order of ``paths``.

    Args:
        runner: of the network.
        paths: image files.
        thresholds: the task's, of what to keep.
        batch: images per forward pass.
    """
    items = map(FileItem.of, paths)
    return run_items(runner, items, thresholds, lambda one: one, batch=batch, count=len(paths))


def run_items(
    runner: Runner[R],
    items: Iterable[Item | Failure],
    thresholds: Any,
    finish: Callable[[R], T | Failure],
    *,
    batch: int = 1,
    keep_images: bool = False,
    count: int | None = None,
) -> Iterator[T | Failure]:
    """Yield what ``finish`` makes of each result, in the order of ``items``.

    Args:
        runner: of the network.
        items: pictures, or what is wrong with them; taken in this thread, as late as possible.
        thresholds: the task's, of what to keep.
        finish: draws and writes; runs in several threads. What it raises ends the work.
        batch: images per forward pass.
        keep_images: hand small images on, to draw on.
        count: number of items, if it is known.
    """
    crew = Crew.for_work(runner, count, batch)
    cores = torch.get_num_threads()

    def read(item: Item | Failure) -> _Ready | Failure:
        if isinstance(item, Failure):
            return item
        try:
            loaded = item.load(runner.image_size, keep=keep_images)
        except UserError as error:
            return Failure(item.origin, error)
        return _Ready(item.origin, loaded)

    def find(group: Sequence[_Ready | Failure]) -> list[R | Failure]:
        good = [(item.origin, item.loaded) for item in group if isinstance(item, _Ready)]
        results = iter(runner.find(good, thresholds) if good else ())
        return [item if isinstance(item, Failure) else next(results) for item in group]

    def end(result: R | Failure) -> T | Failure:
        return result if isinstance(result, Failure) else finish(result)

    work = ThreadPoolExecutor(crew.workers, "work", torch.set_num_threads, (1,))
    network = ThreadPoolExecutor(crew.streams, "network", torch.set_num_threads, (crew.threads,))
    try:
        ready = _map_ahead(work, read, items, 2 * crew.workers + crew.streams * batch)
        groups = _groups(ready, batch)
        found = _map_ahead(network, find, groups, crew.streams + 1)
        yield from _map_ahead(work, end, chain.from_iterable(found), crew.workers + batch)
    finally:
        # What is being written is written to its end; what has not begun never does.
        for pool in (work, network):
            pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)  # the threads' settings are new threads' default


@dataclass(frozen=True, eq=False)
class _Ready:
    origin: Origin
    loaded: Loaded


def _groups(items: Iterable[_Ready | Failure], batch: int) -> Iterator[list[_Ready | Failure]]:
    """Yield runs of items with ``batch`` pictures each, the last one maybe fewer, and failures."""
    group: list[_Ready | Failure] = []
    pictures = 0
    for item in items:
        group.append(item)
        pictures += isinstance(item, _Ready)
        if pictures == batch:
            yield group
            group, pictures = [], 0
    if group:
        yield group


def _map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[S], T], items: Iterable[S], ahead: int
) -> Iterator[T]:
    """Do as ``pool.map``, but start at most ``ahead`` calls before their results are taken."""
    waiting: deque[Future[T]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            while waiting and (len(waiting) >= ahead or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
