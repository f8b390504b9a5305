"""Plots by matplotlib: small ones without words for the page, whole ones as PNG files.

Class names are other people's text. On the page they are HTML, which can write every script in
its direction; in a PNG, matplotlib draws what its font has.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from yolo_cli.data.sample import FloatArray
from yolo_cli.evaluation.breakdown import KINDS, Breakdown
from yolo_cli.evaluation.confusion import Confusion
from yolo_cli.evaluation.fixes import Fix
from yolo_cli.evaluation.operating_point import OperatingPoint
from yolo_cli.evaluation.voc import ClassScore
from yolo_cli.text import printable

INK, GRID, LINE = "#1f2933", "#cbd2d9", "#0b66c3"
_DARK = {INK: "#e4e7eb", GRID: "#3e4c59", LINE: "#5aa9f7"}

COLORS = {
    "correct": "#009e73",
    "localization": "#e69f00",
    "similar": "#56b4e9",
    "other": "#cc79a7",
    "background": "#7b8794",
    "lacking": "#e4e7eb",
    "found": "#009e73",
    "wrong_class": "#cc79a7",
    "poorly_localized": "#e69f00",
    "not_found": "#7b8794",
}
"""Of the kinds of errors and the fates of objects: Okabe & Ito's palette, and greys."""

_RC: dict[Any, object] = {  # matplotlib's own type of a key differs between versions
    "svg.fonttype": "none",
    "svg.hashsalt": "yolo-cli",  # the same plot is the same file
    "font.family": ["sans-serif"],
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.parse_math": False,  # a $ in a name is a $
    "axes.axisbelow": True,
    "figure.dpi": 120,
}
_LONGEST_NAME = 24


@dataclass(frozen=True, eq=False)
class Curve:
    """A precision-recall curve and the point on it that ``--conf`` picks, all 0-1."""

    name: str
    recall: FloatArray
    precision: FloatArray
    point: tuple[float, float] | None


def curve(name: str, score: ClassScore, at_conf: OperatingPoint | None) -> Curve:
    """The curve of a class, without the points that lie on a straight line between others."""
    if not len(score.scores):
        return Curve(name, np.zeros(0), np.zeros(0), None)
    # Between two hits recall stands still and precision falls: the last of a run of misses says
    # it all.
    before_hit = np.append(score.hits[1:], True)
    keep = np.flatnonzero(score.hits | before_hit)
    point = None
    if at_conf is not None and not math.isnan(at_conf.precision):
        point = (at_conf.recall / 100, at_conf.precision / 100)
    return Curve(name, score.recall[keep], score.precision[keep], point)


def curve_svg(curves: Sequence[Curve]) -> Iterator[bytes]:
    """Draw each curve by itself, without its name, as an SVG file that follows a dark page."""
    with _style(grid=True):
        figure = Figure(figsize=(2.3, 1.9))
        axes = figure.add_axes((0.12, 0.12, 0.84, 0.84))
        _prepare(axes)
        for one in curves:
            drawn = _draw_curve(axes, one)
            file = BytesIO()
            figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
            for artist in drawn:
                artist.remove()
            yield _follow_dark(file.getvalue())


def curves_png(curves: Sequence[Curve]) -> bytes:
    """All curves in one picture; none if there are no curves."""
    if not curves:
        return b""
    columns = min(5, len(curves))
    rows = math.ceil(len(curves) / columns)
    with _style(grid=True):
        # Laid out by hand, in inches: the layout engines take seconds for a hundred curves.
        tile, gap, edge = np.array([1.9, 1.6]), np.array([0.2, 0.4]), np.array([0.6, 0.5])
        size = 2 * edge + np.array([columns, rows]) * (tile + gap) - gap
        figure = Figure(figsize=(size[0], size[1]))
        for i, one in enumerate(curves):
            row, column = divmod(i, columns)
            corner = edge + np.array([column, rows - 1 - row]) * (tile + gap)
            axes = figure.add_axes((*(corner / size), *(tile / size)))
            _prepare(axes)
            last = i + columns >= len(curves)
            axes.tick_params(labelbottom=last, labelleft=column == 0)
            _draw_curve(axes, one)
            axes.set_title(_short(one.name), fontsize=9)
        figure.supxlabel("recall", fontsize=9, y=0.02 / size[1] + 0.01)
        figure.supylabel("precision", fontsize=9, x=0.02 / size[0] + 0.01)
        return _png(figure)


def confusion_png(confusion: Confusion) -> bytes:
    """The confusion matrix, its rows as shares; numbers where there is room for them."""
    names = [_short(name) for name in (*confusion.classes, "background")]
    matrix = confusion.matrix
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    roomy = len(names) <= 50
    side = 2.2 + (0.32 if roomy else 0.14) * len(names)
    with _style():
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        size = 9 if roomy else 6
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
        axes.set_yticks(range(len(names)), names, fontsize=size)
        axes.set_xlabel("detected as")
        axes.set_ylabel("is")
        for row, column in np.argwhere(matrix) if roomy else ():
            color = "white" if share[row, column] > 0.5 else INK
            number = f"{matrix[row, column]}"
            axes.text(column, row, number, ha="center", va="center", fontsize=6, color=color)
        return _png(figure)


def breakdown_png(breakdown: Breakdown) -> bytes:
    """Figure 4 of the paper: a stacked bar for each class, and their mean."""
    rows = {"mean": breakdown.mean} if breakdown.mean else {}
    kinds = (*KINDS, "lacking")
    for name, one in breakdown.per_class.items():
        rows[_unique(_short(name), rows)] = {kind: one.percent(kind) for kind in kinds}
    with _style():
        figure = Figure(figsize=(7, 1.2 + 0.26 * len(rows)), layout="constrained")
        axes = figure.subplots()
        left = np.zeros(len(rows))
        for kind in kinds:
            width = np.array([row[kind] for row in rows.values()])
            axes.barh(range(len(rows)), width, left=left, color=COLORS[kind], label=kind)
            left += width
        axes.set_yticks(range(len(rows)), list(rows))
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of the first N detections, N = number of objects")
        figure.legend(loc="outside upper center", ncols=len(kinds), frameon=False, fontsize=8)
        return _png(figure)


def fixes_png(fixes: Sequence[Fix], now: float) -> bytes:
    """What mAP would be if each kind of error were fixed."""
    with _style():
        figure = Figure(figsize=(7, 0.8 + 0.32 * len(fixes)), layout="constrained")
        axes = figure.subplots()
        rows = range(len(fixes))
        if not math.isnan(now):
            gains = [fix.gain for fix in fixes]
            axes.barh(rows, [now] * len(fixes), color=GRID)
            bars = axes.barh(rows, gains, left=now, color=LINE)
            axes.bar_label(bars, [f" {gain:+.1f}" for gain in gains])
        axes.set_yticks(rows, [fix.name for fix in fixes])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("VOC07 mAP@0.5")
        return _png(figure)


def _prepare(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([0, 0.5, 1], ["0", ".5", "1"], fontsize=8)
        axis.set_tick_params(length=0)


def _draw_curve(axes: Axes, one: Curve) -> list[Line2D]:
    drawn = []
    if len(one.recall):
        recall = np.concatenate([one.recall[:1] * 0, one.recall])
        precision = np.concatenate([one.precision[:1], one.precision])
        drawn += axes.plot(recall, precision, color=LINE, linewidth=1.4, solid_joinstyle="round")
    if one.point is not None:
        drawn += axes.plot(*one.point, "o", color=INK, markersize=5, clip_on=False)
    return drawn


@contextmanager
def _style(*, grid: bool = False) -> Iterator[None]:
    """This module's looks; a character that the font lacks is drawn as a box, without a warning."""
    with mpl.rc_context({**_RC, "axes.grid": grid}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def _png(figure: Figure) -> bytes:
    file = BytesIO()
    figure.savefig(file, format="png", facecolor="white")
    return file.getvalue()


def _follow_dark(svg: bytes) -> bytes:
    """Let the colours of an SVG file follow those of the page that it is in."""
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark}!important}}'
        for light, dark in _DARK.items()
        for what in ("fill", "stroke")
    )
    style = f"<style>@media screen and (prefers-color-scheme:dark){{{rules}}}</style></svg>"
    return svg.replace(b"</svg>", style.encode())


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _unique(name: str, taken: Mapping[str, object]) -> str:
    """Two long names may begin alike."""
    while name in taken:
        name += "\u200b"
    return name
