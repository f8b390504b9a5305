"""What the results in a place are of: one that holds another run's is never mixed with ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from yolo_cli.engine.parts import ERRORS, FOUND, Form, is_part
from yolo_cli.engine.places import Place
from yolo_cli.errors import ExitCode, UserError

NAME = "manifest.json"
VERSION = 1
"""Of what is in a place and how; a run of another one is not gone on with."""

_WHAT = {
    "weights": "weights",
    "thresholds": "thresholds",
    "names": "images",
    "form": "--save",
    "version": "version of yolo-cli",
}


@dataclass(frozen=True)
class Manifest:
    """What a run is of.

    Attributes:
        weights: SHA-256 of what is in the weights file.
        thresholds: as given, by name.
        images: how many.
        names: SHA-256 of their list.
        form: of the files.
        size: images of a part.
        backend: that runs the network.
        precision: it computes in.
        version: see :data:`VERSION`.
    """

    weights: str
    thresholds: Mapping[str, Any]
    images: int
    names: str
    form: Form
    size: int
    backend: str = "auto"
    precision: str = "auto"
    version: int = VERSION

    def write(self, place: Place) -> None:
        """Write it.

        Raises:
            UserError: it cannot be written.
        """
        text = json.dumps({"program": "yolo-cli", **asdict(self)}, indent=2)
        place.write(NAME, text.encode() + b"\n")

    def resumed(self, place: Place) -> Manifest | None:
        """Return the manifest of an earlier run of the same, which goes on; None without one.

        What ``auto`` chose, and how images are divided, is as it was.

        Raises:
            UserError: the place holds another run.
        """
        data = place.read(NAME)
        if data is None:
            there = place.names(FOUND) | place.names(ERRORS)
            if any(is_part(name) for name in there):
                raise _another(place, f"{NAME} is missing")
            return None
        try:
            before = json.loads(data)
            differing = [what for name, what in _WHAT.items() if before[name] != asdict(self)[name]]
            size, backend, precision = (before[x] for x in ("size", "backend", "precision"))
            if not (isinstance(size, int) and size > 0):
                raise ValueError(size)
        except (ValueError, KeyError, TypeError) as error:
            raise _another(place, f"{NAME} is damaged") from error
        for name, now, then in (
            ("--backend", self.backend, backend),
            ("--precision", self.precision, precision),
        ):
            if now not in ("auto", then):
                differing.append(f"{name}, then {then}")
        if differing:
            raise _another(place, f"other {', '.join(differing)}")
        return replace(self, size=size, backend=backend, precision=precision)


def _another(place: Place, why: str) -> UserError:
    return UserError(
        f"{place}: holds the results of another run ({why})",
        "name another place with --out, or remove what is there",
        ExitCode.USAGE,
    )
