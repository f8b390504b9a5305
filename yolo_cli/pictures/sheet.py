"""A contact sheet of labelled images: whether boxes and pictures agree is seen at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from yolo_cli.data.images import read_image
from yolo_cli.data.sample import Sample
from yolo_cli.pictures.drawing import contact_sheet, draw_detections
from yolo_cli.pictures.font import label_font
from yolo_cli.text import printable

TILE = 320
"""Side of the square, in pixels, that each image is scaled to fit."""

_COLUMNS = 4
_CAPTION = 12  # pixels
_CAPTION_COLOR = (220, 220, 220)
_CAPTION_GROUND = (32, 32, 32)


def labelled_sheet(samples: Sequence[Sample], classes: Sequence[str], count: int) -> Image.Image:
    """Draw some images with their boxes and the names of their files.

    Args:
        samples: at least one; those with objects come first, taken evenly from all.
        classes: names that the samples' labels index.
        count: draw at most so many.

    Raises:
        UserError: an image cannot be read.
    """
    chosen = [one for one in samples if len(one)] or list(samples)
    places = np.linspace(0, len(chosen) - 1, min(count, len(chosen))).round().astype(int)
    tiles = [_tile(chosen[place], classes) for place in places]
    return contact_sheet(tiles, columns=min(_COLUMNS, len(tiles)), tile=TILE)


def _tile(sample: Sample, classes: Sequence[str]) -> Image.Image:
    """Draw boxes on the image, which is scaled first: lines are as fine as text then."""
    caption = 2 * _CAPTION
    scale = min(TILE / sample.width, (TILE - caption) / sample.height)
    width, height = (max(1, round(side * scale)) for side in (sample.width, sample.height))
    picture = read_image(sample.image).resize((width, height), Image.Resampling.LANCZOS)
    boxes = sample.boxes * np.tile((width / sample.width, height / sample.height), 2)
    drawn = draw_detections(picture, boxes, None, sample.labels, classes)
    tile = Image.new("RGB", (TILE, TILE), _CAPTION_GROUND)
    tile.paste(drawn, ((TILE - width) // 2, (TILE - caption - height) // 2))
    text = printable(sample.image.name)
    font = label_font(_CAPTION, text)
    while len(text) > 1 and font.getlength(text) > TILE:
        text = f"{text.rstrip('…')[:-1]}…"
    ImageDraw.Draw(tile).text(
        (TILE / 2, TILE - caption / 2), text, fill=_CAPTION_COLOR, font=font, anchor="mm"
    )
    return tile
