"""Which images are trained on and which are scored, also where the dataset does not say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256

from yolo_cli.data.dataset import DatasetFolder
from yolo_cli.data.sample import Dataset, Sample

VALIDATION_SHARE = 0.2
"""Part of the images that validates where a dataset has no split for it."""


@dataclass(frozen=True, eq=False)
class TrainingSplits:
    """The two datasets of a training run.

    Attributes:
        train: images to train on.
        val: images to validate on.
        note: one line for a person that says where the two come from.
    """

    train: Dataset
    val: Dataset
    note: str


def training_splits(
    folder: DatasetFolder, *, train: str | None, val: str | None, seed: int
) -> TrainingSplits:
    """Chooses what to train and to validate on.

    Without names given these are ``train`` (else ``trainval``, where a ``test`` remains to
    validate on) and ``val`` (else ``test``). What has no split to validate on is divided 80 to
    20, the same way for the same seed and images, in whatever order they are found.

    Args:
        folder: the dataset.
        train: name of the split to train on; None to choose.
        val: name of the split to validate on; None to choose.
        seed: of the division.

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
    parts = _divide(whole, seed)
    note = f"{reason}: {_images(parts[0])} to train, {len(parts[1])} to validate (seed {seed})"
    if len(whole) == 1:
        note = f"{reason}: its only image is both trained and validated on"
    return TrainingSplits(*parts, note)


def evaluation_split(folder: DatasetFolder, split: str | None) -> Dataset:
    """The images to score on: `split`, else ``val``, else ``test``, else all.

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


def _divide(whole: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """80 to 20 by a hash of seed and id: independent of order and of any generator's history.

    What was skipped is told by the first part alone, so that nobody counts it twice.
    """
    rest = replace(whole, faults=())
    if len(whole) == 1:
        return _part(whole, "train", whole.samples), _part(rest, "val", whole.samples)
    ranked = sorted(whole.samples, key=lambda sample: _rank(sample, seed))
    count = min(max(round(len(whole) * VALIDATION_SHARE), 1), len(whole) - 1)
    scored = {sample.id for sample in ranked[:count]}
    return (
        _part(whole, "train", [one for one in whole.samples if one.id not in scored]),
        _part(rest, "val", [one for one in whole.samples if one.id in scored]),
    )


def _rank(sample: Sample, seed: int) -> tuple[bytes, str]:
    return sha256(f"{seed}/{sample.id}".encode(errors="surrogatepass")).digest(), sample.id


def _part(whole: Dataset, split: str, samples: Iterable[Sample]) -> Dataset:
    return replace(whole, split=split, samples=tuple(sorted(samples, key=lambda one: one.id)))
