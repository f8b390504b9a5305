"""Cross-entropy of a classifier, with label smoothing (Szegedy et al. 2015, section 7)."""

from __future__ import annotations

from torch import Tensor, nn

from yolo_cli.tasks.classify.target import ClassTarget


class ClassLoss(nn.Module):
    """Mean over the images of a batch.

    Args:
        weights: ``[C]`` what an image of each class weighs.
        smoothing: part of the target that all classes share alike.
    """

    weights: Tensor

    def __init__(self, weights: Tensor, smoothing: float) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.register_buffer("weights", weights)

    def forward(self, raw: Tensor, target: ClassTarget) -> dict[str, Tensor]:
        """Return ``loss``, and ``class``, which is the same.

        Args:
            raw: ``[N, C]`` logits.
            target: ``[N, C]`` shares of the classes.
        """
        goal = (1 - self.smoothing) * target.shares + self.smoothing / raw.shape[1]
        surprise = -(goal * raw.float().log_softmax(dim=1)).sum(dim=1)
        loss = (surprise * (target.shares @ self.weights)).mean()
        return {"loss": loss, "class": loss}
