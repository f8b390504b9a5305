"""Many image files through one detector: reading overlaps with the network's work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from PIL import Image
from torch import Tensor

from yolo_cli.data.images import read_image
from yolo_cli.detection.detector import Detector
from yolo_cli.errors import UserError
from yolo_cli.model.postprocess import Detection
from yolo_cli.model.thresholds import Thresholds

READERS = 2  # threads; Pillow decodes without the interpreter lock
AHEAD = 8  # images decoded before their turn, which bounds the memory

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What became of one image file.

    Attributes:
        path: as the user named it.
        width: pixels of the upright image.
        height: pixels of the upright image.
        detection: what was found.
        image: the upright image, where it was asked for.
    """

    path: Path
    width: int
    height: int
    detection: Detection
    image: Image.Image | None


@dataclass(frozen=True)
class Failure:
    """An image file that could not be read."""

    path: Path
    error: UserError


@dataclass(frozen=True)
class _Read:
    path: Path
    input: Tensor
    size: tuple[int, int]
    image: Image.Image | None


def detect_files(
    detector: Detector,
    paths: Iterable[Path],
    thresholds: Thresholds,
    *,
    batch: int = 1,
    keep_images: bool = False,
) -> Iterator[Outcome | Failure]:
    """Detections of each file, in the order of ``paths``.

    Args:
        detector: finds the objects.
        paths: image files.
        thresholds: what to keep.
        batch: images a forward pass.
        keep_images: hand the images on, to draw on.
    """

    def read(path: Path) -> _Read | Failure:
        try:
            image = read_image(path)
        except UserError as error:
            return Failure(path, error)
        return _Read(path, detector.prepare(image), image.size, image if keep_images else None)

    with ThreadPoolExecutor(READERS) as pool:
        ready = _map_ahead(pool, read, paths, AHEAD + batch)
        while group := list(islice(ready, batch)):
            yield from _detect_group(detector, group, thresholds)


def _detect_group(
    detector: Detector, group: Sequence[_Read | Failure], thresholds: Thresholds
) -> Iterator[Outcome | Failure]:
    good = [item for item in group if isinstance(item, _Read)]
    found: list[Detection] = []
    if good:
        found = detector.detect([i.input for i in good], [i.size for i in good], thresholds)
    detections = iter(found)
    for item in group:
        if isinstance(item, Failure):
            yield item
        else:
            yield Outcome(item.path, *item.size, next(detections), item.image)


def _map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Path], T], items: Iterable[Path], ahead: int
) -> Iterator[T]:
    """``pool.map`` that starts at most ``ahead`` calls before their results are taken."""
    waiting: deque[Future[T]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
