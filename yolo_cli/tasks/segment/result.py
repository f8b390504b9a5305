"""The class of every pixel of one picture."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from yolo_cli.data.reduced import Reduced
from yolo_cli.pictures.masks import draw_mask
from yolo_cli.tasks.result import Result, Style
from yolo_cli.tasks.segment.records import SegmentRecord, segment_record, shares


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SegmentResult(Result):
    """The class of every pixel of one picture.

    Attributes:
        mask: ``[H, W]`` uint8 indices into ``names``, of the upright picture.
    """

    mask: Tensor

    def found(self) -> list[tuple[str, float]]:
        """List the classes with their shares of the picture."""
        return [(self.names[i], share) for i, share in shares(self.mask.numpy(), len(self.names))]

    def draw_on(self, picture: Reduced, style: Style) -> Image.Image:
        """Lay the classes' colours over the picture."""
        left, top, right, bottom = (round(value) for value in picture.box)
        whole = picture.image.crop((left, top, right, bottom))
        return draw_mask(
            whole,
            self.mask.numpy(),
            self.names,
            show_labels=style.show_labels,
            shares=style.show_scores,
        )

    def record(self) -> SegmentRecord:
        """Return plain values, see :mod:`yolo_cli.tasks.segment.records`."""
        return segment_record(
            self.origin.name,
            self.mask.numpy(),
            self.names,
            frame=self.origin.frame,
            time=self.origin.time,
        )
