"""The worst images with their errors drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from yolo_cli.data.images import read_image
from yolo_cli.data.sample import FloatArray, Sample
from yolo_cli.errors import UserError
from yolo_cli.evaluation.ranking import Ranking
from yolo_cli.evaluation.worst import WorstImage
from yolo_cli.pictures.drawing import Color, contact_sheet, draw_detections
from yolo_cli.text import printable

# Blue, green and red-orange of Okabe & Ito, told apart by most colour-blind eyes.
MISSED: Color = (86, 180, 233)
CORRECT: Color = (0, 158, 115)
FALSE: Color = (230, 97, 0)

_LONGEST_SIDE = 800
_SHEET_COLUMNS = 3
_SHEET_TILE = 480


@dataclass(frozen=True, eq=False)
class Picture:
    """One of the worst images.

    Attributes:
        image: with boxes drawn, scaled down; None if it could not be read.
        problem: why not; else empty.
    """

    image: Image.Image | None
    problem: str = ""

    def jpeg(self) -> bytes:
        """The image as a file; empty if there is none."""
        if self.image is None:
            return b""
        file = BytesIO()
        self.image.save(file, format="JPEG", quality=82, optimize=True)
        return file.getvalue()


def draw_worst(
    worst: Sequence[WorstImage], samples: Sequence[Sample], ranking: Ranking
) -> list[Picture]:
    """Draw missed objects, correct detections and false ones, on top of each other in this order.

    Args:
        worst: the images.
        samples: all of the dataset.
        ranking: that the rows of ``worst`` belong to.

    Returns:
        A picture for each, also for one whose file is missing or damaged.
    """
    return [_draw(one, samples[one.image], ranking) for one in worst]


def sheet(pictures: Sequence[Picture]) -> bytes:
    """All pictures side by side as a PNG file; empty if there is none."""
    images = [picture.image for picture in pictures if picture.image is not None]
    if not images:
        return b""
    file = BytesIO()
    contact_sheet(images, columns=_SHEET_COLUMNS, tile=_SHEET_TILE).save(file, format="PNG")
    return file.getvalue()


def _draw(worst: WorstImage, sample: Sample, ranking: Ranking) -> Picture:
    try:
        image = read_image(sample.image)
    except UserError as error:
        return Picture(None, error.message)
    boxes, texts, colors = _marks(worst, ranking)
    # Scaled first: letters and lines are then as large as they are meant to be.
    scale = min(1.0, _LONGEST_SIDE / max(image.size))
    small = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    factor = np.array([small.width / image.width, small.height / image.height] * 2)
    return Picture(
        draw_detections(small, boxes * factor, None, np.arange(len(texts)), texts, colors=colors)
    )


def _marks(worst: WorstImage, ranking: Ranking) -> tuple[FloatArray, list[str], list[Color]]:
    """Boxes, labels and colours, what matters most last."""
    missed = list(worst.missed)
    correct, false = list(worst.correct[::-1]), list(worst.false[::-1])
    names, objects = [printable(name) for name in ranking.classes], ranking.objects
    boxes = np.concatenate([objects.boxes[missed], ranking.boxes[correct], ranking.boxes[false]])
    texts = [f"○ {names[objects.labels[i]]}" for i in missed]
    for mark, rows in (("✓", correct), ("✗", false)):
        texts += [f"{mark} {names[ranking.labels[i]]} {ranking.scores[i]:.0%}" for i in rows]
    colors = [MISSED] * len(missed) + [CORRECT] * len(correct) + [FALSE] * len(false)
    return boxes, texts, colors
