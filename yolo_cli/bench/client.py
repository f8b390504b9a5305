"""The parent's side of a worker process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolo_cli.errors import ExitCode, UserError

PACKAGE = Path(__file__).parents[2]  # where yolo_cli can be imported from


@dataclass(frozen=True)
class Spec:
    """What a worker runs.

    Attributes:
        name: what people call it.
        kind: ``own``, ``products``, or the name of a peer.
        values: for its constructor.
        python: that runs it.
    """

    name: str
    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    python: str = sys.executable


class Worker:
    """A process that runs one subject.

    Args:
        spec: which one.
        photo: a JPEG file, its first work.

    Attributes:
        start_up: seconds from the start of the process to its first detections.
        facts: what the subject says of itself.

    Raises:
        UserError: the subject cannot be run here.
    """

    def __init__(self, spec: Spec, photo: Path) -> None:
        self.spec = spec
        request = json.dumps({"kind": spec.kind, "photo": str(photo), **spec.values})
        paths = [str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])]
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [spec.python, "-m", "yolo_cli.bench.worker", request],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        try:
            self.facts: dict[str, Any] = self._read()["facts"]
        except BaseException:  # Ctrl-C as well: no process is left behind
            self.close()
            raise
        self.start_up = time.perf_counter() - start

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        """Request something and wait for the answer.

        Raises:
            UserError: it failed.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the answer, or its absence, tells more
            print(json.dumps({"do": what, **values}), file=self._process.stdin, flush=True)
        return self._read()

    def seconds(self, what: str, **values: Any) -> list[float]:
        """Return how many seconds something takes."""
        return [float(value) for value in self.ask(what, **values)["seconds"]]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self.close()
            raise UserError(
                f"{self.spec.name}: the process ended ({code})",
                "out of memory? try fewer --backends or a smaller --batch",
                ExitCode.FAILURE,
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            self.close()
            raise UserError(f"{self.spec.name}: {answer['error']}", answer.get("hint", ""))
        return answer
