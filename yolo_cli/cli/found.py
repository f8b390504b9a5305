"""What ``yolo detect`` says at the end: a row for each picture, and totals."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from yolo_cli.cli.console import cell, plain_table, say, say_error
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.tasks.result import Result

TABLE_IMAGES = 30  # longer tables are not read; the totals are
TABLE_OBJECTS = 6  # likewise


class Found:
    """Collects results, of whatever task.

    Args:
        console: where to.

    Attributes:
        failures: pictures and folders that could not be read.
        skipped: pictures that an earlier run has done.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.failures = 0
        self.skipped = 0
        self._rows: list[tuple[str, str, str]] = []
        self._images = 0
        self._frames = 0
        self._totals: Counter[str] = Counter()

    def fail(self, message: str) -> None:
        """Say that a picture cannot be read; the rest goes on."""
        self.failures += 1
        say_error(self.console, message)

    def add(self, result: Result) -> None:
        """Take the result of a picture."""
        origin = result.origin
        if origin.frame is None:
            self._images += 1
        else:
            self._frames += 1
        found = result.found()
        self._totals.update(name for name, _ in found)
        if len(self._rows) < TABLE_IMAGES:
            listed = [f"{name} {score:.0%}" for name, score in found]
            objects = ", ".join(listed[:TABLE_OBJECTS]) or "nothing"
            if len(found) > TABLE_OBJECTS:
                objects += f" and {len(found) - TABLE_OBJECTS} more"
            name = origin.path.name if origin.path else origin.name
            if origin.frame is not None:
                name = f"{Path(name).name} {origin.time or 0:.2f} s"
            self._rows.append((name, f"{result.width}×{result.height}", objects))

    def show(self, results: str, *, table: bool) -> None:
        """Print the table, unless standard output has it all as JSON, and the totals."""
        if table and self._rows:
            grid = plain_table(["image", "size", "found"])
            for row in self._rows:
                grid.add_row(*map(cell, row))
            self.console.print(grid)
            if self._images + self._frames > len(self._rows):
                more = self._images + self._frames - len(self._rows)
                say(self.console, f"… and {counted(more, 'more image')}")
        what = [counted(self._images, "image")] if self._images or not self._frames else []
        if self._frames:
            what.append(counted(self._frames, "frame"))
        found = ", ".join(f"{count} {name}" for name, count in self._totals.most_common())
        line = f"{' and '.join(what)}: {found or 'nothing found'}"
        if self.failures:
            line += f"; {self.failures} could not be read"
        if self.skipped:
            line += f"; {self.skipped} done before"
        say(self.console, line)
        if results and self._images + self._frames:
            say(self.console, results)
