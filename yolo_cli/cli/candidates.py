"""What ``yolo eval`` scores: the detections of some weights on a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from yolo_cli.cli.console import image_progress, say

if TYPE_CHECKING:
    from yolo_cli.data.sample import Dataset, Sample
    from yolo_cli.evaluation.flat import Detections
    from yolo_cli.model.thresholds import Thresholds


@dataclass(frozen=True, eq=False)
class Candidate:
    """Detections to be scored.

    Attributes:
        name: what a user calls where they come from.
        samples: the images that are scored.
        detections: of each of them.
        classes: names that the labels of both index.
    """

    name: str
    samples: Sequence[Sample]
    detections: Sequence[Detections]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Running:
    """How a network is run.

    Attributes:
        thresholds: what is kept of its boxes.
        batch: images a forward pass.
        device: see ``--device``.
        precision: see ``--precision``.
        skip_bad: whether images that cannot be read are left out.
    """

    thresholds: Thresholds
    batch: int
    device: str
    precision: str
    skip_bad: bool


def from_weights(console: Console, dataset: Dataset, weights: str, how: Running) -> Candidate:
    """Run weights over a dataset; says what cannot be scored.

    Raises:
        UserError: the weights or an image cannot be read, or no class is common to both.
    """
    from yolo_cli.detection.detector import Detector
    from yolo_cli.detection.labelled import detect_dataset

    detector = Detector.load(weights, device=how.device, precision=how.precision)
    with image_progress(console) as bar:
        task = bar.add_task("detecting", total=len(dataset))
        found = detect_dataset(
            detector,
            dataset,
            how.thresholds,
            batch=min(how.batch, len(dataset)),
            skip_bad=how.skip_bad,
            progress=lambda count: bar.advance(task, count),
        )
    for line in found.skipped:
        say(console, line, title="skipped:")
    for names, where in (
        (found.matching.only_dataset, "not scored, as the weights do not know it:"),
        (found.matching.only_weights, "not scored, as the dataset does not have it:"),
    ):
        if names:
            say(console, ", ".join(names), title=where, style="none")
    return Candidate(weights, found.samples, found.detections, found.classes)
