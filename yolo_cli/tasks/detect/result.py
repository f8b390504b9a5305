"""What a detector has found in one image, and what can be made of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolo_cli.data.reduced import Reduced, read_drawable
from yolo_cli.errors import UserError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from yolo_cli.tasks.detect.postprocess import Detection
    from yolo_cli.tasks.detect.records import DetectionRecord


@dataclass(frozen=True)
class Origin:
    """Where an image is from.

    Attributes:
        name: as the user calls it: a path, an address; empty for pictures in memory.
        path: its file, if it has one.
        frame: its number in a video, from 0.
        time: of the frame in the video, in seconds.
    """

    name: str = ""
    path: Path | None = None
    frame: int | None = None
    time: float | None = None

    def __str__(self) -> str:
        return self.name if self.frame is None else f"{self.name}, frame {self.frame}"


@dataclass(frozen=True, eq=False)
class Result:
    """The objects found in one image, highest score first.

    Attributes:
        boxes: ``[N, 4]`` float32 xyxy in pixels of the upright image.
        scores: ``[N]`` float32 in [0, 1].
        labels: ``[N]`` int64 indices into ``names``.
        names: the classes that the detector knows.
        width: of the upright image, in pixels.
        height: of the upright image, in pixels.
        origin: where the image is from.
        image: the upright image, where it is kept; that of a large file is read again if needed.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    names: tuple[str, ...]
    width: int
    height: int
    origin: Origin
    image: Image.Image | None = None

    def __len__(self) -> int:
        """How many objects were found."""
        return len(self.boxes)

    @property
    def detection(self) -> Detection:
        """Boxes, scores and labels as torchvision has them: a dict."""
        return {"boxes": self.boxes, "scores": self.scores, "labels": self.labels}

    def picture(self) -> Reduced:
        """The image; one beyond 178 megapixels is read at a fraction of its size.

        Raises:
            UserError: its file cannot be read any more.
        """
        if self.image is not None:
            return Reduced(self.image, self.image.size, (0, 0, *self.image.size))
        if self.origin.path is None:
            raise UserError(f"{self.origin}: the picture was not kept")
        return read_drawable(self.origin.path)

    def plot(
        self, *, line_width: int | None = None, show_labels: bool = True, show_scores: bool = True
    ) -> Image.Image:
        """The image with boxes and labels drawn on it.

        Args:
            line_width: of the boxes in pixels; scaled to the image unless told.
            show_labels: write class and score at each box.
            show_scores: write the score behind the class.

        Returns:
            A new image in mode ``RGB``.

        Raises:
            UserError: the image's file cannot be read any more.
        """
        return self.draw_on(
            self.picture(),
            line_width=line_width,
            show_labels=show_labels,
            show_scores=show_scores,
        )

    def scale_of(self, picture: Reduced) -> float:
        """Pixels of a picture for each of the image's."""
        return (picture.box[2] - picture.box[0]) / self.width

    def draw_on(
        self, picture: Reduced, *, line_width: int | None, show_labels: bool, show_scores: bool
    ) -> Image.Image:
        """As :meth:`plot`, on what :meth:`picture` returned, which may be drawn onto."""
        from yolo_cli.pictures.drawing import draw_detections

        return draw_detections(
            picture.image,
            self.boxes.numpy() * self.scale_of(picture),
            self.scores.numpy(),
            self.labels.numpy(),
            self.names,
            line_width=line_width,
            show_labels=show_labels,
            show_scores=show_scores,
            in_place=picture.image is not self.image,
        )

    def record(self) -> DetectionRecord:
        """Plain values: path, size and detections, see :mod:`yolo_cli.tasks.detect.records`."""
        from yolo_cli.tasks.detect.records import detection_record

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

    def to_json(self) -> str:
        """The line that ``yolo detect --json`` prints."""
        return json.dumps(self.record())

    def __repr__(self) -> str:
        found: Sequence[str] = [self.names[i] for i in self.labels.tolist()]
        listed = ", ".join(f"{n} {s:.0%}" for n, s in zip(found, self.scores.tolist(), strict=True))
        return f"<Result {self.origin} {self.width}×{self.height}: {listed or 'nothing'}>"


@dataclass(frozen=True)
class Failure:
    """An image that could not be read, or whose results could not be made.

    Attributes:
        origin: where it is from.
        error: what was wrong with it.
    """

    origin: Origin
    error: UserError
