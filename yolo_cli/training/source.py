"""What the trainer reads: images, or cached activations of them; both look the same to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from yolo_cli.data.loader import Key
from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target


@dataclass(frozen=True)
class Source:
    """Samples and the tensors that the network gets for them.

    Attributes:
        samples: the annotated images.
        dataset: input and target for ``(epoch, index)``.
        start: backbone blocks that the inputs have been through: 0 for images.
        workers: processes that load ahead.
    """

    samples: Sequence[Sample]
    dataset: Dataset[tuple[Tensor, Target]]
    start: int
    workers: int

    def __len__(self) -> int:
        return len(self.samples)

    def shuffled(self, seed: int, epoch: int, batch: int) -> list[list[Key]]:
        """The batches of a training epoch: every sample once, batches of nearly equal size.

        The order depends on ``seed`` and ``epoch`` alone.
        """
        order = np.random.default_rng((seed, epoch, 0xE90C)).permutation(len(self))
        if len(order) == 1:
            order = order.repeat(2)  # normalisation needs two values a channel
        count = max(1, -(-len(order) // batch))
        if len(order) // count < 2:
            count = max(1, len(order) // 2)
        return [[(epoch, int(i)) for i in part] for part in np.array_split(order, count)]

    def in_order(self, batch: int) -> list[list[Key]]:
        """The batches of a validation."""
        keys = [(0, i) for i in range(len(self))]
        return [keys[i : i + batch] for i in range(0, len(keys), batch)]
