"""Progress bars for many images."""

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


class RateColumn(ProgressColumn):
    """Images a second."""

    def render(self, task: Task) -> Text:
        """The speed of the last seconds."""
        return Text(f"{task.speed:.1f} images/s" if task.speed else "")


def progress_bar(console: Console, *, shown: bool = True) -> Progress:
    """A progress bar with rate and time left, gone when it is done.

    Args:
        console: where it is drawn, if that is a terminal.
        shown: False to have none.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
        # Else what is printed meanwhile goes to the bar's console, not to standard output.
        redirect_stdout=False,
    )
