"""What ``yolo check`` says of the labels, each finding with the image and box that it is about."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_cli.data.check.check import Report, check_dataset
from yolo_cli.data.check.finding import Finding
from yolo_cli.data.formats.common import Box
from yolo_cli.data.formats.judging import in_pixels
from yolo_cli.data.formats.scan import Spot
from yolo_cli.errors import UserError
from yolo_cli.label.session import Progress, Session
from yolo_cli.model.config import ModelConfig
from yolo_cli.text import encodable


@dataclass(frozen=True)
class Marked:
    """A finding on the page.

    Attributes:
        finding: what is wrong.
        index: of the image that it is about; None where it is about none, or about many.
        box: xyxy in pixels, if it is about one object.
    """

    finding: Finding
    index: int | None
    box: Box | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the page."""
        one = self.finding
        return {
            "index": self.index,
            "box": self.box,
            "code": one.code,
            "severity": one.severity,
            "message": encodable(one.message),
            "remedy": encodable(one.remedy),
        }


class Checker:
    """Checks the labels that are written, or those of the folder while none is.

    Args:
        session: whose labels.

    Attributes:
        version: how many checks have ended.
        found: by the last one.
        error: that ended it; "" if none did.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.version = 0
        self.found: list[Marked] = []
        self.error = ""
        self._running = threading.Lock()

    def begin(self) -> None:
        """Check in a thread of its own, unless one is at it."""
        if self._running.acquire(blocking=False):
            threading.Thread(target=self.check, daemon=True).start()

    def check(self) -> None:
        """Check once; takes as long as reading all images does."""
        session = self._session
        done = any(entry.state == "done" for entry in session.entries)
        root = session.place.out if done else session.folder
        try:
            report = check_dataset(root, input_size=ModelConfig.image_size, phase=self._phase)
            self.found, self.error = [*_marked(report, session)], ""
        except UserError as error:
            self.found, self.error = [], encodable(error.message)
        finally:
            session.progress = Progress()
            self.version += 1
            with suppress(RuntimeError):  # called directly
                self._running.release()

    def _phase(self, what: str, total: int | None) -> Any:
        progress = self._session.progress = Progress(what, 0, total)

        def step(count: int) -> None:
            progress.done += count

        return step


def _marked(report: Report, session: Session) -> Iterator[Marked]:
    """Each finding with its place: the object of its line, else the image of its file."""
    real = {os.path.realpath(path): i for path, i in session.index.items()}
    objects: dict[Spot, tuple[int, Box]] = {}
    files: dict[Path, int | None] = {}
    relative = report.reader is not None and report.reader.relative
    for image, facts in zip(report.labelled, report.facts, strict=True):
        index = real.get(os.path.realpath(image.path))
        if index is None:
            continue
        files[image.path] = index
        if image.spot.path not in files:
            files[image.spot.path] = index
        elif files[image.spot.path] != index:
            files[image.spot.path] = None  # a file of many images' labels
        for one in image.objects:
            box = in_pixels(one, facts.header.upright, relative=relative)
            objects[one.spot] = index, box
    for finding in report.findings:
        yield Marked(finding, *_place(finding.spot, objects, files, real))


def _place(
    spot: Spot,
    objects: Mapping[Spot, tuple[int, Box]],
    files: Mapping[Path, int | None],
    real: Mapping[str, int],
) -> tuple[int | None, Box | None]:
    if spot in objects:
        return objects[spot]
    if spot.path in files:
        return files[spot.path], None
    return real.get(os.path.realpath(spot.path)), None
