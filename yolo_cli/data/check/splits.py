"""Pictures that are in two splits, or twice in the dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np

from yolo_cli.data.check.duplicates import (
    identical,
    identical_flat,
    near_duplicates,
    nearest,
    same_pixels,
)
from yolo_cli.data.check.finding import Finding, finding
from yolo_cli.data.check.pixels import UInt8
from yolo_cli.data.check.survey import split_order
from yolo_cli.data.formats.scan import LabelledImage, Spot
from yolo_cli.data.images import ImageFacts

_SPLITS = frozenset({"train", "trainval", "val", "test"})
_DECODED = 8  # grey levels: JPEG thumbnails are decoded small, PNG ones are not
_LOOKED_AT = 100  # earlier pictures of a group that the nearest one is sought among


def check_overlap(images: Iterable[LabelledImage]) -> Iterator[Finding]:
    """Find images that are listed for two splits which must not share any."""
    for image in images:
        splits = sorted(image.splits, key=split_order)
        for i, split in enumerate(splits):
            other = next((one for one in splits[:i] if _apart(one, split)), None)
            if other is not None:
                message = f"{image.id} is in {other} as well"
                yield finding("split-overlap", image.splits[split], message)
                break


def group_duplicates(
    images: Sequence[LabelledImage], facts: Sequence[ImageFacts]
) -> list[list[int]]:
    """Group the images that show the same or nearly the same."""
    if not images:
        return []
    thumbnails = _thumbnails(facts)
    return near_duplicates(thumbnails) + identical_flat([one.path for one in images], thumbnails)


def check_duplicates(
    images: Sequence[LabelledImage], facts: Sequence[ImageFacts], groups: list[list[int]]
) -> Iterator[Finding]:
    """Find which earlier image each one of a group repeats.

    Args:
        images: all of them.
        facts: of each.
        groups: indices of images that show nearly the same.
    """
    for group in groups:
        ordered = sorted(group, key=lambda i: (_rank(images[i].splits), str(images[i].path)))
        for place in range(1, len(ordered)):
            index, earlier = ordered[place], ordered[:place]
            across = [k for k in earlier if _leaks(images[k].splits, images[index].splits)]
            among = (across or earlier)[-_LOOKED_AT:]
            near, mirrored = nearest(facts[index].thumbnail, _thumbnails([facts[k] for k in among]))
            other = among[near]
            bytes_too = identical(images[index].path, images[other].path)
            same = bytes_too or (not mirrored and _same_pixels(images, facts, index, other))
            how = "identical to" if same else "nearly the same picture as"
            if mirrored and not same:
                how = "nearly the mirror image of"
            yield _repeated(images[index], images[other], how, leak=bool(across), same=bytes_too)


def _same_pixels(
    images: Sequence[LabelledImage], facts: Sequence[ImageFacts], one: int, other: int
) -> bool:
    """Whether two copies of the same size have the same pixels."""
    if facts[one].header.upright != facts[other].header.upright:
        return False
    thumbnails = _thumbnails([facts[one], facts[other]]).astype(np.int16)
    if np.abs(thumbnails[0] - thumbnails[1]).max() > _DECODED:
        return False
    return same_pixels(images[one].path, images[other].path)


def _repeated(
    image: LabelledImage, other: LabelledImage, how: str, *, leak: bool, same: bool
) -> Finding:
    """The finding of a copy; it is grave where the files have the same bytes."""
    message = f"{how} {other.path}"
    if leak:
        splits = (_said(one.splits) for one in (other, image))
        message += " ({} and {})".format(*splits)
        return finding("leak", Spot(image.path), message, severity="error" if same else "warning")
    if same and _names(image) != _names(other):
        message += ", but with other labels"
    return finding("duplicate", Spot(image.path), message, severity="warning" if same else "info")


def _said(splits: Collection[str]) -> str:
    """The splits without trainval, which says less than train or val."""
    narrow = {*splits} - {"trainval"}
    return ", ".join(sorted(narrow or splits, key=split_order))


def _names(image: LabelledImage) -> list[str]:
    return sorted(one.name for one in image.objects)


def _thumbnails(facts: Sequence[ImageFacts]) -> UInt8:
    return np.stack([one.thumbnail for one in facts])


def _rank(splits: Collection[str]) -> int:
    return min((split_order(split)[0] for split in splits), default=10)


def _leaks(splits: Collection[str], others: Collection[str]) -> bool:
    """Whether two images are in splits that must not share any, and in none together."""
    if {*splits} & {*others} - {"trainval"}:
        return False
    return any(_apart(one, other) for one in splits for other in others)


def _apart(one: str, other: str) -> bool:
    """Whether two splits must not share images: trainval is made of train and val."""
    if one == other or not {one, other} <= _SPLITS:
        return False
    return "trainval" not in {one, other} or "test" in {one, other}
