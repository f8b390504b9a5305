"""Measures detection on Ray against one process, kills an actor and the driver, and predicts it.

    python -m tests.engine.benchmark ../shared/data/voc2007/JPEGImages --images 2000 --broken 20

The images are linked into a temporary folder, some cut short. What comes out is compared image by
image; then the speed of both, by the images alone and with all that starts before them, and what
:mod:`tests.engine.simulation` predicts from the parts' own times, measured first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import torch

from tests.engine import simulation
from yolo_cli.engine import cluster, tables
from yolo_cli.engine.actor import item_of
from yolo_cli.engine.parts import Parts
from yolo_cli.engine.places import Disk
from yolo_cli.engine.run import Network, Pool, answers
from yolo_cli.engine.shipped import Shipped
from yolo_cli.inference.pipeline import run_files
from yolo_cli.inference.predictor import Predictor
from yolo_cli.tasks.result import Failure

COMMAND = [sys.executable, "-m", "yolo_cli", "detect"]


def photographs(source: Path, folder: Path, images: int, broken: int) -> list[Path]:
    """Link so many images, again from the first where there are fewer, and cut some short."""
    folder.mkdir()
    paths = []
    every = images // broken if broken else images + 1
    for number, path in enumerate(islice(cycle(sorted(source.iterdir())), images)):
        target = folder / f"{number:06}{path.suffix}"
        if number % every == every // 2:
            target.write_bytes(path.read_bytes()[:999])
        else:
            target.symlink_to(path.resolve())
        paths.append(target)
    return paths


def found(out: Path) -> tuple[list[Any], list[str]]:
    """Records, and names of images that cannot be read."""
    records, errors = (
        [
            json.loads(line)
            for path in sorted((out / name).glob("*.jsonl"))
            for line in path.read_text().splitlines()
        ]
        for name in ("detections", "errors")
    )
    return records, [one["image"] for one in errors]


def own_speed(predictor: Predictor[Any], paths: Sequence[Path]) -> tuple[list[Any], float]:
    """Records by one process, and its images a second."""
    began = time.perf_counter()
    outcomes = list(run_files(predictor, paths, batch=2))
    rate = len(paths) / (time.perf_counter() - began)
    return [one.record() for one in outcomes if not isinstance(one, Failure)], rate


def on_ray(pool: Pool, parts: Parts, weights: str, out: Path, *, kill: bool) -> tuple[float, float]:
    """Seconds until the first part is done, and from then on images a second of all actors."""
    job = pool.job(Shipped.of(weights), None, str(out), "jsonl")
    began = time.perf_counter()
    times, images = [], []
    for answer in answers(pool.share, job, parts, range(len(parts))):
        times.append(time.perf_counter())
        images.append(answer.images)
        if kill and len(times) == len(parts) // 2:
            os.kill(answer.process, 9)
    first = pool.share.actors  # parts that were under way together
    rate = sum(images[first:]) / (times[-1] - times[first - 1])
    return times[0] - began, rate


def timed(count: int, function: Callable[[int], object]) -> float:
    """Median of the seconds of so many calls."""
    taken = []
    for number in range(count):
        began = time.perf_counter()
        function(number)
        taken.append(time.perf_counter() - began)
    return median(taken)


def machine(
    predictor: Predictor[Any], paths: Sequence[Path], records: Sequence[Any], pool: Pool, part: int
) -> simulation.Machine:
    """Measure decoding, the network and writing, each alone, on an actor's share of the cores."""
    share = pool.share
    torch.set_num_threads(share.cores)
    some = [item_of(str(path), "/") for path in paths[:100] if path.is_symlink()]
    loaded = [item.load(predictor.image_size, keep=False) for item in some]
    pairs = [(item.origin, one) for item, one in zip(some, loaded, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        place = Disk(Path(folder))
        return simulation.Machine(
            actors=share.actors,
            cores=share.cores,
            decode=timed(len(some), lambda i: some[i].load(predictor.image_size, keep=False)),
            network=timed(len(pairs) // 2, lambda i: predictor.find(pairs[2 * i : 2 * i + 2])) / 2,
            write=timed(9, lambda i: place.write(f"{i}", tables.results(records[:part], "jsonl"))),
            deal=dealing(pool),
        )


def dealing(pool: Pool, parts: int = 100) -> float:
    """Seconds for a part in which there is nothing to do."""
    empty = Parts([f"/nowhere/{number}" for number in range(parts)], 1)
    times = [
        time.perf_counter()
        for _ in answers(
            pool.share, pool.job(Shipped.of("fast-voc"), None, None, "jsonl"), empty, range(parts)
        )
    ]
    return (times[-1] - times[9]) / (parts - 10)


def killed_and_gone_on(folder: Path, out: Path, weights: str, actors: int) -> tuple[int, int]:
    """Kill a run half-way and start it again: parts that stayed, and parts in the end."""
    command = [*COMMAND, str(folder), "--weights", weights, "--engine", "ray", "--save", "jsonl"]
    command += ["--actors", str(actors), "--out", str(out)]
    total = len(Parts.for_actors(range(len(list(folder.iterdir()))), actors))  # type: ignore[arg-type]
    pieces = out / "detections"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while len(list(pieces.glob("part-*"))) < total // 2 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    before = {path: path.stat().st_mtime_ns for path in pieces.glob("part-*")}
    subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
    stayed = sum(path.stat().st_mtime_ns == at for path, at in before.items())
    return stayed, len(list(pieces.glob("part-*")))


def main(source: Path, images: int, broken: int, weights: str, actors: int) -> None:
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = photographs(source, top / "photographs", images, broken)
        predictor: Predictor[Any] = Predictor.load(weights, images=images)
        expected, plain = own_speed(predictor, paths)
        kind = predictor.backend
        network = Network(weights, "auto", kind.precision, kind.name, 2, None, actors)
        print(f"{kind.name} {kind.precision}; one process: {plain:.1f} images/s", flush=True)
        with cluster.running() as ray:
            pool = Pool.of(ray, network, images, print)
            parts = Parts.for_actors([str(path) for path in paths], actors)
            start, rate = on_ray(pool, parts, weights, top / "quiet", kill=False)
            parted = machine(predictor, paths, expected, pool, parts.size)
            on_ray(pool, parts, weights, top / "killed", kill=True)
        for name in ("quiet", "killed"):
            records, errors = found(top / name)
            same = sorted(records, key=str) == sorted(expected, key=str)
            print(
                f"{name}: {len(records)} found, {len(errors)} not read, "
                f"{'equal to' if same else 'DIFFERENT FROM'} one process"
            )
        print(f"{actors} actors: {rate:.1f} images/s, {rate / plain:.0%} of one process")
        bare = simulation.Machine(**{**parted.__dict__, "start": 0.0})
        predicted = simulation.seconds(bare, images, parts.size)
        measured = images / rate
        print(
            f"decode {parted.decode * 1e3:.1f} ms, network {parted.network * 1e3:.1f} ms, "
            f"write {parted.write * 1e3:.1f} ms, "
            f"deal {parted.deal * 1e3:.1f} ms; first part after {start:.1f} s\n"
            f"{images} images: predicted {predicted:.1f} s, measured {measured:.1f} s, "
            f"{predicted / measured - 1:+.1%}"
        )
        stayed, whole = killed_and_gone_on(top / "photographs", top / "again", weights, actors)
        records, errors = found(top / "again")
        same = sorted(records, key=str) == sorted(expected, key=str)
        print(
            f"driver killed: {stayed} of {whole} parts stayed; {len(records)} found, "
            f"{len(errors)} not read, {'equal' if same else 'DIFFERENT'}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--broken", type=int, default=20)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--actors", type=int, default=cluster.cores())
    given = parser.parse_args()
    main(given.source, given.images, given.broken, given.weights, given.actors)
