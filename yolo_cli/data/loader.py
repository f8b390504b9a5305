"""Samples as batches of network inputs, the same whatever the number of workers."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.formats.common import with_skip_hint
from yolo_cli.data.images import read_image
from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target
from yolo_cli.errors import UserError

Batch = tuple[Tensor, list[Target]]
T = TypeVar("T")
Key = tuple[int, int]  # epoch, index of the sample


def sample_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the random numbers of an image in an epoch, the same in whatever worker."""
    return np.random.default_rng((seed, epoch, index))


class Prepare(Protocol):
    """How a task makes the network's input and a target of a labelled image."""

    @property
    def image_size(self) -> int:
        """Pixels along each side of the input."""

    @property
    def augmentation(self) -> Augmentation | None:
        """How images are varied; None to only stretch them."""

    def __call__(
        self, image: Image.Image, sample: Sample, rng: np.random.Generator
    ) -> tuple[Tensor, Target]:
        """Return ``[3, S, S]`` uint8 and the target.

        Args:
            image: upright RGB.
            sample: what its labels say.
            rng: the only source of chance.
        """


class TrainingImages(Dataset[tuple[Tensor, Target]]):
    """Images at the network's size with their targets.

    Args:
        samples: what to read.
        prepare: makes input and target of each.
        seed: of the run.
    """

    def __init__(self, samples: Sequence[Sample], prepare: Prepare, seed: int) -> None:
        self.samples = samples
        self.prepare = prepare
        self.seed = seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: Key) -> tuple[Tensor, Target]:
        """Return image and target for ``key``: (epoch, index of the sample)."""
        epoch, index = key
        sample = self.samples[index]
        return self.prepare(_read(sample), sample, sample_rng(self.seed, epoch, index))


def _read(sample: Sample) -> Image.Image:
    try:
        return read_image(sample.image)
    except UserError as error:
        raise with_skip_hint(error) from error


def collate(items: list[tuple[Tensor, Target]]) -> Batch:
    """Stack images, channels last in memory; targets stay a list, as they differ in length."""
    images, targets = zip(*items, strict=True)
    stacked = torch.stack([image.permute(1, 2, 0) for image in images])
    return stacked.permute(0, 3, 1, 2), list(targets)


def batches(
    dataset: Dataset[tuple[Tensor, Target]], keys: Sequence[Sequence[Key]], workers: int
) -> Iterator[Batch]:
    """Load batches in order.

    Args:
        dataset: indexed by ``(epoch, index)``.
        keys: those of each batch.
        workers: processes that load ahead; 0 is a thread of this one, which suits what is read
            from a disk and needs no work.

    Raises:
        UserError: for an image that cannot be read, when its batch's turn comes.
    """
    with warnings.catch_warnings():
        # A process that is kept to one core may still load with two: they wait for the disk, too.
        warnings.filterwarnings("ignore", "This DataLoader will create")
        loader: DataLoader[tuple[Tensor, Target] | UserError] = DataLoader(
            _Guarded(dataset),
            batch_sampler=keys,  # type: ignore[arg-type]  # any sequence of batches will do
            num_workers=workers,
            collate_fn=_collate_guarded,
            worker_init_fn=_ignore_interrupt if workers else None,
            generator=torch.Generator(),  # else each draws from the global, resumable stream
        )
        items = iter(loader)
    for batch in items if workers else _ahead(items):
        if isinstance(batch, UserError):
            raise batch
        yield batch


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the same items, each taken in a thread while the one before it is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


class _Guarded(Dataset[tuple[Tensor, Target] | UserError]):
    """Return errors: one that a worker raises reaches the main process as a traceback's text."""

    def __init__(self, dataset: Dataset[tuple[Tensor, Target]]) -> None:
        self.dataset = dataset

    def __getitem__(self, key: Key) -> tuple[Tensor, Target] | UserError:
        try:
            return self.dataset[key]
        except UserError as error:
            return error


def _collate_guarded(items: list[tuple[Tensor, Target] | UserError]) -> Batch | UserError:
    loaded: list[tuple[Tensor, Target]] = []
    for item in items:
        if isinstance(item, UserError):
            return item
        loaded.append(item)
    return collate(loaded)


def _ignore_interrupt(_worker: int) -> None:
    """Leave Ctrl-C to the main process, which stops the workers when it has saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
