"""Which images are trained on and which are scored, also where the dataset does not say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from yolo_cli.data.check.division import GroupTooLargeError, divide_images
from yolo_cli.data.check.duplicates import identical_flat, near_duplicates
from yolo_cli.data.check.pictures import Seen, inspect_all
from yolo_cli.data.check.pixels import UInt8
from yolo_cli.data.check.together import Together, divided_video, kept_together, said_together
from yolo_cli.data.dataset import DatasetFolder
from yolo_cli.data.images import ImageFacts
from yolo_cli.data.sample import Dataset, Sample

VALIDATION_SHARE = 0.2
"""Part of the images that validates where a dataset has no split for it."""

Look: TypeAlias = Callable[[Sequence[Path]], Mapping[Path, Seen]]
"""Opens images, as :func:`inspect_all` does."""


@dataclass(frozen=True, eq=False)
class TrainingSplits:
    """The two datasets of a training run.

    Attributes:
        train: images to train on.
        val: images to validate on.
        note: one line for a person that says where the two come from.
        warnings: what is wrong with a division that had to be made, a line each.
        seen: what is known of the images that were opened to divide them.
    """

    train: Dataset
    val: Dataset
    note: str
    warnings: tuple[str, ...] = ()
    seen: Mapping[Path, Seen] = field(default_factory=dict, repr=False)


def _open_all(paths: Sequence[Path]) -> Mapping[Path, Seen]:
    return inspect_all(paths, lambda _count: None)


def training_splits(
    folder: DatasetFolder,
    *,
    train: str | None,
    val: str | None,
    seed: int,
    begun: Sequence[str] = (),
    look: Look = _open_all,
) -> TrainingSplits:
    """Choose what to train and to validate on.

    Without names given these are ``train`` (else ``trainval``, where a ``test`` remains to
    validate on) and ``val`` (else ``test``). What has no split to validate on is divided 80 to
    20 as ``yolo check --split`` does it, classes alike and copies of a picture together: the
    same way for the same seed and images, in whatever order they are found.

    Args:
        folder: the dataset.
        train: name of the split to train on; None to choose.
        val: name of the split to validate on; None to choose.
        seed: of the division.
        begun: ids of the images that a run to be resumed validates on: divided as they were.
        look: opens the images of a dataset that has to be divided.

    Returns:
        Both datasets, and the line that says how they came about.

    Raises:
        UserError: as :meth:`DatasetFolder.load`.
    """
    train, val = _choose(folder.splits, train, val)
    if train is not None and val is not None:
        parts = folder.load(train), folder.load(val)
        note = (
            f"{_images(parts[0])} to train ({parts[0].split}), "
            f"{len(parts[1])} to validate ({parts[1].split})"
        )
        if parts[1].split == "test" and "val" not in folder.splits:
            note += "; there is no val split"
        return TrainingSplits(*parts, note)
    whole = folder.load(train)
    reason = _reason(folder, train)
    if val is not None:  # asked for, but nothing named to train on: all that is not in it
        scored = folder.load(val)
        taken = {sample.id for sample in scored.samples}
        rest = [sample for sample in whole.samples if sample.id not in taken]
        part = _part(whole, "train", rest or whole.samples)
        note = f"{reason}: {_images(part)} to train, {len(scored)} to validate ({scored.split})"
        return TrainingSplits(part, scored, note)
    if len(whole) == 1:
        note = f"{reason}: its only image is both trained and validated on"
        parts = _part(whole, "train", whole.samples), _part(whole, "val", whole.samples)
        return TrainingSplits(parts[0], replace(parts[1], faults=()), note)
    found = _settled(whole, begun) or _divided(whole, seed, look)
    note = f"{reason}: {_images(found.train)} to train, {len(found.val)} to validate (seed {seed})"
    return replace(found, note="; ".join(filter(None, (note, found.note))))


def evaluation_split(folder: DatasetFolder, split: str | None) -> Dataset:
    """Load the images to score on: `split`, else ``val``, else ``test``, else all.

    Raises:
        UserError: as :meth:`DatasetFolder.load`.
    """
    if split is None:
        split = next((name for name in ("val", "test") if name in folder.splits), None)
    return folder.load(split)


def _choose(
    splits: tuple[str, ...], train: str | None, val: str | None
) -> tuple[str | None, str | None]:
    if val is None:
        val = next((name for name in ("val", "test") if name in splits and name != train), None)
        if val is not None and train is None and not {"train", "trainval"} & {*splits}:
            val = None  # nothing but what we would validate on: divide it
    if train is None:
        names = ("train", "trainval") if val != "val" else ("train",)
        train = next((name for name in names if name in splits and name != val), None)
    return train, val


def _reason(folder: DatasetFolder, train: str | None) -> str:
    if not folder.splits:
        return "no splits in the dataset"
    if train is not None:
        return f"no split to validate on beside {train}"
    return f"no train split in the dataset (it has {', '.join(folder.splits)})"


def _images(data: Dataset) -> str:
    return f"{len(data)} image{'' if len(data) == 1 else 's'}"


def _settled(whole: Dataset, begun: Sequence[str]) -> TrainingSplits | None:
    """The division that a run began with; None where there is none, or nothing is left of it."""
    scored = {*begun}
    val = [sample for sample in whole.samples if sample.id in scored]
    if not val or len(val) == len(whole):
        return None
    return _splits(whole, val)


def _divided(whole: Dataset, seed: int, look: Look) -> TrainingSplits:
    """80 to 20. Copies are kept together unless that leaves too little to train or score on.

    The result's note says what was kept together.
    """
    samples = sorted(whole.samples, key=lambda sample: sample.id)
    paths = [sample.image for sample in samples]
    seen = look(list(dict.fromkeys(paths)))
    facts = [seen[path] for path in paths]
    thumbnails = {i: one.thumbnail for i, one in enumerate(facts) if isinstance(one, ImageFacts)}
    together = kept_together(paths, _same_pictures(paths, thumbnails))
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE)
    note, warnings = said_together(together), []
    try:
        parts = divide_images(samples, len(whole.classes), together, shares, seed)
    except GroupTooLargeError as error:
        note = ""
        warnings.append(_apart(paths, error.group))
        parts = divide_images(samples, len(whole.classes), (), shares, seed)
    frames = divided_video(paths, thumbnails, parts)
    if frames is not None and not warnings:
        first, second = (paths[index] for index in frames)
        warnings.append(
            f"{first}: frames of one video, such as this and {second.name}, are in both splits: "
            "scores will be too high; divide by video instead"
        )
    found = _splits(whole, [samples[index] for index in parts[1]])
    return replace(found, note=note, warnings=tuple(warnings), seen=seen)


def _same_pictures(paths: Sequence[Path], thumbnails: Mapping[int, UInt8]) -> list[list[int]]:
    indices = [*thumbnails]
    if not indices:
        return []
    stacked = np.stack([*thumbnails.values()])
    flat = identical_flat([paths[index] for index in indices], stacked)
    return [[indices[row] for row in group] for group in near_duplicates(stacked) + flat]


def _apart(paths: Sequence[Path], group: Together) -> str:
    first, second = (paths[index] for index in group.members[:2])
    return (
        f"{first}: belongs together with {second.name} and others ({group.why}), "
        f"{len(group.members)} of {len(paths)} images: too many to be kept in one split, so scores "
        "will be too high"
    )


def _splits(whole: Dataset, val: Iterable[Sample]) -> TrainingSplits:
    """The first part alone has what was skipped, so that nobody counts it twice."""
    scored = {sample.id: sample for sample in val}
    rest = [sample for sample in whole.samples if sample.id not in scored]
    scoring = _part(replace(whole, faults=()), "val", scored.values())
    return TrainingSplits(_part(whole, "train", rest), scoring, "")


def _part(whole: Dataset, split: str, samples: Iterable[Sample]) -> Dataset:
    return replace(whole, split=split, samples=tuple(sorted(samples, key=lambda one: one.id)))
