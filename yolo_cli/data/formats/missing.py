"""Labels whose images are missing: a warning each, but one error where all are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from yolo_cli.data.formats.scan import Fault, LabelledImage, Spot
from yolo_cli.text import counted


def with_missing(
    items: Iterable[LabelledImage | Fault], images: Path, labels: Path
) -> Iterator[LabelledImage | Fault]:
    """Yield what a scan has found; where all it has found is that images are missing, say it once.

    Args:
        items: images, and faults; a warning ``no-image`` for each label without an image.
        images: folder that the images were looked for in.
        labels: folder of the labels, the place of the one error.
    """
    held: list[Fault] = []
    stream = iter(items)
    for item in stream:
        if isinstance(item, LabelledImage):
            yield from held
            yield item
            yield from stream
            return
        if item.code == "no-image" and item.severity == "warning":
            held.append(item)
        else:
            yield item
    hint = f"put the images into {images}: --skip-bad would leave none"
    if len(held) == 1:
        yield replace(held[0], severity="error", hint=hint)
    elif held:
        what = f"no image for any of {counted(len(held), 'label')} in it; looked in {images}"
        yield Fault("no-image", Spot(labels), what, hint=hint)
