"""The real images that an export is compared on and, in eight bits, calibrated with."""

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
from yolo_cli.inference.sources import expand_sources

COMPARED = 50  # images

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Pictures:
    """Image files, and their labels where there are any.

    Attributes:
        paths: the files.
        dataset: what they belong to, if they are labelled.
    """

    paths: tuple[Path, ...]
    dataset: Dataset | None = None

    def inputs(self, size: int, count: int) -> list[Tensor]:
        """Up to ``count`` of them, evenly spread, as the network takes them.

        Args:
            size: pixels along each side of the network's input.
            count: at most so many.

        Returns:
            ``[3, size, size]`` uint8 each.

        Raises:
            UserError: one cannot be read.
        """
        return [stretch(read_image(path), size) for path in spread(self.paths, count)]


def spread(items: Sequence[T], count: int) -> list[T]:
    """Up to ``count`` items, evenly spread over all."""
    if len(items) <= count:
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]


def pictures(data: Path | None, split: str | None = None) -> Pictures:
    """Pictures in a folder: a dataset's, or any folder's; None for the photographs of samples/.

    Args:
        data: a dataset folder or a folder of images.
        split: of the dataset; None for val, else test, else all.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    if data is None:
        data = _samples()
    try:
        dataset = evaluation_split(open_dataset(data), split)
    except UserError as error:
        if split is not None or not data.is_dir():
            raise
        try:
            return Pictures(tuple(expand_sources([str(data)], recursive=True)))
        except UserError:
            raise error from None
    return Pictures(tuple(sample.image for sample in dataset.samples), dataset)


def _samples() -> Path:
    """The photographs of a checkout, or of an installation that has them."""
    package = Path(__file__).parents[1]
    for folder in (package / "samples", package.parent / "samples"):
        if (folder / "JPEGImages").is_dir():
            return folder
    raise UserError(
        "an export is compared with torch on real images, and this installation carries none",
        "name a folder of images with --images",
        ExitCode.USAGE,
    )
