"""What a network finds in a labelled dataset, under its own class labels, ready to be scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from yolo_cli.data.formats.common import with_skip_hint
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.inference.pipeline import run_files
from yolo_cli.inference.predictor import Predictor
from yolo_cli.tasks.contract.inference import Matching
from yolo_cli.tasks.result import Failure, Result


class RunFiles(Protocol):
    """Runs a network on files, see :func:`yolo_cli.inference.pipeline.run_files`."""

    def __call__(
        self,
        runner: Predictor[Any],
        paths: Sequence[Path],
        thresholds: Any = None,
        *,
        batch: int = 1,
    ) -> Iterator[Result | Failure]:
        """Yield the result of each image file, in the order of ``paths``."""


@dataclass(frozen=True, eq=False)
class LabelledDetections:
    """What a network finds in a dataset.

    Attributes:
        samples: the images that are scored; labels index the matching's ``classes``.
        detections: the task's output for each of them; likewise.
        matching: what the weights and the dataset have in common.
        skipped: images that cannot be read, where that is allowed.
    """

    samples: list[Sample]
    detections: list[Any]
    matching: Matching
    skipped: list[str]

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that the weights and the dataset share, in the dataset's order."""
        return self.matching.classes


def detect_dataset(
    predictor: Predictor[Any],
    dataset: Dataset,
    thresholds: Any,
    *,
    batch: int = 1,
    skip_bad: bool = False,
    progress: Callable[[int], None] = lambda _count: None,
    run: RunFiles = run_files,
) -> LabelledDetections:
    """Run a network over a dataset.

    Args:
        predictor: of the network.
        dataset: whose images it looks at.
        thresholds: the task's, of what to keep.
        batch: images per forward pass.
        skip_bad: leave out images that cannot be read.
        progress: called with the number of images done.
        run: runs the network, in this process or elsewhere.

    Raises:
        UserError: if an image cannot be read, or no class is common to both.
    """
    task = predictor.task
    matching = task.match(predictor.config, dataset)
    found = LabelledDetections([], [], matching, [])
    paths = [sample.image for sample in dataset.samples]
    outcomes = run(predictor, paths, thresholds, batch=batch)
    for sample, outcome in zip(dataset.samples, outcomes, strict=True):
        progress(1)
        if isinstance(outcome, Failure):
            if not skip_bad:
                raise with_skip_hint(outcome.error)
            found.skipped.append(outcome.error.message)
            continue
        found.samples.append(matching.sample(sample))
        found.detections.append(matching.output(task.output(outcome)))
    return found
