"""Compares images that ``yolo label --order uncertain`` puts first with as many at random.

    python -m tests.label.active ../shared/data/bccd --minutes 10 --seeds 1,2,3

A dataset in VOC's layout with train, val and test stands for a person who labels what is shown. A
first detector learns from ``--first`` images at random and rates all others; then two learn from
these and ``--more`` others: the first in its order, and some at random. Each is trained for the
same minutes, and scored on test.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from yolo_cli.label.open import Wish, opened_session
from yolo_cli.label.proposals import Proposer, load_detector

YOLO = [sys.executable, "-m", "yolo_cli"]


class Bench:
    """Trains on some of a dataset's images, and scores.

    Args:
        data: the dataset.
        scratch: gets the folders of images, runs and caches.
        minutes: of each training.
    """

    def __init__(self, data: Path, scratch: Path, minutes: float) -> None:
        self.data = data.resolve()
        self.scratch = scratch
        self.minutes = minutes

    def names(self, split: str) -> list[str]:
        """Return the names of a split's images."""
        return (self.data / f"ImageSets/Main/{split}.txt").read_text().split()

    def train(self, name: str, chosen: Iterable[str], seed: int) -> Path:
        """Train on some images; return the weights."""
        folder = self.scratch / f"{name}-data"
        (folder / "ImageSets/Main").mkdir(parents=True)
        for part in ("JPEGImages", "Annotations"):
            (folder / part).symlink_to(self.data / part)
        for split, names in (("train", chosen), ("val", self.names("val"))):
            (folder / f"ImageSets/Main/{split}.txt").write_text("\n".join(names) + "\n")
        run, cache = self.scratch / name, self.scratch / "cache"
        budget = ("--time-budget", f"{self.minutes:g}m", "--seed", str(seed))
        places = ("--cache-dir", str(cache), "--out", str(run))
        subprocess.run([*YOLO, "train", str(folder), *budget, *places], check=True)
        return run / "best.safetensors"

    def score(self, weights: Path) -> float:
        """Return the mAP on test."""
        command = [*YOLO, "eval", str(self.data), "--split", "test", "--weights", str(weights)]
        done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
        result: float = json.loads(done.stdout)["voc07"]["mAP"]
        return result

    def most_uncertain(self, weights: Path, names: list[str], count: int) -> list[str]:
        """Return the images that the page would show first."""
        folder = self.scratch / f"{weights.parent.name}-open"
        folder.mkdir()
        for name in names:
            (folder / f"{name}.jpg").symlink_to(self.data / f"JPEGImages/{name}.jpg")
        with opened_session(Wish(folder)) as (session, _):
            detector = load_detector(str(weights), device="auto")
            proposer = Proposer(detector, session, 0.25, rate=True)
            while any(entry.score is None for entry in session.entries):
                time.sleep(0.2)
            proposer.stop()
            ordered = sorted(session.entries, key=lambda one: -(one.score or 0.0))
            return [Path(one.name).stem for one in ordered[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--first", type=int, default=20)
    parser.add_argument("--more", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", default="1,2,3")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(arguments.data, Path(scratch), arguments.minutes)
        images = sorted(bench.names("train"))
        first = random.Random(0).sample(images, arguments.first)
        others = [name for name in images if name not in first]
        weights = bench.train("first", first, 0)
        uncertain = bench.most_uncertain(weights, others, arguments.more)
        rows = [f"first {arguments.first}: {bench.score(weights):.1f}"]
        for seed in map(int, arguments.seeds.split(",")):
            chance = random.Random(seed).sample(others, arguments.more)
            scores = [
                bench.score(bench.train(f"{kind}-{seed}", [*first, *more], seed))
                for kind, more in (("uncertain", uncertain), ("random", chance))
            ]
            rows.append(f"seed {seed}: uncertain {scores[0]:.1f}, random {scores[1]:.1f}")
            print(*rows, sep="\n", flush=True)


if __name__ == "__main__":
    main()
