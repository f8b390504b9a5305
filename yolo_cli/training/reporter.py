"""What a person sees while a network is trained: one progress line, one row an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import TaskID

from yolo_cli.progress import progress_bar
from yolo_cli.tasks.task import Task
from yolo_cli.text import printable


class Reporter:
    """Writes to a console; used as a context manager around everything that takes time."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = progress_bar(console, detail=True)
        self._bar: TaskID | None = None
        self._task: Task | None = None

    def __enter__(self) -> Reporter:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self.console.print(printable(text), highlight=False, soft_wrap=True, markup=False)

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Start a bar of ``total`` images, ``done`` of which need no work any more."""
        self.end()
        self._bar = self.progress.add_task(name, total=total, completed=done, detail="")

    def advance(self, images: int, detail: str = "") -> None:
        """Note that ``images`` more are done."""
        if self._bar is not None:
            self.progress.update(self._bar, advance=images, detail=detail)

    def end(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self.progress.remove_task(self._bar)
            self._bar = None

    def interrupted(self, run: Path) -> None:
        """Say after Ctrl-C that nothing is lost."""
        self.end()
        self.note(f"stopped; go on with: yolo train --resume {run}")

    def header(self, task: Task) -> None:
        """Write the names of the columns of :meth:`epoch`, which are the task's."""
        self._task = task
        terms, label = " ".join(f"{name:>8}" for name in task.terms), task.score_label
        self.note(f"{'epoch':>9} {'rate':>8} {'loss':>8} {terms} {'img/s':>6} {label:>6}")

    def epoch(self, row: Mapping[str, float], epochs: int, *, best: bool) -> None:
        """Write one row: mean loss terms, speed, validation score; needs :meth:`header` before."""
        assert self._task is not None
        number = f"{row['epoch']:.0f}/{epochs}"
        terms = " ".join(f"{row[name]:8.3f}" for name in self._task.terms)
        value = row[self._task.score_key]
        score = "" if math.isnan(value) else f"{value:6.2f}"
        self.note(
            f"{number:>9} {row['lr']:8.5f} {row['loss']:8.3f} {terms} "
            f"{row['images_per_second']:6.1f} {score}{' *' if best else ''}"
        )


def loss_line(terms: Mapping[str, float], names: Sequence[str]) -> str:
    """Return the loss and the terms of these names in one short line."""
    parts = " ".join(f"{name} {terms[name]:.2f}" for name in names if name in terms)
    return f"loss {terms['loss']:.2f} ({parts})"
