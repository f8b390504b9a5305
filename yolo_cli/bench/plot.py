"""A benchmark as a picture."""

from __future__ import annotations

import io
from pathlib import Path

from yolo_cli.bench.measure import Benchmark, Row
from yolo_cli.files import atomic_write

BAR, GAP = 0.36, 0.9  # inches a row, and for title and axis


def write_plot(result: Benchmark, path: Path) -> None:
    """Draw bars of latency (to the 95th percentile) and of images per second, as PNG.

    Raises:
        UserError: it cannot be written.
    """
    from matplotlib.figure import Figure

    rows = result.rows[::-1]
    figure = Figure(figsize=(11, 2 * GAP + BAR * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    names = [label(row) for row in rows]
    latency = [row.latency for row in rows]
    beyond = [max(0.0, row.latency_p95 - row.latency) for row in rows]
    nothing = [0.0] * len(rows)
    bars = left.barh(names, latency, color="#4878a8", xerr=[nothing, beyond], ecolor="#99a")
    left.bar_label(bars, [f"{value:.1f}" for value in latency], padding=3)
    left.set_title("forward pass, ms (median; line to 95th percentile)", fontsize=10)
    rates = [row.pipeline_rate for row in rows]
    bars = right.barh(names, rates, color="#6a9a5b")
    right.bar_label(bars, [f"{value:.1f}" for value in rates], padding=3)
    right.set_title("files to detections, images/s", fontsize=10)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.15)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    with atomic_write(path) as file:
        file.write(content.getvalue())


def label(row: Row) -> str:
    """Return the name of a row: subject, precision and batch."""
    return f"{row.name}, batch {row.batch}"
