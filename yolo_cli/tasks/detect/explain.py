"""How the network's output becomes detections, in four pictures (paper, figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from yolo_cli.data.reduced import Reduced
from yolo_cli.model.config import ModelConfig
from yolo_cli.pictures.drawing import Color, class_color, draw_detections
from yolo_cli.pictures.font import label_font
from yolo_cli.pictures.panels import Panel, sheet_of
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.postprocess import select
from yolo_cli.tasks.detect.result import DetectResult
from yolo_cli.tasks.detect.task import Detect
from yolo_cli.tasks.detect.thresholds import DETECT, Thresholds
from yolo_cli.tasks.result import Style
from yolo_cli.tasks.task import Task
from yolo_cli.text import counted

SIDE = 672  # pixels of a panel
WIDEST = 11  # pixels of the line of a box that is sure
LINE = (255, 255, 255, 150)  # of the grid
CELL = 150  # opacity, of 255, of the cell of an object
FAINTEST = 0.25  # opacity of a box that is not sure at all
NAMED = 40  # smallest side of a cell, in pixels, with the name of its class in it


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ExplainedResult(DetectResult):
    """What was found, and what it was made of.

    Attributes:
        raw: ``[S, S, 5B + C]``, the network's output.
        config: of the network.
        thresholds: what was kept.
    """

    raw: Tensor
    config: ModelConfig
    thresholds: Thresholds

    def draw_on(self, picture: Reduced, style: Style) -> Image.Image:
        """Draw cells, boxes, classes and what is left, instead of boxes alone."""
        return Explanation(self, picture.stretched(SIDE, SIDE)).draw(style)


class Explaining(Detect):
    """Detection whose results tell how they came about."""

    result_type = ExplainedResult

    def decode(
        self,
        raw: Tensor,
        config: ModelConfig,
        sizes: Sequence[tuple[int, int]],
        thresholds: Thresholds | None = None,
    ) -> list[Any]:
        """Return what :meth:`Detect.decode` returns, together with what it was made of."""
        kept = thresholds or DETECT
        found = super().decode(raw, config, sizes, kept)
        more = [{"raw": one, "config": config, "thresholds": kept} for one in raw.cpu().clone()]
        return [{**one, **rest} for one, rest in zip(found, more, strict=True)]


TASK: Task = Explaining()


class Explanation:
    """The four pictures of one result.

    Args:
        result: what was found.
        photograph: stretched to a square of :data:`SIDE` pixels.
    """

    def __init__(self, result: ExplainedResult, photograph: Image.Image) -> None:
        self.result = result
        self.photograph = photograph
        self.grid = Grid.of(result.config)
        boxes, scores = self.grid.decode(result.raw[None])
        self.boxes, self.scores = boxes[0], scores[0]
        cells = self.grid.unpack(result.raw.float())
        self.confidence = cells.confidence.clamp(0, 1).flatten()
        self.classes = cells.classes.clamp(0, 1)
        size = (result.width, result.height)
        _, self.origins = select(self.boxes, self.scores, size, result.thresholds)

    def draw(self, style: Style) -> Image.Image:
        """Draw all four, with titles."""
        size, found = self.grid.size, counted(len(self.result), "object")
        after = "NMS" if self.result.thresholds.vote is None else "NMS and voting"
        panels = [
            Panel(f"1  each object belongs to one of {size}×{size} cells", self.cells()),
            Panel(f"2  {len(self.boxes)} boxes, the wider the surer", self.all_boxes()),
            Panel("3  the likeliest class of each cell", self.class_map()),
            Panel(f"4  after {after}: {found}", self.kept(style)),
        ]
        return sheet_of(panels, columns=2)

    def cells(self) -> Image.Image:
        """Draw the grid, and the cells of the boxes that are left in the end, with their centres.

        Voting may have moved a box since.
        """
        drawn, pen = self._copy()
        colors = [class_color(label) for label in self.result.labels.tolist()]
        for place, color in zip(
            zip(*self.grid.cell_of(self.origins), strict=True), colors, strict=True
        ):
            pen.rectangle(self._cell(int(place[0]), int(place[1])), fill=(*color, CELL))
        self._draw_grid(pen)
        for box, color in zip((self.boxes[self.origins] * SIDE).tolist(), colors, strict=True):
            _draw_dot(pen, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), color)
        return drawn

    def all_boxes(self) -> Image.Image:
        """Draw every box in the colour of its likeliest class, fainter below the threshold."""
        drawn, pen = self._copy()
        best, label = self.scores.max(dim=1)
        sure = max(self.result.thresholds.conf, FAINTEST)
        for i in best.argsort().tolist():
            opacity = max(FAINTEST, min(1.0, float(best[i]) / sure))
            width = max(1, round(WIDEST * float(self.confidence[i])))
            corners = (self.boxes[i].clamp(-1, 2) * SIDE).tolist()
            if width > 1:  # a dark rim sets it off from a ground of its colour
                rim = (corners[0] - 1, corners[1] - 1, corners[2] + 1, corners[3] + 1)
                pen.rectangle(rim, outline=(0, 0, 0, round(90 * opacity)), width=width + 2)
            color = (*class_color(int(label[i])), round(255 * opacity))
            pen.rectangle(corners, outline=color, width=width)
        return drawn

    def class_map(self) -> Image.Image:
        """Colour each cell by its likeliest class, the stronger the likelier it is."""
        drawn, pen = self._copy()
        probability, label = self.classes.max(dim=-1)
        size = max(10, round(SIDE / self.grid.size / 6.5))
        for row, column in product(range(self.grid.size), repeat=2):
            cell = self._cell(row, column)
            color = class_color(int(label[row, column]))
            pen.rectangle(cell, fill=(*color, round(40 + 160 * float(probability[row, column]))))
            if cell[2] - cell[0] >= NAMED:
                _draw_name(pen, self.result.names[int(label[row, column])], cell, size)
        self._draw_grid(pen)
        return drawn

    def kept(self, style: Style) -> Image.Image:
        """Draw what is left."""
        return draw_detections(
            self.photograph,
            self._kept_boxes().numpy(),
            self.result.scores.numpy(),
            self.result.labels.numpy(),
            self.result.names,
            line_width=style.line_width,
            show_labels=style.show_labels,
            show_scores=style.show_scores,
        )

    def _kept_boxes(self) -> Tensor:
        size = torch.tensor([self.result.width, self.result.height] * 2)
        return self.result.boxes / size * SIDE

    def _copy(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        drawn = self.photograph.copy()
        return drawn, ImageDraw.Draw(drawn, "RGBA")

    def _cell(self, row: int, column: int) -> tuple[float, float, float, float]:
        edges = [round(i * SIDE / self.grid.size) for i in range(self.grid.size + 1)]
        return edges[column], edges[row], edges[column + 1] - 1, edges[row + 1] - 1

    def _draw_grid(self, pen: ImageDraw.ImageDraw) -> None:
        for i in range(1, self.grid.size):
            at = round(i * SIDE / self.grid.size)
            pen.line((at, 0, at, SIDE), fill=LINE, width=2)
            pen.line((0, at, SIDE, at), fill=LINE, width=2)


def _draw_dot(pen: ImageDraw.ImageDraw, centre: tuple[float, float], color: Color) -> None:
    x, y = centre
    pen.ellipse((x - 9, y - 9, x + 9, y + 9), fill=color, outline=(255, 255, 255), width=3)


def _draw_name(
    pen: ImageDraw.ImageDraw,
    name: str,
    cell: tuple[float, float, float, float],
    size: int,
) -> None:
    """Write a name in the middle of a cell, smaller or cut where it is too long."""
    font = label_font(size, name)
    left, top, right, bottom = cell
    room = right - left - 6
    if font.getlength(name) > room:
        font = label_font(round(size * 0.8), name)
    while len(name) > 1 and font.getlength(name) > room:
        name = name.rstrip("…")[:-1] + "…"
    place = ((left + right) / 2, (top + bottom) / 2)
    pen.text(place, name, "white", font, "mm", stroke_width=2, stroke_fill=(0, 0, 0, 150))
