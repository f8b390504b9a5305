"""What comes out of a network for one picture, whatever the task, and what writes it to files."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image

from yolo_cli.data.reduced import Reduced, read_drawable
from yolo_cli.errors import UserError
from yolo_cli.files import atomic_write_text
from yolo_cli.text import class_lines

Record: TypeAlias = Mapping[str, Any]
"""A result on disk: plain values, ready for JSON, with ``image``, ``width`` and ``height``."""


@dataclass(frozen=True)
class Origin:
    """Where a picture is from.

    Attributes:
        name: as the user calls it: a path, an address; empty for pictures in memory.
        path: its file, if it has one.
        frame: its number in a video, from 0.
        time: of the frame in the video, in seconds.
    """

    name: str = ""
    path: Path | None = None
    frame: int | None = None
    time: float | None = None

    def __str__(self) -> str:
        return self.name if self.frame is None else f"{self.name}, frame {self.frame}"


@dataclass(frozen=True)
class Failure:
    """A picture that cannot be read, or whose results cannot be written.

    Attributes:
        origin: where it is from.
        error: what is wrong with it.
    """

    origin: Origin
    error: UserError


@dataclass(frozen=True)
class Style:
    """How a result is drawn.

    Attributes:
        line_width: of outlines in pixels; None to scale it to the picture.
        show_labels: write classes.
        show_scores: write scores behind them.
    """

    line_width: int | None = None
    show_labels: bool = True
    show_scores: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(ABC):
    """What a network says of one picture; each task adds what it finds.

    Attributes:
        names: the classes that the network knows.
        width: of the upright picture, in pixels.
        height: of the upright picture, in pixels.
        origin: where the picture is from.
        image: the upright picture, where it is kept; a large file is read again when needed.
    """

    names: tuple[str, ...]
    width: int
    height: int
    origin: Origin
    image: Image.Image | None = None

    @abstractmethod
    def record(self) -> Record:
        """Return plain values: origin, size, and what was found."""

    @abstractmethod
    def found(self) -> list[tuple[str, float]]:
        """List what was found: names of classes with scores in [0, 1], the best first."""

    @abstractmethod
    def draw_on(self, picture: Reduced, style: Style) -> Image.Image:
        """Draw on what :meth:`picture` returned; as :meth:`plot` otherwise."""

    def picture(self) -> Reduced:
        """Return the picture; one beyond 178 megapixels at a fraction of its size.

        Raises:
            UserError: its file cannot be read any more.
        """
        if self.image is not None:
            return Reduced(self.image, self.image.size, (0, 0, *self.image.size))
        if self.origin.path is None:
            raise UserError(f"{self.origin}: the picture was not kept")
        return read_drawable(self.origin.path)

    def plot(
        self, *, line_width: int | None = None, show_labels: bool = True, show_scores: bool = True
    ) -> Image.Image:
        """Draw what was found on a copy of the picture.

        Args:
            line_width: of outlines in pixels; None scales it to the picture.
            show_labels: write classes.
            show_scores: write scores behind them.

        Returns:
            A new image in mode ``RGB``.

        Raises:
            UserError: the picture's file cannot be read any more.
        """
        return self.draw_on(self.picture(), Style(line_width, show_labels, show_scores))

    def to_json(self) -> str:
        """Return the line that ``--json`` prints."""
        return json.dumps(self.record())

    def __repr__(self) -> str:
        listed = ", ".join(f"{name} {score:.0%}" for name, score in self.found())
        return f"<Result {self.origin} {self.width}×{self.height}: {listed or 'nothing'}>"


class ImageWriter(ABC):
    """Writes files of its own for each picture, below the folder of a run.

    Attributes:
        needs_picture: whether it takes pixels.
    """

    needs_picture = False

    def classes(self, folder: Path) -> Path | None:
        """Return the file with the names of the classes that stands beside the others, if any."""
        return None

    def begin(self, folder: Path, names: tuple[str, ...]) -> None:
        """Write the names of the classes where they are wanted; the folder is there."""
        if (path := self.classes(folder)) is not None:
            atomic_write_text(path, class_lines(names), folder)

    def path(self, folder: Path, target: Path) -> Path | None:
        """Return the one file whose presence says that a picture is done, if there is such.

        Args:
            folder: of the run.
            target: where the annotated copy is, or would be; no other has its stem.
        """
        return None

    @abstractmethod
    def write(self, result: Result, picture: Reduced | None, folder: Path, target: Path) -> None:
        """Write the files of one picture; for any thread.

        Raises:
            UserError: a file cannot be written.
        """


@dataclass(frozen=True)
class Document:
    """A file about all pictures of a run.

    Attributes:
        name: of the file.
        write: takes the records, the path, and the classes that the network knows.
    """

    name: str
    write: Callable[[Iterable[Record], Path, tuple[str, ...]], None]
