"""The dataset to be converted: which splits it has, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from yolo_cli.data.check.survey import split_order
from yolo_cli.data.convert.target import Target
from yolo_cli.data.dataset import DatasetFolder
from yolo_cli.data.formats.common import canonical_split
from yolo_cli.data.formats.scan import Fault, LabelledImage
from yolo_cli.data.sample import Dataset
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted


def read_splits(
    folder: DatasetFolder, split: str | None, target: Target
) -> tuple[dict[str, Dataset], list[str]]:
    """Load all that is to be converted.

    Args:
        folder: the dataset.
        split: the only one wanted; None for all.
        target: what is written.

    Returns:
        The splits by their names in the new dataset, "" where it has none; and what is left out,
        a line for each reason.

    Raises:
        UserError: as :meth:`DatasetFolder.load`, or the format cannot have such a split.
    """
    if split is not None:
        data = folder.load(split)
        name = data.split if _fits(data.split, target) else ""
        return {name: data}, _left_out(folder, {data.split: data})
    if not folder.splits:
        whole = {"": folder.load(None)}
        return whole, _left_out(folder, whole)
    splits, notes = _load_all(folder)
    notes += _left_out(folder, splits)
    notes += _unlisted(folder, splits)
    if not target.shared:
        notes += _drop_contained(splits, target)
    odd = [name for name in splits if not _fits(name, target)]
    if len(odd) == len(splits):
        raise UserError(
            f"{target.title} cannot have a split that is called {odd[0]!r}",
            f"convert one split, which becomes a dataset of its own: --split {odd[0]}",
            ExitCode.USAGE,
            path=folder.root,
        )
    for name in odd:
        del splits[name]
        what = f"{name} is left out: {target.title} cannot have a split of this name"
        notes.append(f"{what}; --split {name} converts it alone")
    return splits, notes


def _fits(split: str, target: Target) -> bool:
    return not split.startswith(".") and not {*split} & {*"/\\"} and target.split(split)


def _load_all(folder: DatasetFolder) -> tuple[dict[str, Dataset], list[str]]:
    """All splits; with --skip-bad those alone of which anything is left."""
    loaded = {name: _load(folder, name) for name in sorted(folder.splits, key=split_order)}
    splits = {name: one for name, one in loaded.items() if isinstance(one, Dataset)}
    errors = {name: one for name, one in loaded.items() if isinstance(one, UserError)}
    if not splits:
        raise next(iter(errors.values()))
    return splits, [f"{name} is left out: {error.message}" for name, error in errors.items()]


def _load(folder: DatasetFolder, split: str) -> Dataset | UserError:
    try:
        return folder.load(split)
    except UserError as error:
        if folder.reading.skip_bad and error.code == ExitCode.BAD_INPUT:
            return error
        raise


def _drop_contained(splits: dict[str, Dataset], target: Target) -> Iterator[str]:
    """Drop splits that are made of others, so that no image is in the new dataset twice.

    VOC's trainval is train and val.
    """
    paths = {name: {one.image for one in data.samples} for name, data in splits.items()}
    doubtful = [name for name in splits if name == "trainval" or not _fits(name, target)]
    for name in doubtful:
        others = {other for other in splits if other != name and paths[other] & paths[name]}
        if others and paths[name] <= set().union(*(paths[other] for other in others)):
            del splits[name]
            yield f"{name} is left out: its images are all in {' and '.join(sorted(others))}"


def _left_out(folder: DatasetFolder, splits: Mapping[str, Dataset]) -> list[str]:
    """What loading passes over without an error, and what --skip-bad dropped."""
    unlabelled: dict[Path, None] = {}
    homeless: dict[Fault, None] = {}
    for item in _scan(folder, [*splits]):
        if isinstance(item, Fault):
            if item.code == "no-image" and item.severity != "error":
                homeless[item] = None
        elif not item.usable and not any(one.severity == "error" for one in item.faults):
            unlabelled[item.path] = None
    notes: list[str] = []
    if unlabelled:
        notes.append(_first(len(unlabelled), "image without a label", next(iter(unlabelled))))
    if homeless:
        first = next(iter(homeless)).error("")
        notes.append(_first(len(homeless), "label without its image", first.message))
    dropped = [*dict.fromkeys(line for data in splits.values() for line in data.skipped)]
    if dropped:
        notes.append(_first(len(dropped), "bad label or image", dropped[0]))
    return notes


def _first(count: int, what: str, first: object) -> str:
    kind, _, rest = what.partition(" ")
    return f"left out: {counted(count, kind)} {rest} ({first}{', for one' if count > 1 else ''})"


def _scan(folder: DatasetFolder, splits: Sequence[str]) -> Iterator[LabelledImage | Fault]:
    """Scan some splits again, by the names that we use; "" is everything."""
    if splits == [""]:
        yield from folder.reader.scan(None)
    for own in folder.reader.splits:
        if own in splits or canonical_split(own) in splits:
            yield from folder.reader.scan(own)


def _unlisted(folder: DatasetFolder, splits: Mapping[str, Dataset]) -> Iterator[str]:
    """Images with labels that are in no split."""
    listed: set[Path] = {item.path for item in _images(_scan(folder, [*splits]))}
    every = (item for item in _images(folder.reader.scan(None)) if item.usable)
    others = [item.path for item in every if item.path not in listed]
    if others:
        yield f"left out: {counted(len(others), 'image')} in no split ({others[0]})"


def _images(found: Iterator[LabelledImage | Fault]) -> Iterator[LabelledImage]:
    return (item for item in found if isinstance(item, LabelledImage))
