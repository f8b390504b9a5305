"""What runs in each of Ray's actors: the pipeline of ``yolo detect``, on one part after another."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from yolo_cli.engine import tables
from yolo_cli.engine.parts import ERRORS, FOUND, Form, file_of
from yolo_cli.engine.places import in_bucket, place_of, read_bucket
from yolo_cli.engine.shipped import Shipped
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.items import FileItem, Item, Loaded
from yolo_cli.inference.pipeline import run_items
from yolo_cli.inference.predictor import Predictor
from yolo_cli.optional import optional
from yolo_cli.tasks.result import Failure, Origin, Result
from yolo_cli.version import __version__

SEPARATOR = b"\0"  # of names, which need not be UTF-8
SHOWN = 3
"""Images of a part that cannot be read, and are named on the terminal."""


@dataclass(frozen=True)
class Job:
    """What every actor is told.

    Attributes:
        weights: of the network.
        contents: Ray's reference to the files of the weights.
        device: see ``--device``.
        precision: as chosen.
        backend: as chosen.
        threads: of torch.
        batch: images per forward pass.
        thresholds: the task's.
        folder: that relative paths are seen from.
        out: where results are written; None to return them.
        form: of the files there.
        version: of the program that asks.
    """

    weights: Shipped
    contents: Any
    device: str
    precision: str
    backend: str
    threads: int
    batch: int
    thresholds: Any
    folder: str
    out: str | None = None
    form: Form = "parquet"
    version: str = __version__


@dataclass(frozen=True, eq=False)
class Answer:
    """What comes of a part.

    Attributes:
        part: its number.
        process: the actor's.
        images: how many were looked at.
        failed: how many cannot be read.
        messages: about some of these.
        found: how often each class was found.
        outcomes: of each image, where they are not written.
        fault: why the part was not done.
    """

    part: int
    process: int = field(default_factory=os.getpid)
    images: int = 0
    failed: int = 0
    messages: Sequence[str] = ()
    found: Mapping[str, int] = field(default_factory=dict)
    outcomes: Sequence[Result | Failure] = ()
    fault: UserError | None = None


class Actor:
    """Runs a network on parts; what is wrong comes as an answer, and never ends it.

    Args:
        job: what to do.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._fault: UserError | None = None
        try:
            self._predictor = _load(job)
        except UserError as error:
            self._fault = error

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Do parts.

        Args:
            batch: their ``part``, numbers, and ``names`` of images, joined by :data:`SEPARATOR`.

        Returns:
            Under ``answer`` an :class:`Answer` for each, pickled.
        """
        done = [
            self._do(int(number), [os.fsdecode(name) for name in bytes(names).split(SEPARATOR)])
            for number, names in zip(batch["part"], batch["names"], strict=True)
        ]
        return {"answer": [pickle.dumps(answer) for answer in done]}

    def _do(self, number: int, names: Sequence[str]) -> Answer:
        if self._fault is not None:
            return Answer(number, fault=self._fault)
        items = [item_of(name, self.job.folder) for name in names]
        try:
            outcomes: list[Result | Failure] = list(
                run_items(
                    self._predictor,
                    items,
                    self.job.thresholds,
                    lambda one: one,
                    batch=self.job.batch,
                    count=len(items),
                )
            )
            fault = _lost(outcomes)
            if fault is not None:
                return Answer(number, fault=fault)
            if self.job.out is None:
                return Answer(number, images=len(names), outcomes=outcomes)
            return self._write(number, outcomes, self.job.out)
        except UserError as error:
            return Answer(number, fault=error)

    def _write(self, number: int, outcomes: Sequence[Result | Failure], out: str) -> Answer:
        results = [one for one in outcomes if not isinstance(one, Failure)]
        failures = [one for one in outcomes if isinstance(one, Failure)]
        place, form = place_of(out), self.job.form
        name = file_of(number, form)
        # The results come last: with them the part is done.
        if failures:
            rows = [(one.origin.name, one.error.message) for one in failures]
            place.write(f"{ERRORS}/{name}", tables.errors(rows, form))
        else:
            place.remove(f"{ERRORS}/{name}")  # of a part that was cut short
        records = [result.record() for result in results]
        place.write(f"{FOUND}/{name}", tables.results(records, form))
        found = Counter(label for result in results for label, _ in result.found())
        messages = [one.error.message for one in failures[:SHOWN]]
        return Answer(
            number, images=len(outcomes), failed=len(failures), messages=messages, found=found
        )


@dataclass(frozen=True)
class BucketItem:
    """A picture in a bucket."""

    origin: Origin

    def load(self, side: int, *, keep: bool) -> Loaded:
        """Read it, see :class:`yolo_cli.inference.items.Item`."""
        address = self.origin.name
        data = read_bucket(address)
        if data is None:
            raise UserError(f"{address}: no such image")
        with tempfile.TemporaryDirectory(prefix="yolo-cli-") as folder:
            path = Path(folder, "image")
            path.write_bytes(data)
            try:
                return FileItem.of(path).load(side, keep=keep)
            except UserError as error:  # the address is what the user knows
                message = error.message.replace(str(path), address)
                raise UserError(message, error.hint, error.code) from error


@dataclass(frozen=True)
class NamedItem:
    """An image file whose path is seen from another folder than this process's."""

    origin: Origin
    folder: str

    def load(self, side: int, *, keep: bool) -> Loaded:
        """Read it, see :class:`yolo_cli.inference.items.Item`."""
        path = Path(self.folder, self.origin.name)
        try:
            return FileItem.of(path).load(side, keep=keep)
        except UserError as error:
            message = error.message.replace(str(path), self.origin.name)
            raise UserError(message, error.hint, error.code) from error


def item_of(name: str, folder: str) -> Item:
    """Return the picture of a name, which is seen from a folder."""
    if in_bucket(name):
        return BucketItem(Origin(name))
    return NamedItem(Origin(name, Path(folder, name)), folder)


def _lost(outcomes: Sequence[Result | Failure]) -> UserError | None:
    """Return why no image at all was to be had, if that is because of whoever keeps them.

    Then credentials have run out, or a bucket has gone; nothing is wrong with the images.
    """
    errors = [one.error for one in outcomes if isinstance(one, Failure)]
    if len(errors) == len(outcomes) and all(e.code == ExitCode.USAGE for e in errors):
        return errors[0]
    return None


def _load(job: Job) -> Predictor[Any]:
    """Load the network.

    Raises:
        UserError: it cannot be loaded here, or another version of this program runs here.
    """
    if __version__ != job.version:
        raise UserError(
            f"yolo-cli {__version__} on {os.uname().nodename}, but {job.version} here",
            "install the same version on all machines",
            ExitCode.USAGE,
        )
    torch.set_num_threads(job.threads)
    path = Path(job.weights.path)
    if not job.weights.is_here():
        ray: Any = optional("ray", "ray")
        path = job.weights.unpacked(ray.get(job.contents))
    return Predictor.load(
        str(path), device=job.device, precision=job.precision, backend=job.backend
    )
