"""The objects found in one picture."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from yolo_cli.data.reduced import Reduced
from yolo_cli.pictures.drawing import draw_detections
from yolo_cli.tasks.detect.postprocess import Detection
from yolo_cli.tasks.detect.records import DetectionRecord, detection_record
from yolo_cli.tasks.result import Result, Style


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DetectResult(Result):
    """The objects found in one picture, highest score first.

    Attributes:
        boxes: ``[N, 4]`` float32 xyxy in pixels of the upright picture.
        scores: ``[N]`` float32 in [0, 1].
        labels: ``[N]`` int64 indices into ``names``.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return how many objects were found."""
        return len(self.boxes)

    @property
    def detection(self) -> Detection:
        """Boxes, scores and labels as torchvision has them: a dict."""
        return {"boxes": self.boxes, "scores": self.scores, "labels": self.labels}

    def found(self) -> list[tuple[str, float]]:
        """List class and score of each object."""
        names = [self.names[label] for label in self.labels.tolist()]
        return list(zip(names, self.scores.tolist(), strict=True))

    def scale_of(self, picture: Reduced) -> float:
        """Return the pixels of a picture for each of the original's."""
        return (picture.box[2] - picture.box[0]) / self.width

    def draw_on(self, picture: Reduced, style: Style) -> Image.Image:
        """Draw boxes with class and score."""
        return draw_detections(
            picture.image,
            self.boxes.numpy() * self.scale_of(picture),
            self.scores.numpy(),
            self.labels.numpy(),
            self.names,
            line_width=style.line_width,
            show_labels=style.show_labels,
            show_scores=style.show_scores,
            in_place=picture.image is not self.image,
        )

    def record(self) -> DetectionRecord:
        """Return plain values, see :mod:`yolo_cli.tasks.detect.records`."""
        return detection_record(
            self.origin.name,
            self.width,
            self.height,
            self.boxes.numpy(),
            self.scores.numpy(),
            self.labels.numpy(),
            self.names,
            frame=self.origin.frame,
            time=self.origin.time,
        )
