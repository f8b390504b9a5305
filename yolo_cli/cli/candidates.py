"""What ``yolo eval`` scores: detections by some weights, or from another tool's files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from yolo_cli.cli.console import image_progress, say
from yolo_cli.cli.engines import Engine
from yolo_cli.data.task_names import DOING

if TYPE_CHECKING:
    from yolo_cli.data.sample import Dataset, Sample
    from yolo_cli.evaluation.flat import Detections
    from yolo_cli.evaluation.result_forms import BoxForm, ResultFormat
    from yolo_cli.evaluation.results import DetectionArrays
    from yolo_cli.inference.labelled import RunFiles
    from yolo_cli.inference.predictor import Predictor


@dataclass(frozen=True, eq=False)
class Candidate:
    """Detections to be scored.

    Attributes:
        name: what a user calls where they come from.
        samples: the images that are scored.
        detections: of each of them.
        classes: names that the labels of both index.
        notes: what was left out, a line each.
    """

    name: str
    samples: Sequence[Sample]
    detections: Sequence[Detections]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Running:
    """How a network is run.

    Attributes:
        thresholds: the task's, of what is kept.
        batch: images a forward pass.
        device: see ``--device``.
        precision: see ``--precision``.
        backend: see ``--backend``.
        skip_bad: whether images that cannot be read are left out.
        engine: where it runs.
    """

    thresholds: Any
    batch: int
    device: str
    precision: str
    backend: str
    skip_bad: bool
    engine: Engine = Engine()  # noqa: RUF009  # frozen


def from_weights(console: Console, dataset: Dataset, weights: str, how: Running) -> Candidate:
    """Run weights over a dataset, see :func:`run_weights`."""
    found = run_weights(console, dataset, weights, how)
    return Candidate(weights, found.samples, found.detections, found.classes, tuple(found.notes))


@dataclass(frozen=True, eq=False)
class Ran:
    """What weights say of a dataset.

    Attributes:
        samples: the images that are scored.
        detections: the task's output for each of them.
        classes: names that the labels of both index.
        notes: what was left out, a line each.
    """

    samples: Sequence[Sample]
    detections: Sequence[Any]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def run_weights(console: Console, dataset: Dataset, weights: str, how: Running) -> Ran:
    """Run weights over a dataset of their task.

    Raises:
        UserError: the weights or an image cannot be read, or no class is common to both.
    """
    from yolo_cli.inference.labelled import detect_dataset

    with _ready(console, dataset, weights, how) as (predictor, run), image_progress(console) as bar:
        task = bar.add_task(DOING[dataset.task], total=len(dataset))
        found = detect_dataset(
            predictor,
            dataset,
            how.thresholds,
            batch=min(how.batch, len(dataset)),
            skip_bad=how.skip_bad,
            progress=lambda count: bar.advance(task, count),
            run=run,
        )
    notes = [f"skipped: {line}" for line in found.skipped]
    for names, where in (
        (found.matching.only_dataset, "not scored, as the weights do not know it"),
        (found.matching.only_weights, "not scored, as the dataset does not have it"),
    ):
        if names:
            notes.append(f"{where}: {', '.join(names)}")
    return Ran(found.samples, found.detections, found.classes, tuple(notes))


@contextmanager
def _ready(
    console: Console, dataset: Dataset, weights: str, how: Running
) -> Iterator[tuple[Predictor[Any], RunFiles]]:
    """Load weights, here or in Ray's actors."""
    images = len(dataset)
    if how.engine.name == "ray":
        from yolo_cli.engine.dataset import on_actors
        from yolo_cli.engine.run import Network

        network = Network(
            weights,
            how.device,
            how.precision,
            how.backend,
            min(how.batch, images),
            actors=how.engine.actors,
        )
        with on_actors(
            network, how.engine.address, images, lambda line: say(console, line)
        ) as ready:
            yield ready
        return
    from yolo_cli.inference.pipeline import run_files
    from yolo_cli.inference.predictor import Predictor

    predictor: Predictor[Any] = Predictor.load(
        weights,
        device=how.device,
        precision=how.precision,
        backend=how.backend,
        images=images,
        say=lambda line: say(console, line),
    )
    yield predictor, run_files


@dataclass(frozen=True)
class Files:
    """How the files of a tool are read; None to find out.

    Attributes:
        format: of the files.
        boxes: what the four numbers of a box are.
        class_base: number of the first class.
        ignore_unknown: whether detections for unknown images and classes are left out.
        min_conf: lowest score that is kept; None for all.
    """

    format: ResultFormat | None
    boxes: BoxForm | None
    class_base: int | None
    ignore_unknown: bool
    min_conf: float | None


def from_files(dataset: Dataset, path: Path, how: Files) -> Candidate:
    """Read detections; no network has a part in it.

    Raises:
        UserError: a file cannot be read, or does not fit the dataset.
    """
    from yolo_cli.evaluation.results import detections_of

    found = detections_of(
        dataset,
        path,
        format=how.format,
        boxes=how.boxes,
        class_base=how.class_base,
        ignore_unknown=how.ignore_unknown,
    )
    if how.min_conf is not None:
        found = [_from(one, how.min_conf) for one in found]
    return Candidate(str(path), dataset.samples, found, dataset.classes)


def _from(found: DetectionArrays, score: float) -> DetectionArrays:
    kept = np.flatnonzero(found["scores"] >= score)
    return {
        "boxes": found["boxes"][kept],
        "scores": found["scores"][kept],
        "labels": found["labels"][kept],
    }
