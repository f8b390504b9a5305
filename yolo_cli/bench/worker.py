"""The process that runs one subject of a benchmark: ``python -m yolo_cli.bench.worker``.

It takes requests as JSON lines on standard input and answers with JSON lines on what was standard
output; libraries that print do so on standard error. The subject's own libraries are imported
only here, so that a peer needs nothing of this package but this file and :mod:`.peers`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol


class Subject(Protocol):
    """What is measured."""

    def network(self, batch: int) -> None:
        """Run a forward pass of a batch of images that are in memory."""

    def photo(self, content: bytes) -> None:
        """Turn the content of one JPEG file into detections."""

    def pipeline(self, paths: list[str], batch: int) -> None:
        """Turn image files into detections."""


def main() -> None:
    """Serve one subject until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    spec = json.loads(sys.argv[1])
    try:
        subject = _subject(spec)
        with open(spec["photo"], "rb") as file:  # noqa: PTH123  # no pathlib: start-up is measured
            content = file.read()
        subject.photo(content)
        _answer(answers, {"ready": True, "facts": getattr(subject, "facts", {})})
        for line in sys.stdin:
            _answer(answers, _obey(subject, content, json.loads(line)))
    except Exception as error:
        known = {name: getattr(error, name, "") for name in ("message", "hint")}
        _answer(answers, {"error": known["message"] or repr(error), "hint": known["hint"]})


def _obey(subject: Any, content: bytes, order: dict[str, Any]) -> dict[str, Any]:
    what, repeat = order["do"], order.get("repeat", 1)
    if what == "network":
        return {"seconds": _times(lambda: subject.network(order["batch"]), repeat)}
    if what == "photo":
        return {"seconds": _times(lambda: subject.photo(content), repeat)}
    if what == "pipeline":
        return {"seconds": _times(lambda: subject.pipeline(order["paths"], order["batch"]), 1)}
    if what == "score":
        return {"mAP": subject.score(order["data"], order["split"], order["batch"])}
    assert what == "memory"
    return {"bytes": peak_memory()}


def _times(call: Callable[[], None], repeat: int) -> list[float]:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def peak_memory() -> int | None:
    """Return the peak memory of this process in bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _subject(spec: dict[str, Any]) -> Subject:
    if spec["kind"] == "own":
        from yolo_cli.bench.own import OwnSubject

        return OwnSubject(spec["weights"], spec["backend"], spec["precision"])
    if spec["kind"] == "products":
        from yolo_cli.bench.products import Products

        return Products(spec["precision"])
    from yolo_cli.bench.peers import PEERS

    peer: Subject = PEERS[spec["kind"]](spec["image_size"])
    return peer


def _answer(file: Any, value: dict[str, Any]) -> None:
    print(json.dumps(value), file=file, flush=True)


if __name__ == "__main__":
    main()
