"""Compares rules for the weights that a run keeps, on a run whose epochs' weights are all there.

    python -m tests.training.keep_rule voc2007 --split valplus epochs/*.safetensors

The images of a split that no run was trained on are divided, again and again, into a few to
validate on and the rest to score on. Of each rule the loss is told: how much lower the weights
that it keeps score on the rest than those of the best epoch there.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from yolo_cli.cli.candidates import Running, from_weights
from yolo_cli.cli.console import stderr
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.bootstrap import difference_interval
from yolo_cli.evaluation.flat import Detections
from yolo_cli.evaluation.voc import evaluate_voc, match_voc
from yolo_cli.tasks.detect.thresholds import EVAL
from yolo_cli.training.keep import choose


class Epochs:
    """What the weights of each epoch find.

    Args:
        samples: the images.
        found: by epoch, the detections of each image.
        classes: names.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        found: Sequence[Sequence[Detections]],
        classes: tuple[str, ...],
    ) -> None:
        self.samples, self.found, self.classes = samples, found, classes

    def scores(self, images: Sequence[int]) -> list[float]:
        """Return the VOC07 mAP of each epoch on some images."""
        some = [self.samples[i] for i in images]
        return [
            evaluate_voc(some, [found[i] for i in images], self.classes).mean_ap
            for found in self.found
        ]

    def kept(self, images: Sequence[int]) -> tuple[int, int]:
        """Return the epoch of the highest score on some images, and the one that is kept."""
        scores = self.scores(images)
        best, last = scores.index(max(scores)), len(scores) - 1
        some = [self.samples[i] for i in images]
        of_last, of_best = (
            match_voc(some, [self.found[epoch][i] for i in images], self.classes)
            for epoch in (last, best)
        )
        interval = difference_interval(of_last, of_best, len(images))
        choice = choose(best + 1, scores[best] - scores[last], interval)
        return best, last if best == last or choice.last else best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", nargs="+", help="of each epoch, in order")
    parser.add_argument("--split", default="val")
    parser.add_argument("--validate", type=int, default=100, help="images to choose by")
    parser.add_argument("--draws", type=int, default=10)
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.data).load(arguments.split)
    how = Running(EVAL, 8, "auto", "auto", "auto", False)
    found = [from_weights(stderr(), dataset, one, how) for one in arguments.weights]
    epochs = Epochs(found[0].samples, [one.detections for one in found], found[0].classes)
    highest, settled = [], []
    for draw in range(arguments.draws):
        order = list(range(len(epochs.samples)))
        random.Random(draw).shuffle(order)
        few, rest = order[: arguments.validate], order[arguments.validate :]
        scores = epochs.scores(rest)
        best, kept = epochs.kept(few)
        highest.append(max(scores) - scores[best])
        settled.append(max(scores) - scores[kept])
        print(
            f"draw {draw}: highest is epoch {best + 1}, {highest[-1]:.2f} lost; "
            f"kept is epoch {kept + 1}, {settled[-1]:.2f} lost"
        )
    print(f"mean loss: {mean(highest):.2f} by the highest score, {mean(settled):.2f} as kept")


if __name__ == "__main__":
    main()
