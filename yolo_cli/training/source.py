"""What the trainer reads: images, or cached activations of them; both look the same to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from yolo_cli.data.loader import Key
from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target
from yolo_cli.training.cache.features import copy_of
from yolo_cli.training.recipe import Recipe


@dataclass(frozen=True)
class Source:
    """Samples and the tensors that the network gets for them.

    Attributes:
        samples: the annotated images.
        dataset: input and target for ``(epoch, index)``.
        depth: backbone blocks that the inputs have passed: 0 for images.
        workers: processes that load ahead.
        copies: augmented copies that ``dataset`` holds of each sample; 0 if every epoch's are new.
        teacher: a teacher's activations of the same copies of the same samples.
    """

    samples: Sequence[Sample]
    dataset: Dataset[tuple[Tensor, Target]]
    depth: int
    workers: int
    copies: int = 0
    teacher: Dataset[tuple[Tensor, Target]] | None = None

    def __len__(self) -> int:
        return len(self.samples)


class Copies(Dataset[tuple[Tensor, Target]]):
    """The same few augmented copies of every image again and again, as a feature cache holds them.

    Args:
        images: with other augmentation in every epoch.
        copies: how many.
    """

    def __init__(self, images: Dataset[tuple[Tensor, Target]], copies: int) -> None:
        self.images = images
        self.copies = copies

    def __getitem__(self, key: Key) -> tuple[Tensor, Target]:
        """Return image and target for ``key``: (epoch, index of the sample)."""
        epoch, index = key
        return self.images[copy_of(epoch, index, self.copies), index]


@dataclass(frozen=True)
class Phase:
    """A part of a run in which the same blocks are frozen.

    Attributes:
        first: epoch that it begins with, counted from 0.
        frozen: leading backbone blocks that are not trained in it.
        open: gives the sources to train and to validate on; fills their caches where needed, so
            it is called when the phase begins and not before.
    """

    first: int
    frozen: int
    open: Callable[[], tuple[Source, Source]]


def shuffled(images: int, recipe: Recipe, epoch: int) -> list[list[Key]]:
    """Return the batches of an epoch: every image once, batches of nearly equal size.

    The order depends on the recipe's seed and ``epoch`` alone. Of the images a random share is
    taken.
    """
    order = np.random.default_rng((recipe.seed, epoch, 0xE90C)).permutation(images)
    order = order[: max(1, round(recipe.share * images))]
    if len(order) == 1:
        order = order.repeat(2)  # normalisation needs two values a channel
    count = max(1, min(-(-len(order) // recipe.batch), len(order) // 2))
    return [[(epoch, int(i)) for i in part] for part in np.array_split(order, count)]


def in_order(images: int, *, batch: int) -> list[list[Key]]:
    """Return the batches of a validation."""
    keys = [(0, i) for i in range(images)]
    return [keys[i : i + batch] for i in range(0, images, batch)]
