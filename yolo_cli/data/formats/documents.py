"""The reader of all formats whose label files name the images that they are about.

Such a format is a function that reads one file into a :class:`Document`, and a way to find the
files. Everything else is here: which image a name means, which split it is in, what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats.coco_samples import write_splits_as_coco
from yolo_cli.data.formats.common import Key, canonical_split, like_more, unique_ids
from yolo_cli.data.formats.files import read_once
from yolo_cli.data.formats.image_names import ImageNames
from yolo_cli.data.formats.label_files import LabelFile, is_split
from yolo_cli.data.formats.scan import (
    BoxForm,
    Fault,
    LabelledImage,
    LabelledObject,
    Reading,
    Spot,
)
from yolo_cli.errors import UserError


@dataclass(slots=True, eq=False)
class Entry:
    """One image as a label file has it.

    Attributes:
        name: file name of the image, or a path to it, as written.
        spot: where its label stands.
        objects: in the order of the file.
        faults: what is wrong with its label.
        stated: width and height in pixels by the label; None where it has none.
        split: that the label itself names; "" where it names none.
        other_names: what the image may be called instead, where none has `name`.
    """

    name: str
    spot: Spot
    objects: Sequence[LabelledObject] = ()
    faults: Sequence[Fault] = ()
    stated: tuple[float, float] | None = None
    split: str = ""
    other_names: Sequence[str] = ()


@dataclass(frozen=True)
class Document:
    """A label file.

    Attributes:
        entries: one for each image, in the order of the file.
        stray: what is wrong with it and belongs to no image.
        declared: the classes that it declares, in their order, and where; empty where objects
            alone name them.
        relative: whether its boxes are in fractions of the image's sides; None where the format
            decides that, or nothing in the file does.
    """

    entries: Sequence[Entry]
    stray: Sequence[Fault] = ()
    declared: Mapping[str, Spot] = field(default_factory=dict)
    relative: bool | None = None


_UNITS = {False: "pixels", True: "fractions of the image's sides"}

ONLY_CLASS = "object"
"""Name of the class where a dataset names none."""


def unnamed_class(spot: Spot, what: str) -> Fault:
    """Return the note that all objects of a label file are one class, as nothing names another."""
    return Fault("class-unnamed", spot, f"{what}: all are of one, {ONLY_CLASS!r}", "info")


def numbers_as_texts(spots: Sequence[Spot]) -> list[Fault]:
    """Return the warning that a label file has numbers in quotation marks; none if it has not.

    Args:
        spots: their places.
    """
    if not spots:
        return []
    what = f"a number is written as text{like_more(len(spots))}"
    return [Fault("number-as-text", spots[0], what, "warning")]


@dataclass(slots=True, eq=False)
class _Found:
    """An entry with its image."""

    entry: Entry
    path: Path
    splits: dict[str, Spot]


class DocumentReader:
    """Reads a dataset whose label files name their images; each file is read once.

    An image that several files label has the objects of the first of them, and is in the splits
    of all.

    Args:
        root: folder of the dataset.
        files: its label files; those that are a split first.
        read: reads one; raises UserError if it cannot be read at all.
        reading: how to read it.
        form: how boxes are written.
        relative: whether :attr:`LabelledObject.box` is in fractions of the image's sides, also
            where no file says so.
        file_per_image: whether each image has a label file of its own, so that one without is
            not known to be empty.
    """

    def __init__(
        self,
        root: Path,
        files: Sequence[LabelFile],
        read: Callable[[Path], Document],
        reading: Reading,
        *,
        form: BoxForm,
        relative: bool = False,
        file_per_image: bool = False,
    ) -> None:
        self.root = root
        self.files = files
        self.form: BoxForm = form
        self._relative = relative
        self._reading = reading
        self._file_per_image = file_per_image
        self._read = read_once(read)

    @property
    def relative(self) -> bool:
        """Whether boxes are in fractions of the image's sides: those of all files or of none."""
        return self._relative or any(document.relative for _, document in self._documents)

    @cached_property
    def splits(self) -> Mapping[str, Spot]:
        """The splits that files, labels or the folders of the images name."""
        found = {file.split: Spot(file.path) for file in reversed(self.files) if file.split}
        found = dict(reversed(found.items()))
        for one in self._listing[0]:
            for name, spot in one.splits.items():
                found.setdefault(name, Spot(spot.path))
        return found

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Declared names in their order, then those that objects alone have, sorted."""
        entries = (entry for _, document in self._documents for entry in document.entries)
        named = {item.name for entry in entries for item in entry.objects}
        return (*self.declared, *sorted(named.difference(self.declared)))

    @cached_property
    def declared(self) -> Mapping[str, Spot]:
        """Where each class is declared first."""
        found: dict[str, Spot] = {}
        for _, document in self._documents:
            for name, spot in document.declared.items():
                found.setdefault(name, spot)
        return found

    @property
    def category_ids(self) -> Mapping[Key, int]:
        """None: classes have names."""
        return {}

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.scan`."""
        ids = unique_ids((one.path for one in self._listing[0]), self.root)
        items: list[tuple[Spot, LabelledImage | Fault]] = []
        for file, document in self._contents:
            mine = split in {None, file.split} or not file.split
            # Of many images, a file that cannot be read leaves open which classes there are.
            if isinstance(document, UserError) and (mine or not self._file_per_image):
                fault = Fault.of_error("label-unreadable", document, file.path)
                items.append((Spot(file.path), fault))
            elif isinstance(document, Document) and mine:
                items += [(fault.spot, fault) for fault in document.stray]
        for own, fault in self._listing[1]:
            if split in {None, own} or not own:
                items.append((fault.spot, fault))
        for image_id, one in zip(ids, self._listing[0], strict=True):
            if split is None or split in one.splits:
                items.append((_first(one.entry), _labelled(image_id, one)))
        order = {file.path: index for index, file in enumerate(self.files)}
        items.sort(key=lambda item: (order.get(item[0].path, 0), item[0].number))
        yield from (item for _, item in items)
        if self._file_per_image and split is None:
            yield from self._unlabelled()

    def leftovers(self) -> Iterator[Fault]:
        """Yield the images that no label file names, where files name many each."""
        left = [] if self._file_per_image else self._unnamed
        if left:
            what = f"in no label file{like_more(len(left))}"
            yield Fault("image-unlisted", Spot(left[0]), what, "info")

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
        """Write them as COCO, as these layouts have no splits of their own."""
        write_splits_as_coco(splits, self.classes, out, relative=self.relative)

    @cached_property
    def _contents(self) -> list[tuple[LabelFile, Document | UserError]]:
        """Each file, or why it cannot be read; also where it contradicts one before."""
        found: list[tuple[LabelFile, Document | UserError]] = []
        first: tuple[Path, bool] | None = None
        for file in self.files:
            one = self._read(file.path)
            if isinstance(one, Document) and one.relative is not None:
                first = first or (file.path, one.relative)
                if one.relative != first[1]:
                    own, other = (_UNITS[value] for value in (one.relative, first[1]))
                    what = f"boxes are in {own}, but those of {first[0]} in {other}"
                    one = UserError(what, "write all of them in one way", path=file.path)
            found.append((file, one))
        return found

    @property
    def _documents(self) -> list[tuple[LabelFile, Document]]:
        """Those that can be read."""
        return [(file, one) for file, one in self._contents if isinstance(one, Document)]

    @cached_property
    def _images(self) -> ImageNames:
        return ImageNames(self.root)

    @cached_property
    def _listing(self) -> tuple[list[_Found], list[tuple[str, Fault]]]:
        """Every entry with its image, and what keeps the others from having one, by split."""
        found: dict[Path, _Found] = {}
        faults: list[tuple[str, Fault]] = []
        for split, entry, path in self._located():
            if isinstance(path, Fault):
                faults.append((split, path))
                continue
            first = found.setdefault(path, _Found(entry, path, {}))
            if first.entry is not entry and first.entry.spot.path == entry.spot.path:
                what = f"a second label of {entry.name[:200]!r}"
                faults.append((split, Fault("id-repeated", entry.spot, what)))
                continue
            if first.entry is not entry and self._file_per_image:
                what = f"is not used, as {first.entry.spot.path} labels the same image"
                faults.append((split, Fault("image-ambiguous", entry.spot, what, "warning")))
                continue
            own = split or self._split_of(path)
            if own:
                first.splits.setdefault(own, entry.spot)
        return list(found.values()), faults

    def _located(self) -> list[tuple[str, Entry, Path | Fault]]:
        """Each entry with the split that its label names, and its image."""
        found: list[tuple[bool, str, Entry, Path | Fault]] = []
        for file, document in self._documents:
            for entry in document.entries:
                split = file.split or entry.split
                path = self._image_of(file, entry, split)
                near = isinstance(path, Path) and path.parent in file.folders
                found.append((near or not self._file_per_image, split, entry, path))
        # The label in an image's own folder goes before one elsewhere that has its name.
        found.sort(key=lambda one: not one[0])
        return [one[1:] for one in found]

    def _image_of(self, file: LabelFile, entry: Entry, split: str) -> Path | Fault:
        """The image that an entry is about, or why there is none."""
        places = (*file.folders, self.root)
        path = self._find(entry, places)
        if isinstance(path, Path):
            other = self._split_of(path)
            if file.split and other and canonical_split(other) != canonical_split(file.split):
                what = f"its image is in another split: {path}"
                return Fault("no-image", entry.spot, what, "warning")
            return path
        if not self._reading.images and not path:
            return file.folders[0] / os.path.basename(entry.name.replace("\\", "/"))  # noqa: PTH119
        if path:
            what = f"{len(path)} images are called {entry.name[:200]!r}: {path[0]}, {path[1]}"
            return Fault("no-image", entry.spot, what)
        what = f"no such image {entry.name[:200]!r}; looked in {self._images.looked_in(places)}"
        return Fault("no-image", entry.spot, what, "warning")

    def _find(self, entry: Entry, places: Sequence[Path]) -> Path | list[Path]:
        """The image that one of an entry's names means, else those among which nothing decides."""
        alike: list[Path] = []
        for name in (entry.name, *entry.other_names):
            found = self._images.find(name, places)
            if isinstance(found, Path):
                return found
            alike = alike or found
        return alike

    def _split_of(self, path: Path) -> str:
        """The split whose folder an image is in; "" if it is in none."""
        parts = Path(os.path.relpath(path, self.root)).parts[:-1]
        return next((part for part in parts if is_split(part)), "")

    @property
    def _unnamed(self) -> list[Path]:
        named = {one.path for one in self._listing[0]}
        return [path for path in self._images.paths if path not in named]

    def _unlabelled(self) -> Iterator[LabelledImage]:
        broken = {path for file in self.files if (path := self._image_of_broken(file))}
        left = [path for path in self._unnamed if path not in broken]
        for image_id, path in zip(unique_ids(left, self.root), left, strict=True):
            fault = Fault("no-label", Spot(path), "no label for it", "warning")
            yield LabelledImage(image_id, path, Spot(path), faults=[fault], usable=False)

    def _image_of_broken(self, file: LabelFile) -> Path | None:
        """The image whose label cannot be read, by the name of that file."""
        if isinstance(self._read(file.path), Document):
            return None
        found = self._images.find(file.path.stem, (*file.folders, self.root))
        return found if isinstance(found, Path) else None


def _first(entry: Entry) -> Spot:
    """What an entry is sorted by: the first error is to be that of the file, too."""
    errors = (fault.spot for fault in entry.faults if fault.severity == "error")
    return next(errors, entry.spot)


def _labelled(image_id: str, one: _Found) -> LabelledImage:
    entry = one.entry
    return LabelledImage(
        id=image_id,
        path=one.path,
        spot=entry.spot,
        splits=one.splits,
        objects=entry.objects,
        faults=entry.faults,
        stated=entry.stated,
        stated_at=entry.spot,
    )
