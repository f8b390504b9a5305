"""Where human text goes: standard error. Standard output is for data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from yolo_cli.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from yolo_cli.data.check.check import Phase


def stderr() -> Console:
    """Return a console on standard error, as it is at the time of the call."""
    return Console(stderr=True, highlight=False)


def silent() -> Console:
    """Return a console that prints nothing."""
    return Console(quiet=True)


def say(console: Console, text: str, *, title: str = "", style: str = "bold") -> None:
    """Print one line, whatever characters the names in it have; a terminal wraps it.

    Args:
        console: where to.
        text: the line.
        title: put before it.
        style: of the title.
    """
    if title:
        console.print(title, style=style, end=" ")
    console.print(printable(text), markup=False, soft_wrap=True)


def say_error(console: Console, message: str, hint: str = "") -> None:
    """Print what is wrong and, in a second line, the way out."""
    say(console, message, title="error:", style="bold red")
    if hint:
        say(console, hint)


def plain_table(left: Iterable[str], right: Iterable[str] = ()) -> Table:
    """Make a table without lines.

    Args:
        left: titles of columns of text.
        right: titles of the columns of numbers after them.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in left:
        table.add_column(title, overflow="fold")
    for title in right:
        table.add_column(title, justify="right")
    return table


def cell(text: str) -> Text:
    """Return text for a table, in which nothing is markup."""
    return Text(printable(text))


def image_progress(console: Console, *, shown: bool = True) -> Progress:
    """Make a progress bar, see :func:`yolo_cli.progress.progress_bar`."""
    # Not for those who ask for help only.
    from yolo_cli.progress import progress_bar

    return progress_bar(console, shown=shown)


@contextmanager
def phases(console: Console, *, shown: bool = True) -> Iterator[Phase]:
    """Show a progress bar for one phase of the work at a time.

    Yields:
        What begins a phase, see :data:`yolo_cli.data.check.check.Phase`.
    """
    with image_progress(console, shown=shown) as bar:

        def phase(what: str, total: int | None) -> Callable[[int], None]:
            for task in bar.task_ids:
                bar.remove_task(task)
            task = bar.add_task(what, total=total)
            return lambda count: bar.advance(task, count)

        yield phase
