"""What goes through the pipeline: pictures from files, addresses and memory."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image
from torch import Tensor

from yolo_cli.data.reduced import Reduced, read_drawable, read_reduced
from yolo_cli.data.transforms import stretch
from yolo_cli.errors import UserError
from yolo_cli.inference.web import fetch
from yolo_cli.tasks.result import Origin

KEPT_PIXELS = 2_500_000
"""Larger pictures are read again when they are drawn: many of them wait for the network."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A picture for the network.

    Attributes:
        input: ``[3, S, S]`` uint8 RGB.
        size: width and height of the whole upright picture in pixels.
        image: the whole picture, where it is kept.
    """

    input: Tensor
    size: tuple[int, int]
    image: Image.Image | None


class Item(Protocol):
    """A picture to run a network on."""

    @property
    def origin(self) -> Origin:
        """Where it is from."""

    def load(self, side: int, *, keep: bool) -> Loaded:
        """Read it.

        Args:
            side: S, pixels along each side of the network's input.
            keep: whether it will be drawn.

        Raises:
            UserError: it cannot be read.
        """


@dataclass(frozen=True)
class FileItem:
    """An image file."""

    origin: Origin

    @classmethod
    def of(cls, path: Path) -> FileItem:
        """Return a file under the name that the user gave it."""
        return cls(Origin(str(path), path))

    def load(self, side: int, *, keep: bool) -> Loaded:
        """Read it, see :class:`Item`."""
        assert self.origin.path is not None
        picture = read_reduced(self.origin.path, side, side)
        small = picture.size[0] * picture.size[1] <= KEPT_PIXELS
        kept = picture.image if keep and small and picture.whole else None
        return Loaded(network_input(picture, side), picture.size, kept)


@dataclass(frozen=True, eq=False)
class PictureItem:
    """A picture in memory: upright, in mode ``RGB``."""

    origin: Origin
    image: Image.Image

    def load(self, side: int, *, keep: bool) -> Loaded:
        """Read it, see :class:`Item`."""
        return Loaded(stretch(self.image, side), self.image.size, self.image if keep else None)


@dataclass(frozen=True)
class WebItem:
    """A picture at an ``http(s)`` address."""

    origin: Origin

    def load(self, side: int, *, keep: bool) -> Loaded:
        """Read it, see :class:`Item`."""
        address = self.origin.name
        with tempfile.TemporaryDirectory(prefix="yolo-cli-") as folder:
            path = fetch(address, Path(folder))
            try:
                picture = read_reduced(path, side, side)
                image = read_drawable(path).image if keep else None
            except UserError as error:  # the address is what the user knows
                message = error.message.replace(str(path), address)
                raise UserError(message, error.hint, error.code) from error
        return Loaded(network_input(picture, side), picture.size, image)


def network_input(picture: Reduced, side: int) -> Tensor:
    """Return the whole picture stretched to a square: ``[3, S, S]`` uint8."""
    if picture.box == (0, 0, *picture.image.size):
        return stretch(picture.image, side)
    return stretch(picture.stretched(side, side), side)
