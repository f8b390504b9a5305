"""The class of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor

from yolo_cli.data.reduced import Reduced
from yolo_cli.pictures.drawing import draw_detections
from yolo_cli.tasks.classify.output import Classification
from yolo_cli.tasks.result import Record, Result, Style


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ClassifyResult(Result):
    """The class of one picture, with the probabilities of all of them.

    Attributes:
        probabilities: ``[C]`` float32 in [0, 1], which sum to 1; in the order of ``names``.
        top: how many of the likeliest classes the record lists.
    """

    probabilities: Tensor
    top: int

    @property
    def output(self) -> Classification:
        """What it was made of."""
        return {"probabilities": self.probabilities, "top": self.top}

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.listed(1)[0][0]

    @property
    def score(self) -> float:
        """Its probability."""
        return self.listed(1)[0][1]

    def listed(self, count: int | None = None) -> list[tuple[str, float]]:
        """List classes and probabilities, the likeliest first; of equal ones the first named."""
        order = self.probabilities.argsort(descending=True, stable=True)
        chosen = order[: self.top if count is None else count].tolist()
        return [(self.names[index], float(self.probabilities[index])) for index in chosen]

    def found(self) -> list[tuple[str, float]]:
        """Return the likeliest class alone."""
        return self.listed(1)

    def draw_on(self, picture: Reduced, style: Style) -> Image.Image:
        """Draw a frame with class and probability."""
        width, height = picture.image.size
        name, score = self.listed(1)[0]
        return draw_detections(
            picture.image,
            [[0, 0, width, height]],
            [score],
            [self.names.index(name)],
            self.names,
            line_width=style.line_width,
            show_labels=style.show_labels,
            show_scores=style.show_scores,
            in_place=picture.image is not self.image,
        )

    def record(self) -> Record:
        """Return plain values: the likeliest class, and the first few of all."""
        listed = [{"label": name, "score": round(score, 5)} for name, score in self.listed()]
        record: dict[str, Any] = {"image": self.origin.name}
        if self.origin.frame is not None:
            record |= {"frame": self.origin.frame, "time": round(self.origin.time or 0.0, 3)}
        size = {"width": self.width, "height": self.height}
        return {**record, **size, **listed[0], "classes": listed}
