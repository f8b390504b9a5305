"""Boxes that a detector proposes, and how much it would learn from each image.

One thread runs the detector: what the page waits for comes first, and in between, if asked to,
all images that nobody has labelled are rated.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from math import log2
from typing import Any

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.detector import Detector
from yolo_cli.label.session import Progress, Session

LEAST = 0.05
"""Lowest score of a box that counts for :func:`uncertainty`."""

_KEPT = 200  # images whose boxes are in memory


def load_detector(
    weights: str, *, device: str, precision: str = "auto", backend: str = "auto"
) -> Detector:
    """Load a network, which has to be a detector; the values are those of the options.

    Raises:
        UserError: it cannot be loaded, or finds no boxes.
    """
    loaded = Detector.load(weights, device=device, precision=precision, backend=backend)
    if loaded.task.name != "detect":
        what = f"{weights}: these weights are for the task {loaded.task.name}, no detector's"
        raise UserError(what, "name those of a detector", ExitCode.USAGE)
    return loaded


@dataclass(frozen=True)
class Proposal:
    """A box that a detector has found.

    Attributes:
        name: of its class.
        score: in [0, 1].
        box: xyxy in pixels of the upright image.
    """

    name: str
    score: float
    box: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the page; the box in whole pixels, as one that is drawn."""
        x1, y1, x2, y2 = map(round, self.box)
        box = [x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)]
        return {"name": self.name, "score": round(self.score, 4), "box": box}


def uncertainty(scores: Sequence[float]) -> float:
    """Return how unsure a detector is of an image: the sum of the entropies of its boxes, in bits.

    A box of score p has -p·log2(p) - (1-p)·log2(1-p): 1 at one half, where nobody knows whether
    there is an object, and 0 where that is sure. The sum, over boxes from :data:`LEAST` on, puts
    images first that have much to be learned from; of the ways to combine boxes it was the best in
    Brust et al. 2019, "Active learning for deep object detection" (https://arxiv.org/abs/1809.09875).
    """
    inside = (score for score in scores if LEAST <= score < 1)
    return -sum(p * log2(p) + (1 - p) * log2(1 - p) for p in inside)


class Proposer:
    """Runs a detector on the images of a session.

    Args:
        detector: finds the boxes.
        session: whose images.
        conf: lowest score of a box that is proposed.
        rate: rate all images as well.

    Attributes:
        classes: names of those that the detector knows.
        rates: whether all images are rated.
    """

    def __init__(self, detector: Detector, session: Session, conf: float, *, rate: bool) -> None:
        self._detector = detector
        self._session = session
        self.classes = detector.classes
        self._conf = conf
        self.rates = rate
        self._found: OrderedDict[int, list[Proposal]] = OrderedDict()
        self._asked: OrderedDict[int, Future[list[Proposal]]] = OrderedDict()
        self._wake = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def propose(self, index: int) -> list[Proposal]:
        """Return the boxes of an image; waits for them.

        Raises:
            UserError: the image cannot be read.
        """
        with self._wake:
            known = self._found.get(index)
            if known is None:
                future = self._asked.setdefault(index, Future())
                self._asked.move_to_end(index)  # the last asked for is what is looked at
                self._wake.notify()
        found = future.result() if known is None else known
        return [one for one in found if one.score >= self._conf]

    def stop(self) -> None:
        """End the thread, after the image that it is at."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        self._thread.join()

    def _work(self) -> None:
        unrated = iter(range(len(self._session.entries)) if self.rates else ())
        if self.rates:
            self._session.progress = Progress("rating images", 0, len(self._session.entries))
        while not self._stopped:
            with self._wake:
                asked = self._asked.popitem() if self._asked else None
            if asked is not None:
                self._answer(*asked)
                continue
            index = next(unrated, None)
            if index is not None:
                self._rate(index)
                continue
            with self._wake:
                if not self._asked and not self._stopped:
                    self._wake.wait()

    def _answer(self, index: int, future: Future[list[Proposal]]) -> None:
        try:
            future.set_result(self._find(index))
        except UserError as error:
            future.set_exception(error)
        except Exception as error:  # a runtime that fails must not leave the page waiting
            future.set_exception(UserError(f"the detector failed: {error}"))

    def _find(self, index: int) -> list[Proposal]:
        found = self._found.pop(index, None)
        if found is None:
            result = self._detector(str(self._session.entries[index].path), conf=LEAST)
            names = (name for name, _ in result.found())
            numbers = zip(names, result.scores.tolist(), result.boxes.tolist(), strict=True)
            found = [Proposal(name, score, tuple(box)) for name, score, box in numbers]
            self._session.rate(index, round(uncertainty([one.score for one in found]), 3))
        self._found[index] = found
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)
        return found

    def _rate(self, index: int) -> None:
        entry = self._session.entries[index]
        if entry.state in {"open", "given"} and entry.score is None:
            try:
                self._find(index)
            except UserError as error:
                self._session.fail(index, error)
            except Exception as error:  # a runtime that fails must not end the page with it
                self._session.problem = f"images are not rated any more: {error}"
        if self._session.progress.what in {"", "rating images"}:
            done, total = index + 1, len(self._session.entries)
            rating = Progress("rating images", done, total)
            self._session.progress = rating if done < total else Progress()
