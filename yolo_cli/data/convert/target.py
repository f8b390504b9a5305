"""What a converter writes: the contract between the conversion and the writer of a format."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from yolo_cli.data.formats.common import Key
from yolo_cli.data.formats.files import unreadable
from yolo_cli.data.images import image_header
from yolo_cli.data.sample import Sample
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import unwritable

Images: TypeAlias = Literal["copy", "link", "leave"]
"""What becomes of the images: copied, linked to, or left where they are."""


@dataclass(frozen=True)
class Placed:
    """An image with its file name in the new dataset, ``/`` between folders."""

    name: str
    sample: Sample


@dataclass(frozen=True)
class Part:
    """A split, called "" where the dataset has none; and its images."""

    split: str
    images: Sequence[Placed]


@dataclass(eq=False)
class Job:
    """One conversion, as the writer of a format sees it.

    Attributes:
        parts: the splits.
        classes: names, in the order of the samples' labels.
        category_ids: index of the class by COCO's id; empty where the source has no ids.
        out: the new folder.
        images: what becomes of the images.
        shared: the images of all splits are in one folder.
        step: called with the number of images done since the last call.
        notes: what a user should know, a line each.
        rotated: images that are turned by their metadata alone.
    """

    parts: Sequence[Part]
    classes: Sequence[str]
    category_ids: Mapping[Key, int]
    out: Path
    images: Images
    shared: bool
    step: Callable[[int], None]
    notes: list[str] = field(default_factory=list)
    rotated: int = 0

    def place(self, sample: Sample, name: str) -> None:
        """Copy an image, or link to it, under a name below the new folder.

        Raises:
            UserError: it cannot be read, or not be written there.
        """
        self.rotated += image_header(sample.image).orientation != 1
        path = self.out / name
        if self.images != "leave":
            path.parent.mkdir(parents=True, exist_ok=True)
        if self.images == "copy":
            _copy(sample.image, path)
        elif self.images == "link":
            _link(sample.image, path)
        self.step(1)

    def write(self, name: str, data: str | bytes) -> None:
        """Write a file below the new folder, which appears as a whole in the end."""
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


@dataclass(frozen=True)
class Target:
    """A format that can be written.

    Attributes:
        name: ``"voc"``, for instance.
        title: its name in a sentence.
        write: writes all of it.
        images: folder of the images of a split, given its name and whether splits share one.
        shared: whether all splits always share one folder of images.
        spaces: whether names of images may have spaces.
        difficult: whether it can say that an object is difficult.
        crowd: whether it can say that a box holds a crowd.
        split: whether it can have a split of this name.
    """

    name: str
    title: str
    write: Callable[[Job], None]
    images: Callable[[str, bool], str]
    shared: bool = False
    spaces: bool = True
    difficult: bool = False
    crowd: bool = False
    split: Callable[[str], bool] = lambda _name: True


def _copy(source: Path, path: Path) -> None:
    try:
        shutil.copyfile(source, path)
    except OSError as error:
        if error.filename == str(source):
            raise unreadable(source, error) from error
        raise unwritable(path, error) from error


def _link(source: Path, path: Path) -> None:
    try:
        path.symlink_to(source.resolve())
    except OSError as error:
        raise UserError(
            f"{path}: cannot link to {source}: {error.strerror or error}",
            "use --copy, or choose a folder on a file system that has links",
            ExitCode.FAILURE,
        ) from error
