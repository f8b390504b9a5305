"""The images of a run: its two splits, and what about them may be a mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from yolo_cli.data.check.pictures import Seen, inspect_all
from yolo_cli.data.check.preflight import images_of, preflight
from yolo_cli.data.dataset import open_dataset, refuse_inside
from yolo_cli.data.formats.notes import notes_of
from yolo_cli.data.sample import Dataset
from yolo_cli.data.splits import TrainingSplits, training_splits
from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import UserError
from yolo_cli.files import check_folder
from yolo_cli.tasks.task import Task, task_named
from yolo_cli.text import counted, listed
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.record import label_digest
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.run.config import RunConfig
from yolo_cli.training.run.folder import RunFolder


def read_splits(
    options: TrainOptions,
    task: TaskName | None,
    seed: int,
    reporter: Reporter,
    *,
    begun: RunConfig | None,
) -> TrainingSplits:
    """Read the images to train and to validate on.

    Args:
        options: the dataset and its splits.
        task: that they are for; None for what they are labelled for.
        seed: divides a dataset without splits.
        reporter: where what may be a mistake is pointed out.
        begun: of a run that is resumed: its images are divided as they were. None for a new run:
            every image is opened now, rather than a damaged one found in the middle of an epoch.

    Raises:
        UserError: if the dataset cannot be read, or there is nothing to train on.
    """
    folder = open_dataset(
        options.data,
        format=options.format,
        skip_bad=options.skip_bad,
        class_attribute=options.class_attribute,
        task=task,
    )
    for fault in notes_of(folder.reader):
        reporter.note(f"note      {fault.spot.path}: {fault.what}")
    splits = training_splits(
        folder,
        train=options.train_split,
        val=options.val_split,
        seed=seed,
        begun=begun.val.images if begun is not None else (),
        look=lambda paths: _open_all(paths, reporter),
    )
    reporter.note(f"data      {options.data} ({splits.train.format}): {splits.note}")
    if folder.note:
        reporter.note(f"note      {folder.note}")
    for line in (*splits.train.skipped, *splits.val.skipped):
        reporter.note(f"skipped   {line}")
    if begun is None:
        for line in splits.warnings:
            reporter.note(f"warning   {line}")
        _look(splits, options, reporter)
    trained = task_named(splits.train.task)
    _check_classes(splits.train, trained, options.data)
    _point_out(splits, trained, reporter)
    return replace(splits, seen={})  # thumbnails that nobody needs while it trains


def _open_all(paths: Sequence[Path], reporter: Reporter) -> Mapping[Path, Seen]:
    if not paths:
        return {}
    reporter.begin("looking at the images", len(paths))
    seen = inspect_all(paths, reporter.advance)
    reporter.end()
    return seen


def _look(splits: TrainingSplits, options: TrainOptions, reporter: Reporter) -> None:
    """Open all images, and say what ``yolo check`` calls an error of the two splits."""
    train, val = splits.train, splits.val
    seen = splits.seen
    if not options.skip_bad:
        seen = {**seen, **_open_all([p for p in images_of(train, val) if p not in seen], reporter)}
    findings = preflight(train, val, decode=False, seen=seen)
    for one in findings:
        reporter.note(f"warning   {one.spot.path}: {one.message}; {one.remedy}")


def _check_classes(train: Dataset, task: Task, data: Path) -> None:
    """Check that there is something to learn."""
    found = [name for name, n in zip(train.classes, task.counts(train), strict=True) if n]
    images = f"{counted(len(train), 'image')} ({train.split})"
    if not found:
        raise UserError(
            f"{data}: no {task.unit}s to train on in {images}",
            "label some, or name another split with --split",
        )
    if len(found) < task.least_classes:
        unlabelled = "; 255 in a mask means: not labelled" if task.unit == "pixel" else ""
        raise UserError(
            f"{data}: every labelled {task.unit} in {images} is of class {found[0]!r}: there is "
            "nothing to tell it from",
            f"label {task.unit}s of another class{unlabelled}",
        )


def _point_out(splits: TrainingSplits, task: Task, reporter: Reporter) -> None:
    """Name what may be intended, and may be a mistake."""
    train = splits.train
    empty = sum(not sample.is_labelled for sample in train.samples)
    if empty:
        reporter.note(
            f"note      {empty} of {counted(len(train), 'training image')} "
            f"without an {task.unit}: taken as background"
        )
    idle = [name for name, n in zip(train.classes, task.counts(train), strict=True) if not n]
    if idle:
        reporter.note(f"note      no {task.unit} to train on: {listed(idle)}")
    if not task.counts(splits.val).any():
        reporter.note(
            f"note      no {task.unit} in the validation images: their {task.score_label} stays 0"
        )


def check_unchanged(
    options: TrainOptions, run: RunFolder, config: RunConfig, splits: TrainingSplits
) -> None:
    """Check that the images and labels are those that a run began with.

    Raises:
        UserError: if they are not.
    """
    for part, dataset, begun in (
        ("train", splits.train, config.train),
        ("validate", splits.val, config.val),
    ):
        same = [sample.id for sample in dataset.samples] == begun.images
        if not same or begun.digest not in ("", label_digest(dataset)):
            what = "labels of the images" if same else "images"
            raise UserError(
                f"{options.data}: the {what} to {part} are not those that {run.path} began with",
                f"put the dataset back as it was, or start a new run{run.onwards()}",
            )


def stay_outside(options: TrainOptions, splits: TrainingSplits, run: RunFolder) -> None:
    """Refuse to write into the dataset, whose next reader would find our pictures in it.

    Raises:
        UserError: if the run folder or the cache would lie in it.
    """
    folders = {options.data}
    if not options.data.is_dir():  # a file may describe a dataset that lies elsewhere
        samples = (*splits.train.samples, *splits.val.samples)
        folders = {sample.image.parent for sample in samples}
    refuse_inside(folders, run.path, "--out")
    if options.cache_dir is not None:
        refuse_inside(folders, options.cache_dir, "--cache-dir")
        check_folder(options.cache_dir, "--cache-dir")
