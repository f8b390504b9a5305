"""All that a run leaves in its folder, written as pictures are done."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from yolo_cli.data.reduced import Reduced
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import locked_folder, unwritable
from yolo_cli.inference.beside import check_beside
from yolo_cli.inference.formats import IMAGE, JSON_LINES, JSON_LIST
from yolo_cli.inference.inputs import Input
from yolo_cli.inference.journal import Journal, json_document, read_journal
from yolo_cli.inference.video import SUFFIX as VIDEO_SUFFIX
from yolo_cli.inference.video import VideoWriter, frame_rate
from yolo_cli.pictures.save import output_path, save_annotated, taken_by
from yolo_cli.tasks.result import Document, Failure, ImageWriter, Origin, Record, Result, Style

_ANOTHER = "name another folder with --out"


@dataclass(frozen=True, eq=False)
class Done:
    """A result whose own files are written.

    Attributes:
        result: what was found.
        drawn: a video's frame with it, which waits for its turn.
    """

    result: Result
    drawn: Image.Image | None = None


class Outputs:
    """The folder of a run; a context that keeps other runs out of it.

    Args:
        folder: where to; made when there is something to put into it.
        formats: names of what is written: shared ones, and of ``writers``.
        sources: of all pictures: none is written over, and names depend on their order.
        names: the classes that the network knows.
        writers: the task's own formats.
        style: of the annotated copies.
        every: how many frames of a video there are for each that is looked at.
        resume: go on with what the folder holds.
        stem: of the files that hold all results.
    """

    def __init__(
        self,
        folder: Path,
        formats: frozenset[str],
        sources: Sequence[Input],
        names: tuple[str, ...],
        writers: Mapping[str, ImageWriter | Document],
        *,
        style: Style | None = None,
        every: int = 1,
        resume: bool = False,
        stem: str = "detections",
    ) -> None:
        self.folder = folder
        self.names = names
        self.style = style or Style()
        self.every = every
        self._resume = resume
        self._draws = IMAGE in formats
        chosen = [writers[name] for name in writers if name in formats]
        self._writers = [one for one in chosen if isinstance(one, ImageWriter)]
        self._documents = [one for one in chosen if isinstance(one, Document)]
        if JSON_LIST in formats:
            self._documents.insert(0, json_document(stem))
        self.targets = _targets(folder, sources, unique=bool(self._writers))
        self._sources = sources
        self._videos = {s.name: s.file for s in sources if s.kind == "video"}
        self._journal: Journal | None = None
        # Where the number of a picture's files varies, they do not show that it is done.
        varying = any(one.path(folder, folder / "x") is None for one in self._writers)
        if self._documents or varying or JSON_LINES in formats:
            self._journal = Journal(folder / f"{stem}.jsonl", self._stays if resume else None)
        self._again: set[str] = set()
        self._begun = False
        self._handle: int | None = None
        self._lock = threading.Lock()
        self._locked = ExitStack()
        self._is_locked = False
        self._video: tuple[str, VideoWriter] | None = None
        self._recorded = 0

    @property
    def needs_pictures(self) -> bool:
        """Whether anything is drawn or cut out."""
        return self._draws or any(one.needs_picture for one in self._writers)

    def is_done(self, sources: Sequence[Input]) -> list[bool]:
        """Tell which sources have all that would be written for them."""
        known = self._journal.names() if self._journal else None
        done = [self._is_done(source, known) for source in sources]
        self._again = {s.name for s, one in zip(sources, done, strict=True) if not one}
        return done

    def finish(self, result: Result) -> Done | Failure:
        """Write the files of one picture; for any thread.

        Raises:
            UserError: no file can be written, or the folder has disappeared.
        """
        self._check_folder()
        picture: Reduced | None = None
        if self.needs_pictures:
            try:
                picture = result.picture()
            except UserError as error:
                return Failure(result.origin, error)
        target = self._target(result.origin)
        try:
            for writer in self._writers:
                writer.write(result, picture, self.folder, target)
            if not self._draws or picture is None:
                return Done(result)
            drawn = result.draw_on(picture, self.style)
            if result.origin.frame is not None:
                return Done(result, drawn)
            save_annotated(drawn, target, self.folder)
        except UserError as error:
            if getattr(error.__cause__, "errno", None) == errno.ENAMETOOLONG:
                return Failure(result.origin, error)  # others may have shorter names
            raise
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
            failed: something else has gone wrong before, which is what the user must know.

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
                    for document in self._documents:
                        records = read_journal(self._journal.path)
                        document.write(records, self.folder / document.name, self.names)
        except UserError:
            if not failed:
                raise
        finally:
            handle, self._handle = self._handle, None
            if handle is not None:
                os.close(handle)
            self._locked.close()
            self._is_locked = False

    def _check_folder(self) -> None:
        """Make the folder once; made again it would hide that the others are gone."""
        with self._lock:
            if not self._begun:
                try:
                    self.folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise unwritable(self.folder, error) from error
                self._keep_others_out()
                self._check_beside()
                self._begun = True
                # Held open, for its number not to be given to a folder made in its place.
                self._handle = os.open(self.folder, os.O_RDONLY) if os.name == "posix" else None
                for writer in self._writers:
                    writer.begin(self.folder, self.names)
            elif not self._is_there():
                raise UserError(
                    f"{self.folder}: the folder has disappeared",
                    "was it removed, or its disk taken out?",
                    ExitCode.FAILURE,
                )

    def _check_beside(self) -> None:
        again = [one for one in self._sources if not self._resume or one.name in self._again]
        check_beside(self.folder, again, self.targets, self._writers, self.names, draws=self._draws)

    def _is_there(self) -> bool:
        """Return whether the folder is still the one that was made, not another of its name."""
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

    def _is_done(self, source: Input, known: set[str] | None) -> bool:
        target = self.targets[source.name]
        if source.kind == "video":
            # Its frames' records do not say whether it was the last; the copy does.
            return self._draws and target.is_file()
        paths = [writer.path(self.folder, target) for writer in self._writers]
        if self._draws:
            paths.append(target)
        files = all(path.is_file() for path in paths if path is not None)
        return files and (known is None or source.name in known)

    def _stays(self, record: Record) -> bool:
        """Return whether a record of an earlier run counts: its image is not looked at again."""
        return record["image"] not in self._again

    def _keep_others_out(self) -> None:
        if not self._is_locked:
            self._locked.enter_context(locked_folder(self.folder, _ANOTHER))
            self._is_locked = True

    def __enter__(self) -> Outputs:
        if self.folder.is_dir():
            self._keep_others_out()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(failed=kind is not None)


def _targets(folder: Path, sources: Sequence[Input], *, unique: bool) -> dict[str, Path]:
    """Choose where the annotated copy of each source goes.

    Args:
        folder: of the run.
        sources: in order.
        unique: no two differ in their suffix alone.
    """
    taken = taken_by(s.file for s in sources if s.kind != "address")
    stems: set[str] | None = set() if unique else None
    return {
        source.name: output_path(
            folder, source.file, taken, VIDEO_SUFFIX if source.kind == "video" else None, stems
        )
        for source in sources
    }
