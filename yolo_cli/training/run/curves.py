"""The course of a run as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from yolo_cli.tasks.task import Task


def draw_curves(history: Sequence[Mapping[str, float]], task: Task) -> bytes:
    """Draw loss terms and validation score over epochs, as PNG.

    Args:
        history: a row an epoch, as of ``metrics.csv``.
        task: whose terms and score they are.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(epochs) < 30 else ""
    for name in ("loss", *task.terms):
        style = {"color": "black", "linewidth": 2.0} if name == "loss" else {}
        left.plot(epochs, [row[name] for row in history], label=name, marker=marker, **style)
    left.set(xlabel="epoch", ylabel="training loss, per image", title="Loss and its terms")
    left.set_ylim(bottom=0)
    left.legend()
    scored = [row for row in history if not math.isnan(row[task.score_key])]
    right.plot(
        [row["epoch"] for row in scored],
        [row[task.score_key] for row in scored],
        color="tab:green",
        marker=marker,
    )
    right.set(xlabel="epoch", ylabel=task.score_title, title="Validation")
    right.set_ylim(0, 100)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
