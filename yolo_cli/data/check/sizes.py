"""Whether labels are about images of the size that the files have, and turned as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from yolo_cli.data.check.boxes import fits
from yolo_cli.data.check.finding import Finding, Spot, finding
from yolo_cli.data.check.survey import LabelledImage
from yolo_cli.data.images import ImageFacts

_SAME_SHAPE = 0.02  # by which width / height may differ after resizing


def check_size(image: LabelledImage, facts: ImageFacts) -> Finding | None:
    """Judges the size that a label states, and the rotation that the image's metadata asks for.

    Args:
        image: with boxes in pixels.
        facts: of its file.

    Returns:
        At most one finding; ``exif-ignored`` and ``image-resized`` say that the boxes are about
        another picture than the file has, so that nothing else is to be said of them.
    """
    upright, stored = facts.upright, facts.stored
    stated = None if image.stated is None else image.stated[:2]
    spot = image.stated[2] if image.stated is not None else image.spot
    objects = image.objects
    fit_upright, fit_stored = (
        all(fits(one.box, size) for one in objects) for size in (upright, stored)
    )
    if upright != stored and (stated == stored or (not fit_upright and fit_stored)):
        message = (
            f"labels are about {_pixels(stored)}, but by its EXIF rotation the image is "
            f"{_pixels(upright)}"
        )
        return finding("exif-ignored", spot, message)
    if stated is None or stated == upright:
        return None
    message = f"says {_pixels(stated)}, but {image.path.name} has {_pixels(upright)}"
    fit_stated = (
        bool(objects) and min(stated) >= 1 and all(fits(one.box, stated) for one in objects)
    )
    if not fit_upright and fit_stated and _same_shape(stated, upright):
        return finding("image-resized", spot, f"{message}: resized after it was labelled")
    return finding("size-wrong", spot, message)


def rotated(images: Iterable[tuple[LabelledImage, ImageFacts]]) -> Iterator[Finding]:
    """Says that some images are turned by their metadata and nothing tells if labels know it."""
    unclear = [
        image.path
        for image, facts in images
        if facts.orientation != 1 and image.objects and _untold(image, facts)
    ]
    if not unclear:
        return
    more = f", as are {len(unclear) - 1} more" if len(unclear) > 1 else ""
    message = f"is turned by its EXIF orientation{more}; whether the labels know is not to be told"
    yield finding("exif-rotated", Spot(unclear[0]), message)


def _untold(image: LabelledImage, facts: ImageFacts) -> bool:
    stated = None if image.stated is None else image.stated[:2]
    return facts.upright == facts.stored or stated is None


def _same_shape(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= _SAME_SHAPE


def _pixels(size: tuple[float, float]) -> str:
    return f"{size[0]:g} x {size[1]:g}"
