"""From a folder to labelled images: finds the layout, the splits and the classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats import open_description, recognise
from yolo_cli.data.formats.common import Reader, canonical_split
from yolo_cli.data.formats.files import unreadable
from yolo_cli.data.sample import Dataset
from yolo_cli.errors import ExitCode, UserError


@dataclass(frozen=True, eq=False)
class DatasetFolder:
    """A dataset on disk. Reading is lazy: images are touched by :meth:`load` alone.

    Attributes:
        root: the folder that the user named.
        format: ``"voc"``, ``"yolo"``, ``"coco"`` or ``"text"``.
        reader: what knows the layout.
    """

    root: Path
    format: str
    reader: Reader = field(repr=False)

    @cached_property
    def _own_names(self) -> dict[str, str]:
        """The folder's own name of each split, by the name that we use."""
        own = self.reader.splits
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
            UserError: a label file that names classes is broken, or no label names any.
        """
        classes = self.reader.classes
        if not classes:
            raise UserError(
                f"{self.root}: no labels at all", "at least one object in it must be labelled"
            )
        return classes

    def load(self, split: str | None) -> Dataset:
        """Reads the labels and image sizes of a split.

        Args:
            split: one of :attr:`splits` or the folder's own name of it; None for all images.

        Returns:
            The samples.

        Raises:
            UserError: there is no such split; it is empty; or, unless bad ones are skipped, an
                image or a label is broken.
        """
        own = None if split is None else self._own_name(split)
        classes = self.classes
        try:
            samples, skipped = self.reader.load(own)
        except OSError as error:  # a folder without permission, for instance
            raise unreadable(Path(error.filename or self.root), error) from error
        if not samples:
            where = f"{self.root}" if split is None else f"{self.root}: split {split!r}"
            others = [name for name in self.splits if split not in (name, self._own_names[name])]
            hint = f"fill it, or name another split ({', '.join(others)})" if others else ""
            raise UserError(
                f"{where}: no images" + (f" left, {len(skipped)} were bad" if skipped else ""),
                skipped[0] if skipped else hint,
            )
        return Dataset(
            root=self.root,
            format=self.format,
            split="all" if split is None else self._name(split),
            classes=classes,
            samples=tuple(samples),
            skipped=tuple(skipped),
            category_ids=self.reader.category_ids,
        )

    def _own_name(self, split: str) -> str:
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
            raise UserError(f"{self.root}: no split {split!r}", "the dataset has no splits")
        raise UserError(
            f"{self.root}: no split {split!r}", f"its splits are: {', '.join(self.splits)}"
        )


def refuse_inside(dataset: Iterable[Path], folder: Path, option: str) -> None:
    """Refuses an output folder that is part of a dataset.

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
) -> DatasetFolder:
    """Recognises a dataset folder.

    Args:
        root: the folder, or the YAML file of a YOLO dataset.
        format: ``"voc"``, ``"yolo"``, ``"coco"`` or ``"text"``; None to find out.
        skip_bad: drop broken labels and images, and note them in :attr:`Dataset.skipped`.
        images: False to read the labels alone, with the image sizes that they state: enough
            for the scoring of detections that are already there. Images that exist are still
            asked for their size. Fractions of the image (YOLO's labels) need the images always.

    Returns:
        The dataset, nothing of it read yet but what its layout is recognised by.

    Raises:
        UserError: `root` is missing, not a folder, empty, or in no known layout.
    """
    try:
        if not root.exists():
            raise UserError(f"{root}: no such folder")
        if not root.is_dir():
            described = open_description(root, wanted=format, skip_bad=skip_bad, images=images)
            if described is None:
                raise UserError(f"{root}: a file, not a dataset folder", "name the folder it is in")
            return DatasetFolder(root.parent, *described)
        if next(root.iterdir(), None) is None:
            raise UserError(f"{root}: empty folder")
        name, reader = recognise(root, wanted=format, skip_bad=skip_bad, images=images)
    except OSError as error:
        raise unreadable(root, error) from error
    return DatasetFolder(root, name, reader)
