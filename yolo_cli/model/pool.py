"""Max poolings."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn

from yolo_cli.model.architectures import Pool


class UnevenPool(nn.MaxPool2d):
    """Max pooling with more padding on the right and below, as Darknet has on maps of odd size.

    Attributes:
        more: by how much more.
    """

    def __init__(self, size: int, stride: int, padding: int, more: int) -> None:
        super().__init__(size, stride, padding)
        self.more = more

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name
        """Return the largest number in each window."""
        padded = F.pad(input, (0, self.more, 0, self.more), value=-float("inf"))
        result: Tensor = super().forward(padded)
        return result


def pool_of(row: Pool, *, noted: bool = False) -> nn.MaxPool2d:
    """Return the layer of a row; one that also tells where its numbers stood if they are noted."""
    if row.more:
        return UnevenPool(row.size, row.stride, row.padding, row.more)
    return nn.MaxPool2d(row.size, row.stride, row.padding, return_indices=noted)
