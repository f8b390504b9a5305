"""The images of which a segmenter gets most pixels wrong, with both masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from yolo_cli.data.images import read_image
from yolo_cli.data.mask import MaskArray
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError
from yolo_cli.evaluation.plain import Example
from yolo_cli.evaluation.segmentation import count_pairs
from yolo_cli.pictures.masks import draw_mask
from yolo_cli.tasks.segment.postprocess import Output
from yolo_cli.tasks.segment.target import mask_of

_WIDTH, _GAP = 420, 4  # pixels of each of the two pictures, and between them


def draw_worst(
    outputs: Sequence[Output], samples: Sequence[Sample], classes: tuple[str, ...], count: int
) -> list[Example]:
    """Draw images with the smallest share of labelled pixels that are right, the worst first.

    Args:
        outputs: ``[H, W]`` indices of each image.
        samples: the images.
        classes: names that both index.
        count: draw at most so many; none that is right altogether.
    """
    found: list[tuple[float, int, str]] = []
    for index, (output, sample) in enumerate(zip(outputs, samples, strict=True)):
        pairs = count_pairs(mask_of(sample), np.asarray(output), len(classes))
        labelled, right = int(pairs.sum()), int(pairs.trace())
        if right < labelled:
            found.append((right / labelled, index, _mixup(pairs, classes)))
    return [
        _example(samples[index], np.asarray(outputs[index]), classes, f"{right:.0%} right{text}")
        for right, index, text in sorted(found)[:count]
    ]


def _mixup(pairs: npt.NDArray[np.int64], classes: Sequence[str]) -> str:
    """Name the classes that most pixels are mixed up of."""
    between = pairs[: len(classes), : len(classes)].copy()
    np.fill_diagonal(between, 0)
    true, taken = divmod(int(between.argmax()), len(classes))
    return f"; most often {classes[true]} taken for {classes[taken]}" if between.any() else ""


def _example(sample: Sample, output: MaskArray, classes: tuple[str, ...], text: str) -> Example:
    try:
        photo = read_image(sample.image)
    except UserError as error:
        return Example(sample.id, text, None, error.message)
    small = photo.resize((_WIDTH, max(1, round(photo.height * _WIDTH / photo.width))))
    both = Image.new("RGB", (2 * _WIDTH + _GAP, small.height), "white")
    for place, mask in enumerate((mask_of(sample), output)):
        both.paste(draw_mask(small, mask, classes), (place * (_WIDTH + _GAP), 0))
    return Example(sample.id, text, both)
