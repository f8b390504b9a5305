"""Where the labels go: a dataset of its own that grows by an image with each that is labelled.

``voc`` is ``Annotations/`` and ``JPEGImages/``, ``yolo`` is ``labels/``, ``images/`` and
``data.yaml``. The images in it are links, made as an image is labelled, so that at any time the
folder is a whole dataset of what is labelled. Where the user names the images' own folder, the
label of each image is written beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, Literal, TypeAlias

from yolo_cli.data.convert.names import free_name, safe_name
from yolo_cli.data.convert.target import Placed
from yolo_cli.data.convert.voc import annotation
from yolo_cli.data.convert.yolo import description, label_lines
from yolo_cli.data.formats.common import IMAGE_FOLDERS
from yolo_cli.data.formats.files import walk
from yolo_cli.data.formats.judging import Size, in_pixels
from yolo_cli.data.formats.scan import Fault, LabelledObject
from yolo_cli.data.formats.voc_xml import read_annotation
from yolo_cli.data.formats.yolo_labels import read_labels
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import LOCK, atomic_write, atomic_write_text, unwritable
from yolo_cli.label.marks import Mark, class_name, sample_of

Save: TypeAlias = Literal["voc", "yolo"]

RECORD = ".yolo-label.json"
"""File in the folder that says what it is; hidden, so that no reader of datasets sees it."""

NO_FILE = ""
"""Version of a label that is not there."""

_FOLDERS: Mapping[Save, tuple[str, str, str]] = {
    "voc": ("JPEGImages", "Annotations", ".xml"),
    "yolo": ("images", "labels", ".txt"),
}


class ConflictError(Exception):
    """The label is not what the page has seen: another program or window has written it."""


@dataclass(frozen=True)
class Stored:
    """The label of an image as it is on disk.

    Attributes:
        version: tells it from any other content; :data:`NO_FILE` where there is no label.
        marks: its objects.
        problem: what of it cannot be read; "" if nothing.
    """

    version: str
    marks: tuple[Mark, ...] = ()
    problem: str = ""


class Place:
    """The folder that labels are written to. One thread at a time.

    Args:
        out: the folder; made if it is missing.
        save: layout of the labels; None for that of the labels that are there, else VOC.
        folder: of the images.
        images: all of them.

    Attributes:
        suffix: of the labels.
        classes: names, in the order of their keys.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """

    def __init__(self, out: Path, save: Save | None, folder: Path, images: Sequence[Path]) -> None:
        self.out = out
        self.beside = out.resolve() == folder.resolve()
        record = _read_record(out, beside=self.beside)
        if save is not None and record and record["save"] != save:
            raise UserError(
                f"--save {save}: the labels in {out} are in the layout of {record['save']}",
                f"leave it out, or convert them: yolo convert {out} --to {save} --out NEW",
                ExitCode.USAGE,
            )
        self.save: Save = save or (record["save"] if record else "voc")
        self.classes: list[str] = [class_name(one) for one in record.get("classes", ())]
        self._unsaid = False
        images_in, labels_in, self.suffix = _FOLDERS[self.save]
        self._images = folder if self.beside else out / images_in
        self._labels = folder if self.beside else out / labels_in
        self._names = self._name(folder, images)

    def _name(self, folder: Path, images: Sequence[Path]) -> dict[Path, str]:
        """Name each image in the new folder, those that are linked to by their links."""
        if self.beside:
            return {path: path.relative_to(folder).as_posix() for path in images}
        linked: dict[str, str] = {}
        with suppress(OSError):
            linked = {os.path.realpath(one): one.name for one in self._images.iterdir()}
        taken = {PurePath(name).stem.casefold() for name in linked.values()}
        names: dict[Path, str] = {}
        base = os.path.realpath(folder)
        for path in images:
            real = os.path.join(base, path.relative_to(folder))  # noqa: PTH118  # quicker
            name = linked.get(real) or linked.get(os.path.realpath(path)) if linked else None
            if name is None:
                *parents, last = path.relative_to(folder).parts
                kept = [one for one in parents if one.lower() not in IMAGE_FOLDERS]
                wanted = safe_name("_".join([*kept, PurePath(last).stem]), spaces=False)
                name = free_name(wanted, taken) + path.suffix
            names[path] = name
        return names

    def label_of(self, image: Path) -> Path:
        """Return the file of an image's label, which need not be there."""
        return (self._labels / self._names[image]).with_suffix(self.suffix)

    def shares_label(self, image: Path, others: set[Path]) -> bool:
        """Whether the label's file is another image's as well; ``others`` are those seen."""
        path = self.label_of(image)
        shared = path in others
        others.add(path)
        return shared

    def labelled(self, images: Iterable[Path]) -> set[Path]:
        """Return those of the images that have a label; the folder is listed once."""
        there = {*walk(self._labels)} if self._labels.is_dir() else set[Path]()
        return {image for image in images if self.label_of(image) in there}

    def version(self, image: Path) -> str:
        """Return what tells the label that is there from any other content."""
        try:
            data = self.label_of(image).read_bytes()
        except FileNotFoundError:
            return NO_FILE
        except OSError as error:
            raise unwritable(self.label_of(image), error) from error
        return sha256(data).hexdigest()[:20]

    def read(self, image: Path, size: Size) -> Stored:
        """Read the label of an image.

        Args:
            image: the file.
            size: of the upright image.
        """
        version = self.version(image)
        if version == NO_FILE:
            return Stored(NO_FILE)
        try:
            objects, faults = self._objects(image)
        except UserError as error:
            return Stored(version, problem=error.message)
        marks = (mark_of(one, size, relative=self.save == "yolo") for one in objects)
        problem = faults[0].error("").message if faults else ""
        return Stored(version, tuple(mark for mark in marks if mark is not None), problem)

    def counts(self, image: Path) -> list[str]:
        """Return the class of each object of an image; none where the label cannot be read."""
        try:
            return [one.name for one in self._objects(image)[0]]
        except UserError:
            return []

    def _objects(self, image: Path) -> tuple[tuple[LabelledObject, ...], tuple[Fault, ...]]:
        path = self.label_of(image)
        if self.save == "voc":
            voc = read_annotation(path)
            return voc.objects, voc.faults
        yolo = read_labels(path, self.classes)
        return yolo.objects, yolo.faults

    def write(self, image: Path, size: Size, marks: Sequence[Mark], version: str) -> str:
        """Write the label of an image, and link to it.

        The label comes first: without its link it is no more than a label without an image.

        Args:
            image: the file.
            size: of the upright image.
            marks: all of its objects; their classes are known.
            version: of the label that these take the place of.

        Returns:
            The new version.

        Raises:
            ConflictError: there is another label by now.
            UserError: it cannot be written.
        """
        if self.version(image) != version:
            raise ConflictError
        sample = sample_of(image, size, marks, self.classes)
        if self.save == "voc":
            data, _ = annotation(Placed(self._names[image], sample), self.classes)
        else:
            data = label_lines(sample).encode()
        path = self.label_of(image)
        if self._unsaid or not (self.out / RECORD).exists():
            self._write_classes()
        with atomic_write(path) as file:
            file.write(data)
        self._link(image)
        return sha256(data).hexdigest()[:20]

    def remove(self, image: Path, version: str) -> None:
        """Remove the label of an image, which nobody has looked at then.

        Raises:
            ConflictError: there is another label by now.
            UserError: it cannot be removed.
        """
        if self.version(image) != version:
            raise ConflictError
        try:
            if not self.beside:
                (self._images / self._names[image]).unlink(missing_ok=True)
            self.label_of(image).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.label_of(image), error) from error

    def _link(self, image: Path) -> None:
        path = self._images / self._names[image]
        if self.beside or path.is_symlink() or path.exists():
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.symlink_to(image.resolve())
            except OSError:  # Windows allows links of the other kind to everybody
                path.hardlink_to(image.resolve())
        except OSError as error:
            raise UserError(
                f"{path}: cannot link to {image}: {error.strerror or error}",
                "choose a folder on a file system that has links with --out",
                ExitCode.FAILURE,
            ) from error

    def mend(self, image: Path) -> None:
        """Link to an image whose label was written when the program was killed."""
        self._link(image)

    def add_class(self, name: str) -> None:
        """Take a class in, at the end; it is written with the first label after it."""
        if name not in self.classes:
            self.classes.append(name)
            self._unsaid = True

    def _write_classes(self) -> None:
        """Write the names of the classes, which come before labels that use them."""
        record = {"save": self.save, "classes": self.classes}
        text = json.dumps(record, ensure_ascii=False, indent=2)
        if self.save == "yolo" and self.beside:
            names = "".join(f"{name}\n" for name in self.classes)
            atomic_write_text(self.out / "classes.txt", names)
        elif self.save == "yolo":
            atomic_write_text(self.out / "data.yaml", description({}, self.classes))
        atomic_write_text(self.out / RECORD, text + "\n")
        self._unsaid = False


def mark_of(item: LabelledObject, size: Size, *, relative: bool) -> Mark | None:
    """Return an object as the page shows it, inside the image; None if nothing of it is there."""
    x1, y1, x2, y2 = in_pixels(item, size, relative=relative)
    width, height = size
    box = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    if not (box[0] < box[2] and box[1] < box[3]):  # nor if it is NaN
        return None
    rounded = (round(box[0], 4), round(box[1], 4), round(box[2], 4), round(box[3], 4))
    return Mark(item.name, rounded, item.difficult or item.crowd)


def _read_record(out: Path, *, beside: bool) -> dict[str, Any]:
    """What the folder says of itself; nothing where it is new.

    Raises:
        UserError: it holds something else.
    """
    try:
        if out.exists() and not out.is_dir():
            raise UserError(f"--out {out}: is a file", "name a folder", ExitCode.USAGE)
        path = out / RECORD
        if path.exists():
            record: dict[str, Any] = json.loads(path.read_text("utf-8"))
            classes = record.get("classes") if isinstance(record, dict) else None
            if not isinstance(classes, list) or record.get("save") not in _FOLDERS:
                raise ValueError("not what was written")
            return record
        held = {one.name for one in out.iterdir()} - {LOCK} if out.exists() else set()
        if held and not beside:
            raise UserError(
                f"--out {out}: holds something that yolo label has not written",
                "name a new folder",
                ExitCode.USAGE,
            )
    except OSError as error:
        raise unwritable(out, error) from error
    except ValueError as error:
        raise UserError(
            "is damaged", "remove it; the order of the classes is all that is lost", path=path
        ) from error
    return {}
