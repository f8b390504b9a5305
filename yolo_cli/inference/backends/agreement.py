"""Which backends find what torch finds, for the weights of one file: kept in the user's cache.

The speed of a network depends on its shape: networks that were trained again need no new
measurement. What rounding does to its boxes depends on its weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.files import atomic_write_text, cache_folder
from yolo_cli.inference.backends.backend import Backend, BackendName, Precision
from yolo_cli.inference.backends.speeds import Speed

FOLDER = "agreement"

Kind = tuple[BackendName, Precision]
"""A backend and its precision."""


class Agreement:
    """What is known of a file's weights on this machine.

    Args:
        key: of both.
        reference: what is right.
    """

    def __init__(self, key: str, reference: Kind) -> None:
        self._key = key
        self._reference = reference
        self._known = {**_read(key), reference: True}

    def of(self, speed: Speed) -> bool | None:
        """Return whether a backend agrees; None if that is not known."""
        return self._known.get((speed.backend, speed.precision))

    def look(
        self,
        order: Sequence[Speed],
        build: Callable[[Kind], Backend],
        pixels: Callable[[], Tensor],
        agree: Callable[[Tensor, Tensor], bool],
        failed: Callable[[UserError], None],
    ) -> None:
        """Find the first backend of an order that agrees, and remember it.

        Args:
            order: best first; the reference is among them.
            build: loads one.
            pixels: ``[N, 3, S, S]``, images to compare with.
            agree: compares raw outputs: the reference's, and another's.
            failed: called with the reason why one cannot be loaded.
        """
        before = dict(self._known)
        images = expected = None
        for speed in order:
            if self.of(speed) is None:
                images = pixels() if images is None else images
                if expected is None:
                    expected = _run(build(self._reference), images)
                kind = speed.backend, speed.precision
                try:
                    self._known[kind] = agree(expected, _run(build(kind), images))
                except UserError as error:  # another time it may load
                    failed(error)
                    continue
            if self.of(speed):
                break
        if self._known != before:
            self._write()

    def note(self, speeds: Sequence[Speed]) -> None:
        """Take it from a measurement of these weights that some do not agree."""
        self._known.update(
            {(one.backend, one.precision): False for one in speeds if not one.agrees}
        )

    def _write(self) -> None:
        values = [[*kind, same] for kind, same in self._known.items()]
        with suppress(UserError, RuntimeError):
            atomic_write_text(cache_folder(FOLDER) / f"{self._key}.json", json.dumps(values) + "\n")


def _read(key: str) -> dict[Kind, bool]:
    """Return what was found before; nothing if there is nothing that can be read."""
    try:
        values = json.loads((cache_folder(FOLDER) / f"{key}.json").read_bytes())
        found = {(name, precision): same for name, precision, same in values}
    except (OSError, ValueError, TypeError, RuntimeError, RecursionError):
        return {}
    return found if all(isinstance(same, bool) for same in found.values()) else {}


def _run(backend: Backend, pixels: Tensor) -> Tensor:
    return torch.cat([backend(image[None]) for image in pixels])
