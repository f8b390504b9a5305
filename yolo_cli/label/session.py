"""A folder that is being labelled: its images with their state, and what changes them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from yolo_cli.data.formats.files import walk
from yolo_cli.data.formats.judging import Size
from yolo_cli.data.formats.mask_folders import folders_of_masks
from yolo_cli.data.formats.scan import LabelledObject
from yolo_cli.data.images import image_size, is_image_path
from yolo_cli.errors import UserError
from yolo_cli.label.marks import class_name, read_marks
from yolo_cli.label.place import NO_FILE, Place, Stored, mark_of
from yolo_cli.text import encodable

State: TypeAlias = Literal["open", "given", "done", "broken"]
"""Nobody has labelled it; a label was there before; its label is written; it cannot be read."""


@dataclass(slots=True)
class Entry:
    """An image of the folder.

    Attributes:
        path: of the file.
        name: below the folder that all images are in, for a person.
        state: see :data:`State`.
        counts: objects by class, of its label.
        given: its objects in the dataset that is labelled anew; None where that has no label.
        relative: whether these are in fractions of the image's sides.
        score: how much a detector would learn from it; None if that is not known.
        error: why it cannot be read.
        revision: of the session when it last changed.
    """

    path: Path
    name: str
    state: State = "open"
    counts: Mapping[str, int] = field(default_factory=dict)
    given: Sequence[LabelledObject] | None = None
    relative: bool = False
    score: float | None = None
    error: str = ""
    revision: int = 0


@dataclass
class Progress:
    """What is being done in the background.

    Attributes:
        what: in words; "" if nothing is.
        done: items of it.
        total: of the items; None where that is not known.
    """

    what: str = ""
    done: int = 0
    total: int | None = None


class Session:
    """A folder that is being labelled. Its methods are for any thread.

    Args:
        folder: of the images.
        place: where the labels go.
        images: all of them.

    Attributes:
        entries: of the images, in their order.
        progress: of what is done in the background.
        problem: what a user should know of the background's work; "" if nothing.
    """

    def __init__(self, folder: Path, place: Place, images: Sequence[Path]) -> None:
        self.folder = folder
        self.place = place
        self.progress = Progress()
        self.problem = ""
        self._lock = threading.RLock()
        self._revision = 0
        seen: set[Path] = set()
        self._base = os.path.commonpath([path.parent for path in images])
        self.entries = [self._entry(path, seen) for path in images]
        self.index = {entry.path: i for i, entry in enumerate(self.entries)}

    def _entry(self, path: Path, seen: set[Path]) -> Entry:
        entry = Entry(path, encodable(path.relative_to(self._base).as_posix()))
        if self.place.shares_label(path, seen):
            entry.state = "broken"
            label = self.place.label_of(path).name
            entry.error = f"{label} is the label of another image of this name: rename one of them"
        return entry

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their keys."""
        with self._lock:
            return tuple(self.place.classes)

    def look(self) -> None:
        """Find out which images are labelled."""
        labelled = self.place.labelled(entry.path for entry in self.entries)
        for i, entry in enumerate(self.entries):
            if entry.state == "open" and entry.path in labelled:
                self._change(i, state="done")

    def count_all(self) -> None:
        """Count the objects of all labels: reads every one of them."""
        done = [i for i, entry in enumerate(self.entries) if entry.state == "done"]
        self.progress = Progress("reading labels", 0, len(done))
        for i in done:
            entry = self.entries[i]
            with self._lock:
                if entry.state == "done" and not entry.counts:
                    self._change(i, counts=Counter(self.place.counts(entry.path)))
                    self.place.mend(entry.path)
            self.progress.done += 1
        self.progress = Progress()

    def give(self, index: int, objects: Sequence[LabelledObject], *, relative: bool) -> None:
        """Take in the label that an image has in the dataset."""
        with self._lock:
            entry = self.entries[index]
            entry.given, entry.relative = objects, relative
            if entry.state == "open":
                counts = Counter(one.name for one in objects)
                self._change(index, state="given", counts=counts)

    def add_classes(self, names: Iterable[object]) -> None:
        """Take in classes that there are.

        Raises:
            UserError: one has a name that cannot be written.
        """
        with self._lock:
            for name in names:
                self.place.add_class(class_name(name))
            self._revision += 1

    def rate(self, index: int, score: float) -> None:
        """Note how much a detector would learn from an image."""
        self._change(index, score=score)

    def fail(self, index: int, error: UserError) -> None:
        """Note that an image cannot be read."""
        self._change(index, state="broken", error=error.reason)

    def _change(self, index: int, **values: Any) -> None:
        with self._lock:
            self._revision += 1
            entry = self.entries[index]
            for name, value in values.items():
                setattr(entry, name, value)
            entry.revision = self._revision

    def size(self, index: int) -> Size:
        """Return width and height of the upright image.

        Raises:
            UserError: it cannot be read; that is noted as well.
        """
        entry = self.entries[index]
        if entry.state == "broken":
            raise UserError(entry.error, path=entry.path)
        try:
            return image_size(entry.path)
        except UserError as error:
            self.fail(index, error)
            raise

    def label(self, index: int) -> dict[str, Any]:
        """Return all that the page shows on an image.

        Raises:
            UserError: the image cannot be read.
        """
        size = self.size(index)
        with self._lock:
            entry = self.entries[index]
            stored = self.place.read(entry.path, size)
            if stored.version == NO_FILE and entry.given is not None:
                found = (mark_of(one, size, relative=entry.relative) for one in entry.given)
                stored = Stored(NO_FILE, tuple(mark for mark in found if mark is not None))
            self._noted(index, stored)
            return {
                "size": size,
                "marks": [mark.to_json() for mark in stored.marks],
                "version": stored.version,
                "problem": stored.problem,
                "state": entry.state,
            }

    def _noted(self, index: int, stored: Stored) -> None:
        """Note the state of an image whose label was just read: it may have changed outside."""
        entry = self.entries[index]
        state: State = "done" if stored.version else "open" if entry.given is None else "given"
        counts = Counter(mark.name for mark in stored.marks)
        new = [mark.name for mark in stored.marks if mark.name not in self.place.classes]
        if new:
            self.add_classes(new)
        if state != entry.state or counts != entry.counts:
            self._change(index, state=state, counts=counts)

    def write(self, index: int, values: object, version: object) -> dict[str, Any]:
        """Write the label of an image.

        Args:
            index: of the image.
            values: its objects, as the page has sent them.
            version: of the label that the page has seen.

        Returns:
            The new version.

        Raises:
            ConflictError: there is another label by now.
            UserError: what was sent is no label, or it cannot be written.
        """
        marks = read_marks(values, self.size(index))
        with self._lock:
            entry = self.entries[index]
            self.add_classes(mark.name for mark in marks)
            new = self.place.write(entry.path, self.size(index), marks, str(version))
            self._change(index, state="done", counts=Counter(mark.name for mark in marks))
            return {"version": new, "state": entry.state}

    def remove(self, index: int, version: object) -> dict[str, Any]:
        """Remove the label of an image; what it had in the dataset counts again.

        Raises:
            ConflictError: there is another label by now.
            UserError: it cannot be removed.
        """
        with self._lock:
            self.place.remove(self.entries[index].path, str(version))
            return self.label(index)

    def changes(self, since: int) -> dict[str, Any]:
        """Return what is new since a revision of the session; 0 for all of it."""
        with self._lock:
            total: Counter[str] = Counter()
            for entry in self.entries:
                total.update(entry.counts)
            return {
                "revision": self._revision,
                "classes": self.place.classes,
                "counts": total,
                "progress": vars(self.progress),
                "problem": self.problem,
                "images": [
                    [i, entry.state, sum(entry.counts.values()), entry.score, entry.error]
                    for i, entry in enumerate(self.entries)
                    if entry.revision > since
                ],
            }


def find_images(folder: Path, out: Path) -> list[Path]:
    """Return the photographs below a folder, sorted, without links to them and without masks.

    Args:
        folder: to look in.
        out: where the labels go, which may be in it.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        what = "a file, not a folder of images" if folder.exists() else "no such folder"
        raise UserError(what, path=folder)
    found = sorted(path for path in walk(folder) if is_image_path(path))
    masks = folders_of_masks(folder)
    found = [path for path in found if masks.isdisjoint(path.parents)]
    if out.resolve() != folder.resolve():
        found = [path for path in found if out not in path.parents]
    if not found:
        hint = "JPEG, PNG, WebP and others are known by their suffix"
        raise UserError("no images in it", hint, path=folder)
    return found
