"""Loading: folds a format's scan into samples, and stops at the first fault or skips it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from yolo_cli.data.formats.common import with_skip_hint
from yolo_cli.data.formats.files import exists
from yolo_cli.data.formats.judging import UNKNOWN_SIZE, Judged, Size, judge, stated_size
from yolo_cli.data.formats.scan import Fault, LabelledImage, Reader, Reading
from yolo_cli.data.images import image_header, inspect_image
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError

_SIDE = 32  # pixels of a thumbnail that nobody looks at: small ones are quick

SKIP_HINT = "correct the label, or drop it with --skip-bad"
_OF_ALL = frozenset({"class-alone"})  # faults of a dataset, of which nothing can be left out


def load_samples(
    reader: Reader, split: str | None, reading: Reading
) -> tuple[list[Sample], list[UserError]]:
    """Load a split of a dataset.

    Args:
        reader: of the dataset.
        split: its own name of the split; None for all images.
        reading: how to read it.

    Returns:
        The samples, and an error for each label or image that was dropped.

    Raises:
        UserError: the first error, unless bad ones are dropped.
    """
    samples: list[Sample] = []
    faults = _Faults(reading.skip_bad)
    numbers: dict[str, int] | None = None
    for item in reader.scan(split):
        if isinstance(item, Fault):
            faults.add(item)
            continue
        judged = _judged(item, reader, reading, faults)
        if judged is not None:
            # Only now: a reader may have to scan all labels for the names of its classes.
            numbers = numbers or {name: index for index, name in enumerate(reader.classes)}
            try:
                samples.append(make_sample(item, *judged, numbers))
            except UserError as error:
                faults.drop(error)
    return samples, faults.noted


def _judged(
    image: LabelledImage, reader: Reader, reading: Reading, faults: _Faults
) -> tuple[Judged, Size] | None:
    """What can be used of an image, and its size; None if it is dropped."""
    failure: UserError | None = None
    upright, stored = UNKNOWN_SIZE, None
    if image.usable:  # else its file does not matter
        try:
            upright, stored = _sizes(image, reading, needed=reading.images or reader.relative)
        except UserError as error:
            failure = error
    if failure is None:
        judged = judge(image, upright, stored, relative=reader.relative)
    else:
        judged = Judged(False, faults=[*image.faults])
    for fault in judged.faults:
        faults.add(fault)
    if failure is not None:
        faults.drop(failure)
    return (judged, upright) if judged.usable else None


def _sizes(image: LabelledImage, reading: Reading, *, needed: bool) -> tuple[Size, Size | None]:
    """Sizes of an image, upright and as stored; the latter is None where labels are all we need."""
    if needed:
        if reading.skip_bad:  # only decoding shows whether what is behind the header is whole
            header = inspect_image(image.path, _SIDE).header
        else:
            header = image_header(image.path)
        return header.upright, header.stored
    try:
        upright = image_header(image.path).upright if exists(image.path) else None
    except UserError:
        upright = None
    return upright or stated_size(image.stated), None


def make_sample(
    image: LabelledImage, judged: Judged, size: Size, numbers: Mapping[str, int]
) -> Sample:
    """Make the arrays of an image.

    Args:
        image: as scanned.
        judged: what can be used of it.
        size: width and height of the upright image.
        numbers: index of each class by its name.

    Raises:
        UserError: what stands for boxes cannot be read.
    """
    kept = judged.kept
    boxes = np.array([box for _, box in kept], dtype=np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    area = sides[:, 0] * sides[:, 1]
    for index, (item, _) in enumerate(kept):
        if item.area is not None:
            area[index] = item.area
    return Sample(
        id=image.id,
        image=image.path,
        width=size[0],
        height=size[1],
        boxes=boxes,
        labels=np.array([numbers[item.name] for item, _ in kept], dtype=np.int64),
        difficult=np.array([item.difficult for item, _ in kept], dtype=np.bool_),
        crowd=np.array([item.crowd for item, _ in kept], dtype=np.bool_),
        area=area,
        key=image.key,
        annotation=image.annotate(numbers) if image.annotate is not None else None,
    )


class _Faults:
    """Errors: the first one ends the run, or each is noted.

    Attributes:
        noted: what was wrong, in the order in which it was found.
    """

    def __init__(self, skip_bad: bool) -> None:
        self._skip_bad = skip_bad
        self.noted: list[UserError] = []

    def add(self, fault: Fault) -> None:
        """Raise the error that `fault` is, or note it; nothing else is of interest."""
        if fault.code in _OF_ALL:
            raise fault.error(SKIP_HINT)
        if fault.severity == "error":
            self.drop(fault.error(SKIP_HINT))

    def drop(self, error: UserError) -> None:
        """Raise `error`, or note that what it is about is dropped."""
        if not self._skip_bad:
            raise with_skip_hint(error) from error
        self.noted.append(error)
