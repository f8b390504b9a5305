"""What a person sees while a network is trained: one progress line, one row an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from yolo_cli.text import printable

TERMS = ("box", "object", "noobject", "class")


class Reporter:
    """Writes to a console; used as a context manager around everything that takes time."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

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
        """A line that stays."""
        self.console.print(printable(text), highlight=False, soft_wrap=True, markup=False)

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Start a bar of ``total`` images, ``done`` of which need no work any more."""
        self.end()
        self._task = self.progress.add_task(name, total=total, completed=done, rate="", detail="")

    def advance(self, images: int, detail: str = "") -> None:
        """``images`` more are done."""
        if self._task is None:
            return
        task = self.progress.tasks[self.progress.task_ids.index(self._task)]
        rate = f"{task.speed:.1f} images/s" if task.speed else ""
        self.progress.update(self._task, advance=images, rate=rate, detail=detail)

    def end(self) -> None:
        """Remove the bar."""
        if self._task is not None:
            self.progress.remove_task(self._task)
            self._task = None

    def interrupted(self, run: Path) -> None:
        """Ctrl-C: nothing is lost."""
        self.end()
        self.note(f"stopped; go on with: yolo train --resume {run}")

    def header(self) -> None:
        """Names of the columns of :meth:`epoch`."""
        terms = " ".join(f"{name:>8}" for name in TERMS)
        self.note(f"{'epoch':>9} {'rate':>8} {'loss':>8} {terms} {'img/s':>6} {'mAP':>6}")

    def epoch(self, row: Mapping[str, float], epochs: int, *, best: bool) -> None:
        """One row: mean loss terms, speed, validation mAP."""
        number = f"{row['epoch']:.0f}/{epochs}"
        terms = " ".join(f"{row[name]:8.3f}" for name in TERMS)
        score = "" if math.isnan(row["map"]) else f"{row['map']:6.2f}"
        self.note(
            f"{number:>9} {row['lr']:8.5f} {row['loss']:8.3f} {terms} "
            f"{row['images_per_second']:6.1f} {score}{' *' if best else ''}"
        )


def loss_line(terms: Mapping[str, float]) -> str:
    """The loss and its terms in one short line."""
    parts = " ".join(f"{name} {terms[name]:.2f}" for name in TERMS if name in terms)
    return f"loss {terms['loss']:.2f} ({parts})"
