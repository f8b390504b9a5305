"""From a folder to labelled images: finds the layout, the splits and the classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats import FORMATS, open_description
from yolo_cli.data.formats.common import canonical_split, with_skip_hint
from yolo_cli.data.formats.files import unreadable
from yolo_cli.data.formats.loading import SKIP_HINT, load_samples
from yolo_cli.data.formats.recognise import recognise
from yolo_cli.data.formats.scan import Fault, LabelledImage, Reader, Reading
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.data.task_names import LEARNERS, TaskName
from yolo_cli.errors import ExitCode, UserError


@dataclass(frozen=True, eq=False)
class DatasetFolder:
    """A dataset on disk. Reading is lazy: images are touched by :meth:`load` alone.

    Attributes:
        root: the folder that the user named.
        format: a name in :data:`yolo_cli.data.formats.FORMATS`.
        reader: what knows the layout.
        reading: how it is read.
        note: one line about what was found beside it, for a person; "" if there is nothing.
    """

    root: Path
    format: str
    reader: Reader = field(repr=False)
    reading: Reading = field(repr=False)
    note: str = ""

    @property
    def task(self) -> TaskName:
        """What it is read for."""
        return FORMATS[self.format].task(self.reading)

    @cached_property
    def _own_names(self) -> dict[str, str]:
        """The folder's own name of each split, by the name that we use."""
        own = tuple(self.reader.splits)
        names: dict[str, str] = {}
        for name in sorted(own, key=lambda name: canonical_split(name) != name):
            canonical = canonical_split(name)
            names[canonical if canonical not in names else name] = name
        return {new: old for old in own for new in names if names[new] == old}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, ``valid`` and the like called ``val``; empty if there are none."""
        return tuple(self._own_names)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names.

        Raises:
            UserError: no label names any, be it because the first one is broken.
        """
        if not self.reader.classes:
            if not self.reading.skip_bad:
                for fault in self._errors():  # say why, rather than that there is nothing
                    raise with_skip_hint(fault.error(SKIP_HINT))
            raise self._no_labels()
        return self.reader.classes

    def _errors(self) -> Iterator[Fault]:
        for item in self.reader.scan(None):
            faults = item.faults if isinstance(item, LabelledImage) else (item,)
            yield from (fault for fault in faults if fault.severity == "error")

    def _no_labels(self) -> UserError:
        other = None if self.reading.sure else _other_task(self.root, self.reading)
        if other is not None and other.task != self.task:
            return _for_another(self.root, other, self.task)
        hint = "at least one object in it must be labelled"
        return UserError("no labels at all", hint, path=self.root)

    def load(self, split: str | None) -> Dataset:
        """Read the labels and image sizes of a split.

        Args:
            split: one of :attr:`splits` or the folder's own name of it; None for all images.

        Raises:
            UserError: there is no such split; it is empty; or, unless bad ones are skipped, an
                image or a label is broken.
        """
        own = None if split is None else self.own_name(split)
        try:
            samples, faults = load_samples(self.reader, own, self.reading)
            classes = self.classes
            if samples and not faults and not any(map(_is_labelled, samples)):
                self._need_labels()
        except OSError as error:  # a folder without permission, for instance
            raise unreadable(Path(error.filename or self.root), error) from error
        if not samples:
            raise self._empty(split, own, faults)
        return Dataset(
            root=self.root,
            format=self.format,
            split="all" if split is None else self._name(split),
            classes=classes,
            samples=tuple(samples),
            faults=tuple(faults),
            category_ids=self.reader.category_ids,
            task=self.task,
        )

    def _need_labels(self) -> None:
        """Tell a split of background from a dataset whose labels are not where they should be."""
        images = (one for one in self.reader.scan(None) if isinstance(one, LabelledImage))
        if not any(image.is_labelled for image in images):
            raise self._no_labels()

    def _empty(self, split: str | None, own: str | None, faults: list[UserError]) -> UserError:
        what = "no images" if split is None else f"split {split!r}: no images"
        others = [name for name in self.splits if split not in (name, self._own_names[name])]
        hint = f"fill it, or name another split ({', '.join(others)})" if others else ""
        if faults:
            what, hint = f"{what} left, {len(faults)} were bad", faults[0].message
        error = UserError(what, hint, path=self.root)
        if own is not None:
            error.path = self.reader.splits[own].path  # more to the point than the dataset
        return error

    def own_name(self, split: str) -> str:
        """Return the folder's own name of a split.

        Raises:
            UserError: there is no such split.
        """
        return self._own_names[self._name(split)]

    def _name(self, split: str) -> str:
        if split in self._own_names:
            return split
        for name, own in self._own_names.items():
            if split == own:
                return name
        if canonical_split(split) in self._own_names:
            return canonical_split(split)
        if not self.splits:
            raise UserError(f"no split {split!r}", "the dataset has no splits", path=self.root)
        raise UserError(
            f"no split {split!r}", f"its splits are: {', '.join(self.splits)}", path=self.root
        )


def _is_labelled(sample: Sample) -> bool:
    return sample.is_labelled


def refuse_inside(dataset: Iterable[Path], folder: Path, option: str) -> None:
    """Refuse an output folder that is part of a dataset.

    Args:
        dataset: its folders.
        folder: what is to be written into.
        option: that names it, for the message.

    Raises:
        UserError: with :attr:`ExitCode.USAGE`.
    """
    if {base.resolve() for base in dataset} & {folder.resolve(), *folder.resolve().parents}:
        raise UserError(
            f"{option} {folder}: inside the dataset, which is never written to",
            f"name a folder elsewhere by {option}",
            ExitCode.USAGE,
        )


def open_dataset(
    root: Path,
    *,
    format: str | None = None,  # noqa: A002
    skip_bad: bool = False,
    images: bool = True,
    class_attribute: str | None = None,
    task: TaskName | None = None,
) -> DatasetFolder:
    """Recognise a dataset folder.

    Args:
        root: the folder, or the YAML file of a YOLO dataset.
        format: a name in :data:`yolo_cli.data.formats.FORMATS`; None to find out.
        skip_bad: drop broken labels and images, and note them in :attr:`Dataset.skipped`.
        images: False to read the labels alone, with the image sizes that they state: enough
            for the scoring of detections that are already there. Images that exist are still
            asked for their size. Fractions of the image (YOLO's labels) need the images always.
        class_attribute: name of the attribute (VIA) or column (CSV) that names the class; None to
            find out.
        task: what it is to be read for; None to find out.

    Returns:
        The dataset, nothing of it read yet but what its layout is recognised by.

    Raises:
        UserError: `root` is missing, not a folder, empty, in no known layout, or for another task.
    """
    sure = format is not None
    reading = Reading(skip_bad, images, sure=sure, class_attribute=class_attribute, task=task)
    try:
        return _open(root, format, reading)
    except UserError as error:
        other = None if task is None or format is not None else _other_task(root, reading)
        if task is None or other is None or other.task == task:
            raise
        raise _for_another(root, other, task) from error


def _for_another(root: Path, other: DatasetFolder, task: TaskName) -> UserError:
    return UserError(
        f"a dataset to {other.task} ({other.format}), not to {task}",
        f"it needs {LEARNERS[other.task]}: yolo train {root} makes one",
        path=root,
    )


def _other_task(root: Path, reading: Reading) -> DatasetFolder | None:
    """What a folder is that holds nothing for the task that was asked for."""
    try:
        return _open(root, None, replace(reading, task=None))
    except UserError:
        return None


def _open(root: Path, format: str | None, reading: Reading) -> DatasetFolder:  # noqa: A002
    try:
        if not root.exists():
            raise UserError("no such folder", path=root)
        if not root.is_dir():
            described = open_description(root, format, reading)
            if described is None:
                hint = "name the folder it is in"
                raise UserError("a file, not a dataset folder", hint, path=root)
            return DatasetFolder(root.parent, *described, reading)
        if next(root.iterdir(), None) is None:
            raise UserError("empty folder", path=root)
        found = recognise(root, format, reading)
        return DatasetFolder(root, found.format, found.reader, reading, found.note)
    except OSError as error:
        raise unreadable(root, error) from error
