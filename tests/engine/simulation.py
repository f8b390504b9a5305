"""A queue on paper: images arrive, are fetched, decoded, run through the network, and written.

    python -m tests.engine.simulation

prints how long a million and a billion photographs take, on machines whose parts were measured,
and what saturates first. :mod:`tests.engine.benchmark` compares it with a measurement.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Machine:
    """Seconds and sizes of the parts of the work, and how much there is of everything.

    Attributes:
        actors: how many there are.
        cores: of each, which decode.
        decode: seconds of one core for an image.
        network: seconds for an image, of all the actor's cores or of its GPU.
        gpu: whether the network leaves the cores alone.
        start: seconds until the first actor begins.
        write: seconds for the file of a part.
        deal: seconds of the one process that deals parts, for each of them.
        size: bytes of an image that is fetched; 0 for one that is on a disk here.
        latency: seconds until the first byte of an image comes.
        readers: images that an actor fetches at once.
        link: bytes a second that all actors share.
    """

    actors: int
    cores: int
    decode: float
    network: float
    gpu: bool = False
    start: float = 0.0
    write: float = 0.0
    deal: float = 0.0
    size: float = 0.0
    latency: float = 0.0
    readers: int = 2
    link: float = float("inf")


def limits(machine: Machine, part: int) -> dict[str, float]:
    """Return the images a second that each resource allows, were all others infinite."""
    one, count = machine, machine.actors
    fetching = one.latency + (one.size * count / one.link if one.size else 0)
    busy = one.decode / one.cores
    found = {
        "cores": count / (busy if one.gpu else busy + one.network),
        "write": count * part / one.write if one.write else float("inf"),
        "driver": part / one.deal if one.deal else float("inf"),
        "latency": count * one.readers / fetching if fetching else float("inf"),
        "link": one.link / one.size if one.size else float("inf"),
    }
    if one.gpu:
        found["GPUs"] = count / one.network
    return found


def seconds(machine: Machine, images: int, part: int) -> float:
    """Simulate the work part by part, and return when the last one is written.

    Each actor takes the next part as soon as it is free. Within a part the stages overlap: it takes
    as long as its slowest stage, after the first image has passed those before that. The link is
    shared by those that are busy, and the process that deals parts does one at a time.
    """
    dealt = machine.start
    free = [machine.start] * machine.actors
    heapq.heapify(free)
    last = machine.start
    for first in range(0, images, part):
        count = min(part, images - first)
        dealt = max(dealt, free[0]) + machine.deal
        end = max(heapq.heappop(free), dealt) + _part(machine, count)
        heapq.heappush(free, end)
        last = max(last, end)
    return last


def _part(machine: Machine, count: int) -> float:
    """Seconds for a part of so many images."""
    decode = machine.decode / machine.cores
    fetch = 0.0
    if machine.size:
        fetch = machine.latency / machine.readers + machine.size * machine.actors / machine.link
    stages = [fetch, decode, machine.network] if machine.gpu else [fetch, decode + machine.network]
    slowest = max(stages)
    return count * slowest + sum(stages) - slowest + machine.write


# Seconds of one core for an image, JPEG to boxes; decoding is DECODE of it. Two-core times doubled.
NETWORKS = {"default": {"AVX2": 0.9, "bf16": 0.30}, "fast-voc": {"AVX2": 0.082, "bf16": 0.028}}
DECODE = 0.004
PHOTOGRAPH, LATENCY = 150e3, 0.03  # bytes; seconds until a bucket in the same region answers
LINK = 1.25e9  # bytes a second: 10 Gbit/s
REQUESTS = 5500  # a second, that S3 promises for each prefix
WRITE, DEAL = 0.05, 0.025  # seconds for each part; dealing as measured on a busy core
GPU = 0.004  # seconds for an image of the default network; assumed, not measured
PRICE = {"core": 0.04, "GPU": 1.0}  # dollars an hour; assumed


def named() -> dict[str, tuple[Machine, float]]:
    """Return machines of the plan by name, and the dollars an hour they cost."""
    link = min(LINK, REQUESTS * PHOTOGRAPH)
    base = Machine(
        actors=8,
        cores=8,
        decode=DECODE,
        network=GPU,
        gpu=True,
        start=30,
        write=WRITE,
        deal=DEAL,
        size=PHOTOGRAPH,
        latency=LATENCY,
        readers=8,
        link=link,
    )
    found = {}
    for network, times in NETWORKS.items():
        for kind, each in times.items():
            for count in (64, 1000):
                machine = replace(
                    base, actors=count, cores=1, network=each - DECODE, gpu=False, readers=2
                )
                found[f"{network}, {count} cores, {kind}"] = machine, count * PRICE["core"]
    found["default, 8 GPUs with 8 cores each"] = base, 8 * (PRICE["GPU"] + 8 * PRICE["core"])
    return found


def table() -> list[str]:
    """Return the rows of the plan: hours and dollars for a million and a billion."""
    rows = [
        "| network, machines | images/s | million | billion | next limit |",
        "|---|---|---|---|---|",
    ]
    for name, (machine, price) in named().items():
        million = seconds(machine, 10**6, 500) / 3600
        billion = seconds(replace(machine, start=0), 10**7, 500) / 36  # a hundred such runs
        first, second = sorted(limits(machine, 500).items(), key=lambda one: one[1])[:2]
        rows.append(
            f"| {name} | {first[1]:,.0f} ({first[0]}) | {million:.1f} h, ${million * price:,.0f} "
            f"| {billion / 24:,.1f} days, ${billion * price:,.0f} "
            f"| {second[0]} at {second[1]:,.0f}/s |"
        )
    return rows


def main() -> None:
    print("\n".join(table()))


if __name__ == "__main__":
    main()
