"""The real images that exports are compared and calibrated on, and that are used to measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.images import read_image
from yolo_cli.data.sample import Dataset
from yolo_cli.data.splits import evaluation_split
from yolo_cli.data.transforms import stretch
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.inputs import expand_inputs
from yolo_cli.inference.samples import samples_folder

COMPARED = 50  # images

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Pictures:
    """Image files, with their labels where there are any.

    Attributes:
        paths: the files.
        dataset: the dataset that they belong to; None without labels.
    """

    paths: tuple[Path, ...]
    dataset: Dataset | None = None

    def inputs(self, size: int, count: int) -> list[Tensor]:
        """Read up to ``count`` of them, evenly spread, as the network takes them.

        Args:
            size: pixels along each side of the network's input.
            count: most images to read.

        Returns:
            ``[3, size, size]`` uint8 each.

        Raises:
            UserError: one cannot be read.
        """
        return [stretch(read_image(path), size) for path in spread(self.paths, count)]


def spread(items: Sequence[T], count: int) -> list[T]:
    """Return up to ``count`` items, evenly spread over all."""
    if len(items) <= count:
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]


def pictures(data: Path | None, split: str | None = None, *, option: str = "--images") -> Pictures:
    """Find the images of a dataset or of any folder.

    Args:
        data: a dataset folder or a folder of images; None for the photographs of ``samples/``.
        split: of the dataset; None for val, else test, else all.
        option: that names other images.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    if data is None:
        data = _samples(option)
    try:
        dataset = evaluation_split(open_dataset(data), split)
    except UserError as error:
        if split is not None or not data.is_dir():
            raise
        try:
            return Pictures(tuple(expand_inputs([str(data)], recursive=True)))
        except UserError:
            raise error from None
    return Pictures(tuple(sample.image for sample in dataset.samples), dataset)


def _samples(option: str) -> Path:
    """Return the photographs of the installed package, or of the checkout."""
    folder = samples_folder()
    if folder is None:
        raise UserError(
            "this installation carries no sample photographs",
            f"name a folder of images with {option}",
            ExitCode.USAGE,
        )
    return folder
