"""All that ``yolo detect`` leaves in its folder, written as images are done."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from PIL import Image

from yolo_cli.data.reduced import Reduced
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write, atomic_write_text
from yolo_cli.inference.sources import Source
from yolo_cli.inference.video import SUFFIX as VIDEO_SUFFIX
from yolo_cli.inference.video import VideoWriter, frame_rate
from yolo_cli.pictures.save import output_path, save_annotated, taken_by
from yolo_cli.tasks.detect import documents
from yolo_cli.tasks.detect.labels import voc_xml, yolo_lines
from yolo_cli.tasks.detect.records import DetectionRecord
from yolo_cli.tasks.detect.result import Failure, Origin, Result

Format: TypeAlias = Literal["image", "json", "jsonl", "csv", "yolo", "voc", "coco", "crops"]
FORMATS: tuple[Format, ...] = get_args(Format)

# Which of them are files of their own for each image, named after it.
_PER_IMAGE: frozenset[Format] = frozenset({"image", "yolo", "voc"})
_NEED_STEM: frozenset[Format] = frozenset({"yolo", "voc", "crops"})
_NEED_PICTURE: frozenset[Format] = frozenset({"image", "crops"})
LABELS, ANNOTATIONS, CROPS = "labels", "Annotations", "crops"


def parse_formats(text: str) -> frozenset[Format]:
    """The formats that a user named, with commas between.

    Raises:
        UserError: for a name that is no format, and for no name at all.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise UserError(
            f"--save: no such format: {', '.join(unknown)}" if unknown else "--save names nothing",
            f"choose from {', '.join(FORMATS)}",
            ExitCode.USAGE,
        )
    return frozenset(name for name in FORMATS if name in names)


@dataclass(frozen=True)
class Style:
    """How detections are drawn.

    Attributes:
        line_width: of the boxes in pixels; None to scale it to the image.
        show_labels: write class and score.
        show_scores: write the score.
    """

    line_width: int | None = None
    show_labels: bool = True
    show_scores: bool = True


@dataclass(frozen=True, eq=False)
class Done:
    """A result whose own files are written.

    Attributes:
        result: what was found.
        drawn: a video's frame with it, that waits for its turn.
    """

    result: Result
    drawn: Image.Image | None = None


class Outputs:
    """The folder of a run.

    Args:
        folder: where to; made when there is something to put into it.
        formats: what is written.
        sources: all that are looked at: none is written over, and names depend on their order.
        classes: of the detector.
        style: of the annotated copies.
        every: of a video's frames one of so many is looked at.
        resume: go on with what the folder holds.
    """

    def __init__(
        self,
        folder: Path,
        formats: frozenset[Format],
        sources: Sequence[Source],
        classes: tuple[str, ...],
        *,
        style: Style | None = None,
        every: int = 1,
        resume: bool = False,
    ) -> None:
        self.folder = folder
        self.formats = formats
        self.classes = classes
        self.style = style or Style()
        self.every = every
        self._resume = resume
        self.targets = _targets(folder, sources, unique=bool(formats & _NEED_STEM))
        self._videos = {s.name: s.file for s in sources if s.kind == "video"}
        self._journal: documents.Journal | None = None
        if formats - _PER_IMAGE:
            keep = self._stays if resume else None
            self._journal = documents.Journal(folder / documents.JOURNAL, keep)
        self._again: set[str] = set()
        self._begun = False
        self._handle: int | None = None
        self._lock = threading.Lock()
        self._video: tuple[str, VideoWriter] | None = None
        self._recorded = 0

    @property
    def needs_pictures(self) -> bool:
        """Whether anything is drawn or cut out."""
        return bool(self.formats & _NEED_PICTURE)

    def is_done(self, sources: Sequence[Source]) -> list[bool]:
        """Which sources have all that would be written for them."""
        known = self._journal.names() if self._journal else None
        done = [self._is_done(source, known) for source in sources]
        self._again = {s.name for s, one in zip(sources, done, strict=True) if not one}
        return done

    def finish(self, result: Result) -> Done | Failure:
        """Write the files of one image; for any thread.

        Raises:
            UserError: a file cannot be written, or the folder has disappeared.
        """
        self._check_folder()
        picture: Reduced | None = None
        if self.needs_pictures:
            try:
                picture = result.picture()
            except UserError as error:
                return Failure(result.origin, error)
        target = self._target(result.origin)
        if "crops" in self.formats and picture is not None:
            self._save_crops(result, picture, target)
        if self.formats & {"yolo", "voc"}:
            self._save_labels(result.record(), target, result.origin)
        if "image" not in self.formats or picture is None:
            return Done(result)
        drawn = result.draw_on(
            picture,
            line_width=self.style.line_width,
            show_labels=self.style.show_labels,
            show_scores=self.style.show_scores,
        )
        if result.origin.frame is not None:
            return Done(result, drawn)
        save_annotated(drawn, target, self.folder)
        return Done(result)

    def record(self, done: Done) -> None:
        """Write what has an order; for one thread, image after image.

        Raises:
            UserError: a file cannot be written.
        """
        origin = done.result.origin
        if self._video is not None and self._video[0] != origin.name:
            self.end_video()
        if self._journal is not None:
            self._journal.add(done.result.record())
            self._recorded += 1
        if done.drawn is None:
            return
        if self._video is None:
            rate = frame_rate(self._videos[origin.name]) / self.every
            target = self.targets[origin.name]
            self._video = (origin.name, VideoWriter(target, rate, self.folder))
        self._video[1].add(done.drawn, origin.time or 0.0)

    def end_video(self) -> None:
        """Complete the annotated copy of the video whose last frame was recorded, if any.

        Raises:
            UserError: it cannot be written.
        """
        video, self._video = self._video, None
        if video is not None:
            video[1].close()

    def close(self, *, failed: bool = False) -> None:
        """Write the documents of all that was recorded; a video under way is left out.

        Args:
            failed: something else has gone wrong before, which is what is to be told of.

        Raises:
            UserError: a file cannot be written.
        """
        video, self._video = self._video, None
        if video is not None:
            video[1].discard()
        try:
            if self._journal is not None:
                self._journal.close()
                if self._resume or self._recorded:
                    self._check_folder()
                    self._write_documents(self._journal.path)
        except UserError:
            if not failed:
                raise
        finally:
            handle, self._handle = self._handle, None
            if handle is not None:
                os.close(handle)

    def _write_documents(self, journal: Path) -> None:
        if "json" in self.formats:
            documents.write_json(journal, self.folder / documents.NAMES["json"])
        if "csv" in self.formats:
            documents.write_csv(journal, self.folder / documents.NAMES["csv"])
        if "coco" in self.formats:
            documents.write_coco(journal, self.folder / documents.NAMES["coco"], self.classes)

    def _check_folder(self) -> None:
        """Make the folder once; made anew it would hide that the others are gone."""
        with self._lock:
            if not self._begun:
                try:
                    self.folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise UserError(
                        f"{self.folder}: cannot be made: {error.strerror or error}",
                        "choose another folder with --out",
                        ExitCode.FAILURE,
                    ) from error
                self._begun = True
                # Held open, for its number not to be given to a folder made in its place.
                self._handle = os.open(self.folder, os.O_RDONLY) if os.name == "posix" else None
                if "yolo" in self.formats:
                    names = "".join(f"{name}\n" for name in self.classes)
                    atomic_write_text(self.folder / LABELS / "classes.txt", names, self.folder)
            elif not self._is_there():
                raise UserError(
                    f"{self.folder}: the folder has disappeared",
                    "was it removed, or its disk taken out?",
                    ExitCode.FAILURE,
                )

    def _is_there(self) -> bool:
        """Whether the folder is still the one that was made: a file in the works makes it anew."""
        try:
            now = self.folder.stat()
        except OSError:
            return False
        return self._handle is None or os.path.samestat(now, os.fstat(self._handle))

    def _target(self, origin: Origin) -> Path:
        target = self.targets[origin.name]
        if origin.frame is None:
            return target
        return target.with_name(f"{target.stem}-{origin.frame:06d}.jpg")

    def _label_paths(self, target: Path) -> dict[Format, Path]:
        return {
            "yolo": self.folder / LABELS / f"{target.stem}.txt",
            "voc": self.folder / ANNOTATIONS / f"{target.stem}.xml",
        }

    def _save_labels(self, record: DetectionRecord, target: Path, origin: Origin) -> None:
        paths = self._label_paths(target)
        if "yolo" in self.formats:
            atomic_write_text(paths["yolo"], yolo_lines(record, self.classes), self.folder)
        if "voc" in self.formats:
            name = target.name if origin.path is None else origin.path.name
            with atomic_write(paths["voc"], self.folder) as file:
                file.write(voc_xml(record, name))

    def _save_crops(self, result: Result, picture: Reduced, target: Path) -> None:
        corners = result.boxes.numpy().astype(np.float64) * result.scale_of(picture)
        width, height = picture.image.size
        for number, (box, label) in enumerate(
            zip(corners, result.labels.tolist(), strict=True), start=1
        ):
            left, top = np.floor(box[:2]).clip(0, (width - 1, height - 1)).astype(int).tolist()
            right, bottom = np.ceil(box[2:]).clip((left + 1, top + 1), (width, height)).tolist()
            crop = picture.image.crop((left, top, int(right), int(bottom)))
            folder = self.folder / CROPS / _file_name(result.names[label])
            path = folder / f"{target.stem}-{number}{target.suffix}"
            save_annotated(crop, path, self.folder)

    def _is_done(self, source: Source, known: set[str] | None) -> bool:
        target = self.targets[source.name]
        if source.kind == "video":
            # Its frames' records do not say whether it was the last; the copy does.
            return "image" in self.formats and target.is_file()
        paths = {"image": target, **self._label_paths(target)}
        files = all(path.is_file() for name, path in paths.items() if name in self.formats)
        return files and (known is None or source.name in known)

    def _stays(self, record: DetectionRecord) -> bool:
        """Whether a record of an earlier run counts: not where its image is looked at again."""
        return record["image"] not in self._again

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(failed=kind is not None)


def _targets(folder: Path, sources: Sequence[Source], *, unique: bool) -> dict[str, Path]:
    """Where the annotated copy of each source goes.

    Args:
        folder: of the run.
        sources: in order.
        unique: no two differ in their suffix alone.
    """
    taken = taken_by(s.file for s in sources if s.kind != "address")
    stems: set[str] = set()
    targets: dict[str, Path] = {}
    for source in sources:
        suffix = VIDEO_SUFFIX if source.kind == "video" else None
        name, number = source.file, 1
        path = output_path(folder, name, taken, suffix)
        while unique and path.stem.casefold() in stems:
            number += 1
            name = source.file.with_stem(f"{source.file.stem}-{number}")
            path = output_path(folder, name, taken, suffix)
        stems.add(path.stem.casefold())
        targets[source.name] = path
    return targets


def _file_name(text: str) -> str:
    """A class's name as that of a folder."""
    return "".join(c if c.isalnum() or c in " -_.()" else "_" for c in text).strip(" .") or "_"
