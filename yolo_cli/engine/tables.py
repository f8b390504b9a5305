"""A part's results as bytes: Parquet, or JSON lines as ``yolo detect --json`` prints them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from yolo_cli.engine.parts import Form
from yolo_cli.optional import optional
from yolo_cli.tasks.result import Record


def results(records: Sequence[Record], form: Form) -> bytes:
    """Return the file of what was found: a row an image, also where nothing was found.

    In Parquet ``path``, ``width``, ``height``, and of its objects ``label``, ``score`` and ``box``
    (xyxy in pixels of the upright image), lists of the same length.

    Args:
        records: of a detector.
        form: of the file.
    """
    if form == "jsonl":
        return _lines(records)
    arrow: Any = optional("pyarrow", "ray")
    texts = arrow.list_(arrow.string())
    scores = arrow.list_(arrow.float64())
    boxes = arrow.list_(arrow.list_(arrow.float64()))
    columns: list[tuple[str, Any, Callable[[Record], Any]]] = [
        ("path", arrow.string(), lambda one: _text(one["image"])),
        ("width", arrow.int32(), lambda one: one["width"]),
        ("height", arrow.int32(), lambda one: one["height"]),
        ("label", texts, lambda one: [found["label"] for found in one["detections"]]),
        ("score", scores, lambda one: [found["score"] for found in one["detections"]]),
        ("box", boxes, lambda one: [found["box"] for found in one["detections"]]),
    ]
    return _parquet(records, columns)


def errors(failures: Sequence[tuple[str, str]], form: Form) -> bytes:
    """Return the file of images that cannot be read: ``path`` and ``reason``."""
    if form == "jsonl":
        return _lines([{"image": name, "reason": reason} for name, reason in failures])
    arrow: Any = optional("pyarrow", "ray")
    columns: list[tuple[str, Any, Callable[[tuple[str, str]], Any]]] = [
        ("path", arrow.string(), lambda one: _text(one[0])),
        ("reason", arrow.string(), lambda one: _text(one[1])),
    ]
    return _parquet(failures, columns)


def _lines(values: Sequence[Record]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def _parquet(
    rows: Sequence[Any], columns: Sequence[tuple[str, Any, Callable[[Any], Any]]]
) -> bytes:
    arrow: Any = optional("pyarrow", "ray")
    parquet: Any = optional("pyarrow.parquet", "ray")
    arrays = {name: arrow.array([of(row) for row in rows], kind) for name, kind, of in columns}
    file = io.BytesIO()
    parquet.write_table(arrow.table(arrays), file)
    return file.getvalue()


def _text(name: str) -> str:
    """Return a name as UTF-8, which those of files need not be."""
    return name.encode("utf-8", "backslashreplace").decode()
