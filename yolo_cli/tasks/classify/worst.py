"""The images of which a classifier is surest and wrong."""

from __future__ import annotations

from collections.abc import Sequence

from yolo_cli.data.images import read_image
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError
from yolo_cli.evaluation.plain import Example
from yolo_cli.tasks.classify.output import Classification

_SIDE = 420  # pixels, at most


def draw_worst(
    outputs: Sequence[Classification],
    samples: Sequence[Sample],
    classes: tuple[str, ...],
    count: int,
) -> list[Example]:
    """Show images taken for another class, the surest mistakes first.

    Args:
        outputs: for each image.
        samples: the images, each of one class.
        classes: names that both index.
        count: show at most so many.
    """
    found: list[tuple[float, int, int]] = []
    for index, (output, sample) in enumerate(zip(outputs, samples, strict=True)):
        taken = int(output["probabilities"].argmax())
        if taken != sample.labels[0]:
            found.append((-float(output["probabilities"][taken]), index, taken))
    return [
        _example(
            samples[index],
            f"{classes[samples[index].labels[0]]} taken for {classes[taken]} ({-sureness:.0%})",
        )
        for sureness, index, taken in sorted(found)[:count]
    ]


def _example(sample: Sample, text: str) -> Example:
    try:
        image = read_image(sample.image)
    except UserError as error:
        return Example(sample.id, text, None, error.message)
    image.thumbnail((_SIDE, _SIDE))
    return Example(sample.id, text, image)
