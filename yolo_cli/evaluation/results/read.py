"""Detections of any tool, in the order and under the labels of the ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from yolo_cli.data.formats.common import Key
from yolo_cli.data.sample import Dataset, FloatArray, IntArray, Sample
from yolo_cli.errors import UserError
from yolo_cli.evaluation.result_forms import BOXES_FLAG, FORMAT_FLAG, BoxForm, ResultFormat
from yolo_cli.evaluation.results.boxes import (
    FRACTION_FORMS,
    MOST_BAD,
    PIXEL_FORMS,
    RULED_OUT,
    are_fractions,
    choose_form,
    share_impossible,
    size_limits,
    swapped,
    tidy,
    to_corners,
)
from yolo_cli.evaluation.results.names import ImageNames, class_indices, image_indices
from yolo_cli.evaluation.results.rows import Rows
from yolo_cli.evaluation.results.sources import read_rows

_FORMS: dict[ResultFormat, BoxForm] = {
    "coco": "xywh",
    "voc": "voc",
    "yolo": "cxcywhn",
    "jsonl": "xyxy",
}
"""What the boxes of a format are, unless a user says otherwise; ``text`` has several."""


class DetectionArrays(TypedDict):
    """The detections of one image, in the order of the files.

    ``boxes`` ``[N, 4]`` float64 xyxy in pixels of the upright image, ``scores`` ``[N]`` float64,
    ``labels`` ``[N]`` int64 class indices. Unlike this tool's own, boxes may stick out of the
    image or be empty, and scores may be any finite number.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: IntArray


def detections_of(
    dataset: Dataset,
    path: Path,
    *,
    format: ResultFormat | None = None,  # noqa: A002
    boxes: BoxForm | None = None,
    class_base: int | None = None,
    ignore_unknown: bool = False,
) -> list[DetectionArrays]:
    """Read the detections of a dataset: :func:`read_detections` with all that it knows."""
    return read_detections(
        path,
        dataset.samples,
        dataset.classes,
        format=format,
        boxes=boxes,
        class_base=class_base,
        ignore_unknown=ignore_unknown,
        category_ids=dataset.category_ids,
        inclusive=dataset.format == "text",
    )


def read_detections(
    path: Path,
    samples: Sequence[Sample],
    classes: Sequence[str],
    *,
    format: ResultFormat | None = None,  # noqa: A002
    boxes: BoxForm | None = None,
    ignore_unknown: bool = False,
    class_base: int | None = None,
    category_ids: Mapping[Key, int] | None = None,
    inclusive: bool = False,
) -> list[DetectionArrays]:
    """Read the detections that this or another tool has written.

    It understands COCO's results (``[{image_id, category_id, bbox, score}]``), VOC's files for
    each class (``image score xmin ymin xmax ymax``, pixels from 1), folders of a file for each
    image (``class score`` and a box; or YOLO's ``class x y width height score`` in fractions), and
    lines of ``yolo detect --json``.

    Args:
        path: the file or folder.
        samples: the ground truth.
        classes: names that its labels index.
        format: of the files; None to find out.
        boxes: what the four numbers of a box are; None for what the format says, or for the only
            form in which all boxes make sense.
        ignore_unknown: leave out detections of images and classes that the ground truth lacks.
        class_base: number of the first class, where classes are numbers without ids; None to
            find out. In YOLO's files it is 0.
        category_ids: index of the class by COCO's ``category_id``.
        inclusive: in text files the right and bottom pixel belong to the box, as in this ground
            truth: tools that keep both in text files reckon so.

    Returns:
        The detections of each sample, in the order of the samples.

    Raises:
        UserError: a file is broken, ambiguous, or names what the ground truth lacks.
    """
    names = ImageNames(samples)
    found, rows = read_rows(path, classes, lambda name: names.find(name) != -1, format)
    if not len(rows):
        return _by_image(np.zeros(0, np.int64), np.zeros((0, 6)), len(samples))
    image = image_indices(rows, names, ignore_unknown=ignore_unknown)
    label = class_indices(
        rows,
        classes,
        category_ids or {} if found == "coco" else {},
        class_base=0 if found == "yolo" else class_base,
        ignore_unknown=ignore_unknown,
    )
    kept = np.flatnonzero((image >= 0) & (label >= 0))
    values, image = rows.values[kept], image[kept]
    form = boxes or _form(found, values, size_limits(samples)[image], path)
    corners = to_corners(values, form, _sizes(samples, image, form, rows, kept))
    if inclusive and found == "text" and form != "voc":
        corners[:, :2] -= 1
    _refuse_swapped(corners, rows, kept, form)
    columns = np.column_stack([tidy(corners), rows.scores[kept], label[kept]])
    return _by_image(image, columns, len(samples))


def _sizes(
    samples: Sequence[Sample], image: IntArray, form: BoxForm, rows: Rows, kept: IntArray
) -> FloatArray:
    """Return the width and height of each row's image, which fractions cannot do without."""
    sizes = np.array([(one.width, one.height) for one in samples], dtype=np.float64)[image]
    if form.endswith("n"):
        _need_sizes(sizes, rows, kept)
    return sizes


def _form(found: ResultFormat, values: FloatArray, limits: FloatArray, path: Path) -> BoxForm:
    """Find out what the boxes are.

    Raises:
        UserError: that is not clear, or the boxes cannot be what the format says.
    """
    if not len(values):
        return _FORMS.get(found, "xyxy")
    fractions = are_fractions(values)
    if found == "text":
        return choose_form(values, limits, FRACTION_FORMS if fractions else PIXEL_FORMS, f"{path}")
    form = _FORMS[found]
    if found == "yolo":
        if not fractions:
            raise UserError(
                f"{path}: the boxes are not fractions of the image",
                f"say what they are: {BOXES_FLAG} cxcywh, or {FORMAT_FLAG} text",
            )
        return form
    if fractions:
        other = "xywhn" if form == "xywh" else "xyxyn"
        raise UserError(
            f"{path}: the boxes look like fractions of the image, where pixels should be",
            f"say what they are: {BOXES_FLAG} {other} or {BOXES_FLAG} {form}",
        )
    if found == "coco" and _are_corners(values, limits):
        raise UserError(
            f"{path}: as left, top, width, height many boxes leave their image",
            f"say what they are: {BOXES_FLAG} xyxy (corners) or {BOXES_FLAG} xywh",
        )
    return form


def _are_corners(values: FloatArray, limits: FloatArray) -> bool:
    """Return whether what should be corner and size makes sense only as two corners."""
    if share_impossible(values, "xywh", limits) <= 2 * RULED_OUT:
        return False
    return share_impossible(values, "xyxy", limits) <= MOST_BAD


def _need_sizes(sizes: FloatArray, rows: Rows, kept: IntArray) -> None:
    unknown = np.flatnonzero((sizes <= 0).any(axis=1))
    if len(unknown):
        row = int(kept[unknown[0]])
        name = str(rows.images[int(rows.image[row])])[:200]
        raise UserError(
            f"{rows.where(row)}: fractions of image {name!r}, whose size is not known",
            "put the images where the dataset has them",
        )


def _refuse_swapped(corners: FloatArray, rows: Rows, kept: IntArray, form: BoxForm) -> None:
    """Refuse boxes that end before they begin if there are many: they are of another form."""
    bad = np.flatnonzero(swapped(corners))
    if len(bad) <= MOST_BAD * len(corners):
        return
    row = int(kept[bad[0]])
    numbers = " ".join(f"{value:g}" for value in rows.values[row])
    other = "xywh" if form in {"xyxy", "voc"} else "xyxy"
    raise UserError(
        f"{rows.where(row)}: box '{numbers}' ends before it begins "
        f"({len(bad)} of {len(corners)} do), read as {form}",
        f"say what the numbers are, as in {BOXES_FLAG} {other}",
    )


def _by_image(image: IntArray, columns: FloatArray, count: int) -> list[DetectionArrays]:
    """Cut ``[N, 6]`` boxes, scores and labels into those of each image, keeping their order."""
    order = np.argsort(image, kind="stable")
    ends = np.cumsum(np.bincount(image, minlength=count))[:-1]
    return [
        DetectionArrays(
            boxes=part[:, :4].copy(), scores=part[:, 4].copy(), labels=part[:, 5].astype(np.int64)
        )
        for part in np.split(columns[order], ends)
    ]
