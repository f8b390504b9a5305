"""The S×S grid: from boxes to cells (encode) and from the network's output to boxes (decode).

This is the only place that knows how a cell's numbers are laid out. Along the last axis of the
output stand, for each of the B boxes, x, y, √w, √h and confidence, then the C class scores
(paper, section 2). x and y are relative to the cell, √w and √h to the image. The network outputs
the roots themselves and they are squared here: the root of a raw output could be NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yolo_cli.data.target import Target
from yolo_cli.model.config import ModelConfig, Output


@dataclass(frozen=True)
class Cells:
    """The network's output, taken apart; leading axes ``...`` are usually ``[N, S, S]``.

    Attributes:
        xy: ``[..., B, 2]`` box centre relative to the cell.
        root_wh: ``[..., B, 2]`` square roots of width and height relative to the image.
        confidence: ``[..., B]``.
        classes: ``[..., C]`` conditional class probabilities.
        raw_confidence: ``[..., B]`` before the sigmoid; as ``confidence`` in a linear network.
        raw_classes: ``[..., C]`` before the softmax; as ``classes`` in a linear network.
    """

    xy: Tensor
    root_wh: Tensor
    confidence: Tensor
    classes: Tensor
    raw_confidence: Tensor
    raw_classes: Tensor


@dataclass(frozen=True)
class GridTarget:
    """The M objects of a batch that the grid can hold: one a cell.

    Attributes:
        image: ``[M]`` index of the image in the batch.
        row: ``[M]`` row of the cell that holds the object's centre.
        column: ``[M]`` its column.
        xy: ``[M, 2]`` centre relative to that cell.
        wh: ``[M, 2]`` width and height relative to the image.
        labels: ``[M]`` class indices.
        lost: number of objects that share a cell with a larger one and are not trained on.
    """

    image: Tensor
    row: Tensor
    column: Tensor
    xy: Tensor
    wh: Tensor
    labels: Tensor
    lost: int

    def to(self, device: torch.device) -> GridTarget:
        """Return a copy on ``device``."""
        return GridTarget(
            image=self.image.to(device),
            row=self.row.to(device),
            column=self.column.to(device),
            xy=self.xy.to(device),
            wh=self.wh.to(device),
            labels=self.labels.to(device),
            lost=self.lost,
        )


class Grid:
    """An S×S grid with B boxes a cell and C classes.

    Args:
        size: S.
        boxes: B.
        classes: C.
        output: ``linear`` or ``sigmoid``, see :class:`ModelConfig`.
    """

    def __init__(self, size: int, boxes: int, classes: int, output: Output = "linear") -> None:
        self.size = size
        self.boxes = boxes
        self.classes = classes
        self.output = output

    @classmethod
    def of(cls, config: ModelConfig) -> Grid:
        """Return the grid of a network."""
        return cls(config.grid, config.boxes, len(config.classes), config.output)

    @property
    def channels(self) -> int:
        """Outputs a cell: 5B + C."""
        return 5 * self.boxes + self.classes

    @property
    def parts(self) -> tuple[int, int]:
        """Outputs a cell of the boxes, and then of the classes."""
        return 5 * self.boxes, self.classes

    @property
    def box_parts(self) -> tuple[int, int, int]:
        """Outputs of a box: x and y, √w and √h, confidence."""
        return 2, 2, 1

    @property
    def confidences(self) -> slice:
        """Where a cell's confidences stand among its outputs."""
        return slice(4, 5 * self.boxes, 5)

    def encode(
        self, targets: Sequence[Target], image_size: int, *, difficult: bool = False
    ) -> GridTarget:
        """Assign every object to the cell that holds its centre.

        A centre on a border belongs to the cell on its right or below; one on the image's right
        or bottom edge to the last cell. Of several objects in a cell the largest is kept (of
        equals the first). Crowds are left out.

        Args:
            targets: one for each image of the batch, boxes in pixels of the network's input.
            image_size: pixels along each side of the network's input.
            difficult: keep objects marked difficult.
        """
        counts = torch.tensor([len(t["labels"]) for t in targets])
        image = torch.repeat_interleave(torch.arange(len(targets)), counts)
        boxes = torch.cat([t["boxes"] for t in targets])
        labels = torch.cat([t["labels"] for t in targets])
        used = ~torch.cat([t["crowd"] for t in targets])
        if not difficult:
            used &= ~torch.cat([t["difficult"] for t in targets])
        image, boxes, labels = image[used], boxes[used], labels[used]

        centre, wh = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        # Multiplied before it is divided: else rounding puts centres on a border on its other side.
        position = centre * self.size / image_size
        cell = position.long().clamp_(0, self.size - 1)  # column, row
        keep = self._largest_of_each_cell(image, cell, wh.prod(dim=1))
        return GridTarget(
            image=image[keep],
            row=cell[keep, 1],
            column=cell[keep, 0],
            xy=(position - cell)[keep],
            wh=wh[keep] / image_size,
            labels=labels[keep],
            lost=len(image) - len(keep),
        )

    def _largest_of_each_cell(self, image: Tensor, cell: Tensor, area: Tensor) -> Tensor:
        """Return the indices of the objects that win their cell, in the order of the cells."""
        order = torch.argsort(area, descending=True, stable=True)
        place = (image * self.size + cell[:, 1]) * self.size + cell[:, 0]
        order = order[torch.argsort(place[order], stable=True)]
        sorted_place = place[order]
        first = torch.ones_like(sorted_place, dtype=torch.bool)
        first[1:] = sorted_place[1:] != sorted_place[:-1]
        return order[first]

    def unpack(self, raw: Tensor) -> Cells:
        """Take the network's output apart and apply its activations.

        Args:
            raw: ``[..., 5B + C]``.
        """
        boxes, classes = raw.split(self.parts, dim=-1)
        boxes = boxes.unflatten(-1, (self.boxes, 5))
        xy, root_wh, confidence = boxes[..., :2], boxes[..., 2:4], boxes[..., 4]
        if self.output == "linear":
            return Cells(xy, root_wh, confidence, classes, confidence, classes)
        return Cells(
            xy=xy.sigmoid(),
            root_wh=root_wh.sigmoid(),
            confidence=confidence.sigmoid(),
            classes=classes.softmax(dim=-1),
            raw_confidence=confidence,
            raw_classes=classes,
        )

    def pack(self, xy: Tensor, root_wh: Tensor, confidence: Tensor, classes: Tensor) -> Tensor:
        """Return the output of a linear network that :meth:`unpack` takes apart into these.

        Args:
            xy: ``[..., B, 2]``.
            root_wh: ``[..., B, 2]``.
            confidence: ``[..., B]``.
            classes: ``[..., C]``.
        """
        boxes = torch.cat([xy, root_wh, confidence.unsqueeze(-1)], dim=-1)
        return torch.cat([boxes.flatten(-2), classes], dim=-1)

    def corners(self, xy: Tensor, wh: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """Return boxes in the form of their corners.

        Args:
            xy: ``[..., 2]`` centres relative to their cells.
            wh: ``[..., 2]`` widths and heights relative to the image.
            row: rows of the cells, broadcastable to ``[...]``.
            column: columns of the cells, broadcastable to ``[...]``.

        Returns:
            ``[..., 4]`` xyxy relative to the image.
        """
        centre = (xy + torch.stack([column, row], dim=-1)) / self.size
        return torch.cat([centre - wh / 2, centre + wh / 2], dim=-1)

    def cell_of(self, box: Tensor) -> tuple[Tensor, Tensor]:
        """Return row and column of the cells that :meth:`decode` has boxes from, by their index."""
        cell = box // self.boxes
        return cell // self.size, cell % self.size

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return every box of every cell with its class scores (paper, equation 1).

        Args:
            raw: ``[N, S, S, 5B + C]``.

        Returns:
            ``[N, S·S·B, 4]`` xyxy relative to the image, not clipped to it, and
            ``[N, S·S·B, C]`` scores: class probability × confidence. Both float32. A linear
            network's outputs below zero count as zero: two of them would make a good score.
        """
        cells = self.unpack(raw.float())
        index = torch.arange(self.size, device=raw.device)
        row, column = index.view(-1, 1, 1), index.view(1, -1, 1)
        row, column = row.expand(-1, self.size, 1), column.expand(self.size, -1, 1)
        boxes = self.corners(cells.xy, cells.root_wh.square(), row, column)
        confidence, classes = cells.confidence.clamp(min=0), cells.classes.clamp(min=0)
        scores = confidence.unsqueeze(-1) * classes.unsqueeze(-2)
        return boxes.flatten(1, 3), scores.flatten(1, 3)
