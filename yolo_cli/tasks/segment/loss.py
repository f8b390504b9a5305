"""Cross-entropy of every pixel, rare classes weighing more: median-frequency balancing."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn

from yolo_cli.data.mask import IGNORED
from yolo_cli.tasks.segment.batch import Pixels

MOST = 10.0  # a class weighs at most so many times as much as the median one


class PixelLoss(nn.Module):
    """Cross-entropy, weighted by class, averaged over the labelled pixels of a batch.

    Args:
        weights: ``[C]`` of each class.
    """

    weights: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, raw: Tensor, target: Pixels) -> dict[str, Tensor]:
        """Return ``loss`` and its only term ``pixel``, the same.

        Args:
            raw: ``[N, H, W, C]`` logits; interpolated to the masks' size.
            target: the batch's masks.
        """
        size = target.masks.shape[-2:]
        logits = F.interpolate(
            raw.float().permute(0, 3, 1, 2), list(size), mode="bilinear", align_corners=False
        )
        total = F.cross_entropy(
            logits,
            target.masks.long(),
            self.weights,
            ignore_index=IGNORED,
            reduction="sum",
        )
        # Zero where nothing is labelled, and then so is the total.
        loss = total / self.amount(target).clamp(min=torch.finfo(torch.float32).eps)
        return {"loss": loss, "pixel": loss}

    def amount(self, target: Pixels) -> Tensor:
        """Return the sum of the weights of the labelled pixels."""
        labelled = target.masks[target.masks != IGNORED].long()
        return (torch.bincount(labelled, minlength=len(self.weights)) * self.weights).sum()


def class_weights(shares: Tensor, balance: float) -> Tensor:
    """Return the weight of each class: the median share over its own (Eigen & Fergus 2015).

    Args:
        shares: ``[C]`` of the pixels of those images that a class is in, its own; 0 where it is in
            none.
        balance: exponent of the quotient: 1 is the paper's balancing, 0 weighs all pixels alike.

    Returns:
        ``[C]`` float32, at most :data:`MOST`; one for classes that are in no image.
    """
    present = shares > 0
    if not present.any():
        return torch.ones(len(shares))
    middle = shares[present].float().quantile(0.5)
    weights = (middle / shares.float().clamp(min=1e-12)).pow(balance).clamp(max=MOST)
    return torch.where(present, weights, 1.0)
