"""The table of a network's layers, and the lines below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from yolo_cli.cli.console import cell, plain_table

if TYPE_CHECKING:
    from yolo_cli.model.table import Row

_TITLES = ["#", "layer", "kernel"], ["stride", "output", "parameters", "MFLOP", "field"]


def show_rows(console: Console, rows: Sequence[Row]) -> None:
    """Print a row for each layer, in at most 80 columns."""
    table = plain_table(*_TITLES)
    for number, row in enumerate(rows, start=1):
        table.add_row(
            str(number),
            row.name,
            row.kernel,
            str(row.stride) if row.stride > 1 else "",
            "×".join(map(str, row.shape)),
            f"{row.parameters:,}" if row.parameters else "",
            _millions(row.flops) if row.flops else "",
            str(row.field or "all"),
        )
    console.print(table)


def show_lines(console: Console, lines: Mapping[str, str]) -> None:
    """Print titles with a text for each; a text of several lines stands beside its title."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(style="bold", width=8)
    table.add_column(overflow="fold")
    for title, text in lines.items():
        if text:
            table.add_row(title, cell(text))
    console.print(table)


def cost(rows: Sequence[Row]) -> str:
    """Return ``61.1 million parameters, 1.4 GFLOP an image``."""
    flops = sum(row.flops for row in rows)
    return f"{_size(_parameters(rows))} million parameters, {flops / 1e9:.1f} GFLOP an image"


def share(rows: Sequence[Row]) -> str:
    """Return how many of the parameters the connected layers have."""
    total, part = _parameters(rows), _parameters([row for row in rows if row.connected])
    if not part:
        return f"no connected layers: all {_size(total)} million parameters are in convolutions"
    return (
        f"{_size(part)} of {_size(total)} million parameters are in connected layers: "
        f"{part / total:.0%}"
    )


def _parameters(rows: Sequence[Row]) -> int:
    return sum(row.parameters for row in rows)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f}"


def _millions(count: int) -> str:
    return f"{count / 1e6:,.0f}" if count >= 1e7 else f"{count / 1e6:.2g}"
