"""The YOLOv1 loss (paper, equation 3) and the variations that the default recipe uses."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn
from torchvision.ops import complete_box_iou_loss

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.tasks.detect.grid import Cells, Grid, GridTarget
from yolo_cli.tasks.detect.loss_config import LossConfig


class YoloLoss(nn.Module):
    """Sum over the image, mean over the batch.

    Darknet's gradient is half of this one's, so its learning rates are to be halved here.

    Args:
        grid: of the network.
        config: weights and forms of the terms.
        weights: ``[C]`` weights of the terms of an object, by its class; None for 1 each.

    Raises:
        UserError: for cross-entropy of a linear network, whose outputs are no logits.
    """

    weights: Tensor

    def __init__(self, grid: Grid, config: LossConfig, weights: Tensor | None = None) -> None:
        super().__init__()
        if grid.output == "linear" and "cross_entropy" in (config.confidence, config.classes):
            raise UserError(
                "a network with linear outputs is not trained with cross-entropy",
                "train it with --recipe paper, or start from other weights",
                ExitCode.USAGE,
            )
        self.grid = grid
        self.config = config
        weights = torch.ones(grid.classes) if weights is None else weights
        self.register_buffer("weights", weights)

    def forward(self, raw: Tensor, target: GridTarget) -> dict[str, Tensor]:
        """Return the loss and its terms.

        Args:
            raw: ``[N, S, S, 5B + C]`` float32, the network's output.
            target: the batch's objects on the same grid.

        Returns:
            Scalars ``loss`` (the sum, to be minimised) and its terms ``box``, ``object``,
            ``noobject``, ``class``, each already weighted and divided by N.
        """
        cells = self.grid.unpack(raw)
        place = (target.image, target.row, target.column)
        at = Cells(*(value[place] for value in vars(cells).values()))
        boxes = self.grid.corners(
            at.xy, at.root_wh.square(), target.row[:, None], target.column[:, None]
        )
        truth = self.grid.corners(target.xy, target.wh, target.row, target.column)
        iou = _iou(boxes.detach(), truth[:, None])
        responsible = _responsible(boxes.detach(), truth, iou)

        chosen = (torch.arange(len(responsible), device=raw.device), responsible)
        weights = self.weights[target.labels].to(raw.dtype)
        box = self._box(at.xy[chosen], at.root_wh[chosen], boxes[chosen], truth, target)
        terms = {
            "box": self.config.coord * (box * weights).sum(),
            **self._confidence(cells, (*place, responsible), iou[chosen], weights),
            "class": (self._class(at, target.labels) * weights).sum(),
        }
        terms = {name: value / len(raw) for name, value in terms.items()}
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _box(
        self, xy: Tensor, root_wh: Tensor, boxes: Tensor, truth: Tensor, target: GridTarget
    ) -> Tensor:
        """Return the distances of the responsible boxes from their objects, ``[M]``."""
        if self.config.box == "ciou":
            result: Tensor = complete_box_iou_loss(boxes, truth, reduction="none")
            return result
        shape = (root_wh - target.wh.sqrt()).square()
        return ((xy - target.xy).square() + shape).sum(dim=-1)

    def _confidence(
        self, cells: Cells, responsible: tuple[Tensor, ...], iou: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        """Return the confidence terms: responsible boxes predict their IoU, all others zero."""
        goal = torch.zeros_like(cells.confidence)
        goal[responsible] = iou
        weight = torch.full_like(goal, self.config.noobj)
        weight[responsible] = weights
        if self.config.confidence == "cross_entropy":
            raw = cells.raw_confidence
            error = F.binary_cross_entropy_with_logits(raw, goal, reduction="none")
        else:
            error = (cells.confidence - goal).square()
        error = error * weight
        objects = error[responsible].sum()
        return {"object": objects, "noobject": error.sum() - objects}

    def _class(self, at: Cells, labels: Tensor) -> Tensor:
        """Return the errors of the class scores of the cells that hold an object, ``[M]``."""
        if self.config.classes == "cross_entropy":
            return F.cross_entropy(
                at.raw_classes, labels, reduction="none", label_smoothing=self.config.smoothing
            )
        goal = F.one_hot(labels, self.grid.classes).to(at.classes)
        return (at.classes - goal).square().sum(dim=-1)


def _iou(boxes: Tensor, truth: Tensor) -> Tensor:
    """Return the IoU of xyxy boxes, pair by pair with broadcasting: ``[..., 4]`` to ``[...]``."""
    top_left = torch.maximum(boxes[..., :2], truth[..., :2])
    bottom_right = torch.minimum(boxes[..., 2:], truth[..., 2:])
    overlap = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    areas = [(b[..., 2:] - b[..., :2]).prod(dim=-1) for b in (boxes, truth)]
    return overlap / (areas[0] + areas[1] - overlap).clamp(min=torch.finfo(overlap.dtype).eps)


def _responsible(boxes: Tensor, truth: Tensor, iou: Tensor) -> Tensor:
    """Return the index of the box that answers for each object.

    The highest IoU; where all are zero, the smallest root mean square difference of centre and
    size relative to the image (Darknet, detection_layer.c).

    Args:
        boxes: ``[M, B, 4]`` xyxy relative to the image.
        truth: ``[M, 4]`` xyxy relative to the image.
        iou: ``[M, B]``.
    """
    difference = _centre_and_size(boxes) - _centre_and_size(truth)[:, None]
    nearest = difference.square().sum(dim=-1).argmin(dim=1)
    return torch.where(iou.amax(dim=1) > 0, iou.argmax(dim=1), nearest)


def _centre_and_size(boxes: Tensor) -> Tensor:
    return torch.cat(
        [(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1
    )
