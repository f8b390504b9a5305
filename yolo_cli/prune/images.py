"""The images that a network is pruned with; nothing is asked of their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from yolo_cli.data.dataset import open_dataset, refuse_inside
from yolo_cli.data.images import read_image
from yolo_cli.data.transforms import stretch
from yolo_cli.errors import UserError
from yolo_cli.inference.inputs import expand_inputs
from yolo_cli.prune.goal import LEAST_IMAGES


@dataclass(frozen=True, eq=False)
class Found:
    """The images of a dataset, or of any folder.

    Attributes:
        paths: the files.
        folders: what must not be written into.
        split: that they are of; empty where there is none.
    """

    paths: tuple[Path, ...]
    folders: tuple[Path, ...]
    split: str = ""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Images that were read.

    Attributes:
        pixels: ``[3, S, S]`` uint8 each.
        unreadable: a line for each file that was passed over.
    """

    pixels: list[Tensor]
    unreadable: list[str]


def find_images(data: Path, split: str | None = None, format: str | None = None) -> Found:  # noqa: A002
    """Find the images of a dataset in any layout, or of a plain folder.

    Args:
        data: the folder, or the file that describes a dataset.
        split: of the dataset; None for train, else trainval, else all.
        format: of the dataset; None to find out.

    Raises:
        UserError: there is no such folder or split, or no image in it.
    """
    try:
        folder = open_dataset(data, format=format, skip_bad=True)
        if split is None:
            split = next((name for name in ("train", "trainval") if name in folder.splits), None)
        dataset = folder.load(split)
    except UserError:
        if split is not None or format is not None or not data.is_dir():
            raise
        return Found(tuple(expand_inputs([str(data)], recursive=True)), (data,))
    paths = tuple(sample.image for sample in dataset.samples)
    folders = (data,) if data.is_dir() else tuple({path.parent for path in paths})
    return Found(paths, folders, "" if split is None else dataset.split)


def check_outside(out: Path, folders: Iterable[Path]) -> None:
    """Refuse to write into the folders that images are read from.

    Raises:
        UserError: the file lies in one of them.
    """
    try:
        refuse_inside(folders, out, "--out")
    except UserError as error:
        raise error.with_hint("name a file elsewhere") from error


def draw(
    paths: tuple[Path, ...],
    count: int,
    size: int,
    seed: int,
    progress: Callable[[], object] = lambda: None,
) -> Drawn:
    """Read some images by chance, passing over those that cannot be read.

    Args:
        paths: to choose from.
        count: how many; all where there are fewer.
        size: pixels along each side of the network's input.
        seed: of the choice.
        progress: called after each image.

    Raises:
        UserError: fewer than :data:`.goal.LEAST_IMAGES` can be read.
    """
    drawn = Drawn([], [])
    for index in np.random.default_rng(seed).permutation(len(paths)):
        if len(drawn.pixels) == count:
            break
        try:
            drawn.pixels.append(stretch(read_image(paths[index]), size))
            progress()
        except UserError as error:
            drawn.unreadable.append(error.message)
    if len(drawn.pixels) < LEAST_IMAGES:
        unread = drawn.unreadable
        raise UserError(
            f"{len(drawn.pixels)} of {len(paths)} images can be read, {LEAST_IMAGES} are needed",
            unread[0] if unread else "name a folder with more of them; labels are not needed",
        )
    return drawn
