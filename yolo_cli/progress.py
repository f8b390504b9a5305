"""The one form of progress bars, in every command."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class RateColumn(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        """Show the speed of the last seconds."""
        return Text(f"{task.speed:.1f} images/s" if task.speed else "")


def progress_bar(
    console: Console, *, shown: bool = True, detail: bool = False, images: bool = True
) -> Progress:
    """Make a progress bar with rate and time left, which goes when it is done.

    Args:
        console: where it is drawn, if that is a terminal.
        shown: False for none.
        detail: show the field ``detail`` of each task, which ``add_task`` has to set.
        images: show how many images are done; False for a percentage of other work.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        *([MofNCompleteColumn(), RateColumn()] if images else [TaskProgressColumn()]),
        TimeRemainingColumn(),
        *([TextColumn("{task.fields[detail]}")] if detail else []),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
        # Else what is printed meanwhile goes to the bar's console, not to standard output.
        redirect_stdout=False,
    )
