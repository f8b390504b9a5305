"""How fast each backend runs a network here: measured in turn, kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.files import atomic_write_text, cache_folder
from yolo_cli.inference.backends.backend import PACKAGES, Backend, BackendName, Precision
from yolo_cli.model.config import ModelConfig

VERSION = 1  # of what is kept: to be raised whenever a backend becomes faster or slower
MEASURED: tuple[BackendName, ...] = ("torch", "ncnn", "openvino")
CONTENDERS = 2.0  # times the shortest pass: what takes longer is measured no further
ROUNDS = 2  # more passes of each contender
BUSY = 2.0  # processes for each core that want to run
LONG = 0.3  # seconds; so long a pass is measured well by one
OVERLAP = 1.1  # on two cores, 100 photographs took .93 of the time with streams 1.06 as slow
MOST_STREAMS = 4
"""Batches at once on a CPU: each takes the memory of the network's activations."""


@dataclass(frozen=True)
class Speed:
    """How fast a backend is.

    Attributes:
        backend: its name.
        precision: of it.
        load: seconds that it takes once, until the first result.
        alone: seconds an image, one after the other, each on all cores.
        streams: seconds an image, several at once, each on some of the cores; None where that is
            not possible or was not worth a try.
        agrees: whether it finds what torch finds in float32.
    """

    backend: BackendName
    precision: Precision
    load: float
    alone: float
    streams: float | None
    agrees: bool

    @property
    def parallel(self) -> bool:
        """Whether many images are done sooner several at once.

        Streams that are a little slower are: what surrounds the network, on one core for each
        image, then goes on beside it.
        """
        return self.streams is not None and self.streams < OVERLAP * self.alone

    @property
    def each(self) -> float:
        """Seconds an image where there are many."""
        return self.streams if self.streams is not None and self.parallel else self.alone


def measure(
    build: Sequence[Callable[[], Backend]],
    pixels: Tensor,
    agree: Callable[[Tensor, Tensor], bool],
    *,
    failed: Callable[[UserError], None],
    clock: Callable[[], float] = time.perf_counter,
) -> list[tuple[Speed, Backend]]:
    """Measure backends in turn, so that all see the same machine.

    Args:
        build: load each of them; what the first one finds is right.
        pixels: ``[1, 3, S, S]``, the image that they are run on.
        agree: compares raw outputs: of the first backend, and of another.
        failed: called with the reason why one of them cannot be loaded.
        clock: seconds.

    Returns:
        Those that could be loaded, with their speeds.
    """
    found: list[tuple[Speed, Backend]] = []
    expected: Tensor | None = None
    for load in build:
        begin = clock()
        try:
            backend = load()
            raw = backend(pixels)
        except UserError as error:
            failed(error)
            continue
        loaded = clock()
        backend(pixels)
        alone = clock() - loaded
        expected = raw if expected is None else expected
        once = max(0.0, loaded - begin - alone)
        speed = Speed(backend.name, backend.precision, once, alone, None, agree(expected, raw))
        found.append((speed, backend))
    best = min((speed.alone for speed, _ in found if speed.agrees), default=0.0)
    near = [speed.agrees and speed.alone <= CONTENDERS * best for speed, _ in found]
    for _ in range(ROUNDS if best < LONG else 0):
        for i, (speed, backend) in enumerate(found):
            if near[i]:
                begin = clock()
                backend(pixels)
                found[i] = (replace(speed, alone=min(speed.alone, clock() - begin)), backend)
    for i, (speed, backend) in enumerate(found):
        if near[i] and backend.parallel:
            found[i] = (replace(speed, streams=_streams(backend, pixels, clock)), backend)
    return found


def _streams(backend: Backend, pixels: Tensor, clock: Callable[[], float]) -> float | None:
    """Return the seconds an image of several at once; None on a single core."""
    cores = torch.get_num_threads()
    streams = min(cores, MOST_STREAMS)
    if streams == 1:
        return None
    times = []
    try:
        with ThreadPoolExecutor(
            streams, "measure", torch.set_num_threads, (max(1, cores // streams),)
        ) as pool:
            for _ in range(ROUNDS):
                begin = clock()
                for done in [pool.submit(backend, pixels) for _ in range(streams)]:
                    done.result()
                times.append((clock() - begin) / streams)
    finally:
        torch.set_num_threads(cores)  # the threads' settings are new threads' default
    return min(times)


def machine_facts() -> dict[str, object]:
    """Return all of this machine that the speed of a network depends on."""
    processor = [platform.machine(), platform.processor()]
    with suppress(OSError):
        # The first core's; the clock and the numbers of cores change, or are in the threads.
        lines = Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0].splitlines()
        told = ("vendor", "cpu family", "model", "stepping", "flags", "CPU ", "Features")
        processor += [line for line in lines if line.startswith(told)]
    versions: dict[str, str] = dict.fromkeys(MEASURED, "")
    for name in MEASURED:
        with suppress(PackageNotFoundError):
            versions[name] = version(PACKAGES.get(name, name))
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "limit": os.environ.get("ONEDNN_MAX_CPU_ISA", ""),
        "versions": versions,
    }


def shape_facts(config: ModelConfig) -> dict[str, object]:
    """Return what the work of a network depends on: all but the names of its classes."""
    return {**asdict(config), "classes": len(config.classes)}


def key_of(about: object) -> str:
    """Return a name for the speeds of what plain values say."""
    text = json.dumps([VERSION, about], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def kept(key: str) -> list[Speed]:
    """Return the speeds that were measured before; none if there are none that can be read."""
    try:
        values = json.loads(_file(key).read_bytes())["speeds"]
        return [_speed(value) for value in values]
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, RecursionError):
        return []


def keep(key: str, speeds: Sequence[Speed], about: object) -> None:
    """Keep speeds for the next time, where the cache can be written and nothing disturbed them.

    Args:
        key: of machine and network.
        speeds: what was measured.
        about: of what, for people.
    """
    if busy():
        return
    content = {"about": about, "speeds": [asdict(speed) for speed in speeds]}
    with suppress(UserError, RuntimeError):
        atomic_write_text(_file(key), json.dumps(content, indent=2) + "\n")


def busy() -> bool:
    """Return whether others have the cores, so that what is measured now says little."""
    average = getattr(os, "getloadavg", None)  # which Windows has not
    return average is not None and average()[0] > BUSY * (os.cpu_count() or 1)


def _file(key: str) -> Path:
    return cache_folder("speeds") / f"{key}.json"


def _speed(value: dict[str, object]) -> Speed:
    """Check what a file says.

    Raises:
        ValueError: it is nothing that was measured.
        TypeError: likewise.
    """
    speed = Speed(**value)  # type: ignore[arg-type]
    numbers = [speed.load, speed.alone, *([] if speed.streams is None else [speed.streams])]
    if (
        speed.backend not in get_args(BackendName)
        or speed.precision not in get_args(Precision)
        or not all(isinstance(n, float) and 0 <= n < float("inf") for n in numbers)
    ):
        raise ValueError("no speed")
    return speed
