"""The contract of a dataset format: one scan, which everything that reads a dataset goes through.

A format is a module with a :class:`Format` record. Its reader *scans* a folder: it yields each
image with its labels, and each fault that belongs to no image, once. Loading
(:mod:`yolo_cli.data.formats.loading`) folds the stream into samples, checking
(:mod:`yolo_cli.data.check`) judges the same stream, and writing a split is the format's third
verb.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from yolo_cli.data.formats.common import Box, Key
from yolo_cli.data.runs import Runs
from yolo_cli.data.sample import Annotation, FloatArray
from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import UserError

BoxForm: TypeAlias = Literal["corners", "centre", "corner and size"]
"""How a format writes a box: two corners, centre and size, or the upper left corner and size."""

Severity: TypeAlias = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Spot:
    """A place in a dataset.

    Attributes:
        path: a file or folder.
        number: of the line in the file, from 1; 0 where there is none.
    """

    path: Path
    number: int = 0

    @property
    def line(self) -> int:
        """Line in the file, counted from 1; 0 where there is none."""
        return self.number

    @property
    def item(self) -> str:
        """What stands there, where a person needs more than a line to find it."""
        return ""


@dataclass(frozen=True)
class Fault:
    """Something wrong with a dataset, noticed while its labels are read.

    Attributes:
        code: what sort of thing is wrong, a key of :data:`yolo_cli.data.check.finding.CODES`.
        spot: where.
        what: what is wrong, in a few words.
        severity: an error keeps what it is about from being loaded.
        hint: a way out, where the fault itself suggests one.
        numbers: the box as it is written, or a whole line, as far as it could be read.
        cause: the error, where a whole file cannot be read.
    """

    code: str
    spot: Spot
    what: str
    severity: Severity = "error"
    hint: str = field(default="", compare=False)
    numbers: tuple[float, ...] = field(default=(), compare=False)
    cause: UserError | None = field(default=None, compare=False)

    @classmethod
    def of_error(cls, code: str, error: UserError, path: Path) -> Fault:
        """Return the fault that an error about a file is; ``path`` is where it names none."""
        spot = Spot(error.path or path, error.line)
        return cls(code, spot, error.reason, hint=error.hint, cause=error)

    def error(self, hint: str) -> UserError:
        """Return the error that stops a strict reading; ``hint`` is used where it has none."""
        if self.cause is not None:
            return self.cause
        what = f"{self.spot.item}: {self.what}" if self.spot.item else self.what
        return UserError(what, self.hint or hint, path=self.spot.path, line=self.spot.line)


@dataclass(slots=True, eq=False)  # frozen ones take twice as long to make
class LabelledObject:
    """One object as its label has it.

    Attributes:
        spot: where it is labelled.
        name: of its class.
        box: xyxy counted from 0, in pixels or in fractions of the image's sides; unchecked.
        written: the four numbers of the box as the file has them.
        difficult: VOC's flag.
        crowd: COCO's flag.
        area: annotated area in square pixels; None where the box's is meant.
        outlines: polygons, each ``[K, 2]`` x, y in the box's units, or runs of pixels, where
            they are asked for.
    """

    spot: Spot
    name: str
    box: Box
    written: Box
    difficult: bool = False
    crowd: bool = False
    area: float | None = None
    outlines: Sequence[FloatArray | Runs] = ()


@dataclass(slots=True, eq=False)
class LabelledImage:
    """One image with its labels.

    Attributes:
        id: name of the image in its dataset, see :attr:`yolo_cli.data.sample.Sample.id`.
        path: of the image.
        spot: where it is labelled, else the image itself.
        splits: the splits that name it, by their own names, and where; when one split is scanned
            it may be that one alone.
        objects: in the order of the file.
        faults: what is wrong with its label.
        stated: width and height by the label, as they are written; None where it has none.
        stated_at: where it says so.
        usable: False where nobody knows what is on it: its label is missing or cannot be read.
        key: COCO's id of the image.
        annotate: makes what a task without boxes is given, from the index of each class by its
            name; see :attr:`yolo_cli.data.sample.Sample.annotation`. It may raise a UserError.
    """

    id: str
    path: Path
    spot: Spot
    splits: Mapping[str, Spot] = field(default_factory=dict)
    objects: Sequence[LabelledObject] = ()
    faults: Sequence[Fault] = ()
    stated: tuple[float, float] | None = None
    stated_at: Spot | None = None
    usable: bool = True
    key: Key | None = None
    annotate: Callable[[Mapping[str, int]], Annotation] | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether its labels say that there is something on it."""
        return bool(self.objects) or self.annotate is not None

    def unreadable(self, error: UserError, label: Path) -> None:
        """Note that the label cannot be read: nobody knows what is on the image."""
        self.faults = [Fault.of_error("label-unreadable", error, label)]
        self.usable = False


@dataclass(frozen=True)
class Reading:
    """How a dataset is to be read.

    Attributes:
        skip_bad: drop broken labels and images instead of stopping at the first.
        images: whether the images must be there; False where the labels say all that is needed.
        sure: the user named the format: what holds the right kind of files is not doubted.
        class_attribute: name of the attribute (VIA) or column (CSV) that names the class; None to
            find out.
        task: what it is read for; None for what the format is usually for.
    """

    skip_bad: bool = False
    images: bool = True
    sure: bool = False
    class_attribute: str | None = None
    task: TaskName | None = None


class Reader(Protocol):
    """One dataset folder, seen by one format. Each label file is read once."""

    @property
    def form(self) -> BoxForm:
        """How boxes are written."""

    @property
    def relative(self) -> bool:
        """Whether boxes are in fractions of the image's sides."""

    @property
    def splits(self) -> Mapping[str, Spot]:
        """The splits by the folder's own names of them, and where each is; empty if there are none.

        Nothing but file names and lists of images is read for it.
        """

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, the same for every split; empty where no label names any."""

    @property
    def declared(self) -> Mapping[str, Spot]:
        """Where each class is declared; empty where the labels themselves name the classes."""

    @property
    def category_ids(self) -> Mapping[Key, int]:
        """Index of the class by COCO's ``category_id``; empty where classes have no ids."""

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """Yield each image of a split, and each fault that belongs to none of its images.

        Args:
            split: the folder's own name of it; None for all images of the dataset.

        Yields:
            In the order in which the images are loaded.
        """

    def leftovers(self) -> Iterator[Fault]:
        """Yield what no split and no image accounts for; none of it keeps anything from loading."""

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
        """Write a dataset that divides these images into splits.

        It is of the same format, or of COCO's where that has no splits. Images are linked to or
        listed, never copied.

        Args:
            splits: name and images, which this reader's scan has yielded.
            out: an empty or a new folder.

        Raises:
            UserError: something cannot be written.
        """


@dataclass(frozen=True)
class Format:
    """One dataset format.

    Attributes:
        name: ``"voc"``, for instance.
        open: makes the reader of a folder, or returns None where it is in another format.
        looked_for: what the folder must hold, for the message when it does not.
        suffixes: of files that describe a whole dataset, lower case.
        open_file: makes the reader of such a file.
        is_file: whether a file looks like one at its beginning; None where the suffix decides.
        tasks: what it can be read for; the first is what it is usually for.
    """

    name: str
    open: Callable[[Path, Reading], Reader | None]
    looked_for: str
    suffixes: frozenset[str] = frozenset()
    open_file: Callable[[Path, Reading], Reader] | None = None
    is_file: Callable[[Path], bool] | None = None
    tasks: tuple[TaskName, ...] = ("detect",)

    def task(self, reading: Reading) -> TaskName:
        """Return what a reading is for."""
        return reading.task or self.tasks[0]
