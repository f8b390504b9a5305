"""Images that are rotated by their metadata, where nothing tells whether the labels know it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from yolo_cli.data.check.finding import Finding, finding
from yolo_cli.data.formats.common import like_more
from yolo_cli.data.formats.scan import LabelledImage, Spot
from yolo_cli.data.images import ImageHeader


def check_rotation(images: Iterable[tuple[LabelledImage, ImageHeader]]) -> Iterator[Finding]:
    """Find images that are rotated by their metadata, where nothing tells if labels know it."""
    unclear = [
        image.path
        for image, header in images
        if header.orientation != 1
        and image.objects
        and (header.upright == header.stored or image.stated is None)
    ]
    if unclear:
        what = (
            f"is rotated by its EXIF orientation{like_more(len(unclear))}; "
            "the labels do not say whether they take that into account"
        )
        yield finding("exif-rotated", Spot(unclear[0]), what)
