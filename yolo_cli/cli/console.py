"""Where human text goes: standard error. Standard output is for data."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


def stderr() -> Console:
    """A console on standard error, as it is at the time of the call."""
    return Console(stderr=True, highlight=False)


class RateColumn(ProgressColumn):
    """Images a second."""

    def render(self, task: Task) -> Text:
        """The speed of the last seconds."""
        return Text(f"{task.speed:.1f} images/s" if task.speed else "")


def image_progress(console: Console) -> Progress:
    """A progress bar with rate and time left, gone when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
