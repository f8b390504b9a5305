"""Masks under the labels of the classes that a dataset and a network share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from yolo_cli.data.mask import IGNORED, MaskArray
from yolo_cli.data.sample import IntArray, Sample
from yolo_cli.tasks.classes import SharedClasses
from yolo_cli.tasks.segment.target import mask_of

OTHER = IGNORED - 1  # a class that the dataset does not have


class MaskClasses(SharedClasses):
    """See :class:`yolo_cli.tasks.contract.inference.Matching`."""

    def output(self, mask: Tensor) -> Tensor:
        """Return a mask under the labels of the shared classes; all others are one, and wrong."""
        return torch.from_numpy(_table(self.of_weights, OTHER))[mask.long()]

    def sample(self, sample: Sample) -> Sample:
        """Return a sample of the dataset; pixels of classes that the network lacks do not count."""
        table = _table(self.of_dataset, IGNORED)
        return replace(sample, annotation=Relabelled(sample, table, len(self.classes)))


@dataclass(frozen=True, eq=False)
class Relabelled:
    """A sample's mask with other indices.

    Attributes:
        sample: whose mask it is.
        table: ``[256]`` new index of each.
        count: of the classes.
    """

    sample: Sample
    table: MaskArray
    count: int

    def mask(self) -> MaskArray:
        """Read it."""
        result: MaskArray = self.table[mask_of(self.sample)]
        return result

    @property
    def classes(self) -> IntArray:
        """Indices of the classes in it."""
        found = np.unique(self.mask()).astype(np.int64)
        return found[found < self.count]

    def fingerprint(self) -> bytes:
        """Return a digest of mask and table."""
        return hashlib.sha256(self.sample.fingerprint() + self.table.tobytes()).digest()


def _table(places: tuple[int, ...], others: int) -> MaskArray:
    """Return ``[256]`` the new index of each old one."""
    table: MaskArray = np.full(IGNORED + 1, others, dtype=np.uint8)
    for old, new in enumerate(places):
        if new >= 0:
            table[old] = new
    table[IGNORED] = IGNORED
    return table
