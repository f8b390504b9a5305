"""From raw grid outputs to boxes, scores and labels as part of an ONNX graph.

The same as :meth:`yolo_cli.tasks.detect.grid.Grid.decode` and
:mod:`yolo_cli.tasks.detect.postprocess`, in ONNX's operators.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from yolo_cli.optional import optional
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.postprocess import Detection
from yolo_cli.tasks.detect.thresholds import Thresholds

if TYPE_CHECKING:
    import onnx

BOXES, SCORES, LABELS, IMAGES = "boxes", "scores", "labels", "batch_index"
THRESHOLDS = "thresholds"  # name in the metadata
CLASS_DISTANCE = 2  # parts boxes that lie within 0 and 1

# Grid.decode, equation 1 of the paper. A reshape's 0 keeps the axis of the batch.
DECODE = """
  told, class_told = Split <axis = 3> ({raw}, cell_parts)
  box_told = Reshape (told, cell_shape)
  xy_told, root_told, confidence_told = Split <axis = 4> (box_told, box_parts)
  xy = {position} (xy_told)
  root = {position} (root_told)
  confidence = {confidence} (confidence_told)
  class_flat = {classes} (class_told)
  class_score = Unsqueeze (class_flat, axis_three)
  centre_cells = Add (xy, corners_of_cells)
  centre = Div (centre_cells, cells_a_side)
  wh = Mul (root, root)
  half = Mul (wh, one_half)
  low = Sub (centre, half)
  high = Add (centre, half)
  corners = Concat <axis = 4> (low, high)
  corners_flat = Reshape (corners, boxes_shape)
  all_boxes = Clip (corners_flat, zero, one)
  score_cells = Mul (confidence, class_score)
  all_scores = Reshape (score_cells, scores_shape)
"""

# postprocess._select. Boxes of different classes are moved apart, so that one suppression does
# for all classes and keeps the best of an image, in order of their scores.
SELECT = """
  low_all, high_all = Split <axis = 2> (all_boxes, corner_parts)
  size_all = Sub (high_all, low_all)
  least_side = ReduceMin <axes = [2], keepdims = 1> (size_all)
  has_area = Greater (least_side, zero)
  area_scores = Where (has_area, all_scores, minus_one)
  flat_scores = Reshape (area_scores, candidates_scores)
  boxes_four = Unsqueeze (all_boxes, axis_two)
  apart = Add (boxes_four, class_offsets)
  flat_boxes = Reshape (apart, candidates_boxes)
  selected = NonMaxSuppression (flat_boxes, flat_scores, {limit}, iou, {below})
  image = Gather <axis = 1> (selected, zero_index)
  candidate = Gather <axis = 1> (selected, two_index)
  label = Mod (candidate, class_count)
  box = Div (candidate, class_count)
  image_column = Unsqueeze (image, axis_one)
  box_column = Unsqueeze (box, axis_one)
  label_column = Unsqueeze (label, axis_one)
  where_box = Concat <axis = 1> (image_column, box_column)
  found = GatherND (all_boxes, where_box)
  where_score = Concat <axis = 1> (where_box, label_column)
  score = GatherND (all_scores, where_score)
"""

# postprocess.vote.
VOTE = """
  others = Gather <axis = 0> (all_boxes, image)
  by_class = Transpose <perm = [0, 2, 1]> (all_scores)
  where_class = Concat <axis = 1> (image_column, label_column)
  support = GatherND (by_class, where_class)
  mine = Unsqueeze (found, axis_one)
  my_low, my_high = Split <axis = 2> (mine, corner_parts)
  other_low, other_high = Split <axis = 2> (others, corner_parts)
  inner_low = Max (my_low, other_low)
  inner_high = Min (my_high, other_high)
  inner_signed = Sub (inner_high, inner_low)
  inner = Relu (inner_signed)
  inner_area = ReduceProd <axes = [2], keepdims = 0> (inner)
  my_size = Sub (my_high, my_low)
  my_area = ReduceProd <axes = [2], keepdims = 0> (my_size)
  other_size = Sub (other_high, other_low)
  other_area = ReduceProd <axes = [2], keepdims = 0> (other_size)
  area_sum = Add (my_area, other_area)
  union = Sub (area_sum, inner_area)
  overlap = Div (inner_area, union)
  too_far = Less (overlap, vote)
  weight_near = Mul (overlap, support)
  weight = Where (too_far, zero, weight_near)
  weight_row = Unsqueeze (weight, axis_one)
  weighted = MatMul (weight_row, others)
  weighted_sum = Squeeze (weighted, axis_one)
  total = ReduceSum <keepdims = 1> (weight, axis_one)
  mean = Div (weighted_sum, total)
  has_votes = Greater (total, zero)
  moved = Where (has_votes, mean, found)
  total_row = Squeeze (total, axis_one)
  others_signed = Sub (total_row, score)
  others_said = Relu (others_signed)
  against = Neg (others_said)
  unexplained = Exp (against)
  doubt = Sub (one, score)
  doubt_left = Mul (doubt, unexplained)
  sure = Sub (one, doubt_left)
  sure_at_most_one = Min (sure, one)
"""

# The second suppression: what was found goes back to its place among all candidates, with the
# number of its row, and is chosen from there once more.
AGAIN = """
  label_number = Cast <to = 1> (label_column)
  class_offset = Mul (label_number, class_distance)
  moved_apart = Add (moved, class_offset)
  candidate_column = Unsqueeze (candidate, axis_one)
  where_candidate = Concat <axis = 1> (image_column, candidate_column)
  boxes_again = ScatterND (flat_boxes, where_candidate, moved_apart)
  places_scores = Squeeze (flat_scores, axis_one)
  places = Shape (places_scores)
  nowhere = ConstantOfShape <value = float[1] {{-1.0}}> (places)
  sure_places = ScatterND (nowhere, where_candidate, sure)
  scores_again = Unsqueeze (sure_places, axis_one)
  no_rows = ConstantOfShape <value = int64[1] {{0}}> (places)
  count_found = Shape (label)
  last_row = Squeeze (count_found)
  rows_found = Range (zero_index, last_row, one_index)
  rows = ScatterND (no_rows, where_candidate, rows_found)
  selected_again = NonMaxSuppression (boxes_again, scores_again, max_det, iou, below_conf)
  where_again = Gather <axis = 1> (selected_again, zero_and_two)
  row = GatherND (rows, where_again)
  {boxes} = Gather (moved, row)
  {scores} = Gather (sure_at_most_one, row)
  {labels} = Gather (label, row)
  {images} = Gather (image, row)
"""

# Without voting.
END = """
  {boxes} = Identity (found)
  {scores} = Min (score, one)
  {labels} = Identity (label)
  {images} = Identity (image)
"""


def add_detections(model: onnx.ModelProto, raw: str, grid: Grid, thresholds: Thresholds) -> None:
    """Give a model four more outputs, for the M objects in all images of the batch.

    ``boxes`` ``[M, 4]`` float32 xyxy relative to the image, 0 to 1; ``scores`` ``[M]`` float32;
    ``labels`` ``[M]`` int64; ``batch_index`` ``[M]`` int64, the image each was found in. Images
    come in order, and the objects of each with the highest score first.

    Args:
        model: changed in place; its own output stays.
        raw: name of that output, ``[N, S, S, 5B + C]``.
        grid: of the network.
        thresholds: what is kept; their ``classes`` are not asked.
    """
    parser = optional("onnx.parser", "onnx")
    from onnx import TensorProto, helper, numpy_helper

    sigmoid = grid.output == "sigmoid"
    votes = thresholds.vote is not None
    body = (DECODE + SELECT + (VOTE + AGAIN if votes else END)).format(
        raw=raw,
        limit="all_candidates" if votes else "max_det",
        below="below_least" if votes else "below_conf",
        position="Sigmoid" if sigmoid else "Identity",
        confidence="Sigmoid" if sigmoid else "Relu",
        classes="Softmax <axis = 3>" if sigmoid else "Relu",
        boxes=BOXES,
        scores=SCORES,
        labels=LABELS,
        images=IMAGES,
    )
    text = f"tail (float[N] {raw}) => (float[M] {BOXES}) {{{body}}}"
    graph = model.graph
    graph.node.extend(parser.parse_graph(text).node)
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in _constants(grid, thresholds)
    )
    outputs: tuple[tuple[str, int, list[str | int]], ...] = (
        (BOXES, TensorProto.FLOAT, ["M", 4]),
        (SCORES, TensorProto.FLOAT, ["M"]),
        (LABELS, TensorProto.INT64, ["M"]),
        (IMAGES, TensorProto.INT64, ["M"]),
    )
    for name, kind, shape in outputs:
        graph.output.append(helper.make_tensor_value_info(name, kind, shape))
    kept = {"conf": thresholds.conf, "iou": thresholds.iou, "max_det": thresholds.max_det}
    entry = model.metadata_props.add()
    entry.key, entry.value = THRESHOLDS, json.dumps({**kept, "vote": thresholds.vote})


def detection_of(outputs: Mapping[str, npt.NDArray[Any]]) -> Detection:
    """Return the objects of a batch of one image, boxes relative to it."""
    return Detection(
        boxes=torch.from_numpy(outputs[BOXES]),
        scores=torch.from_numpy(outputs[SCORES]),
        labels=torch.from_numpy(outputs[LABELS]),
    )


def _constants(grid: Grid, thresholds: Thresholds) -> list[tuple[str, npt.NDArray[np.generic]]]:
    side, boxes, classes = grid.size, grid.boxes, grid.classes
    count = side * side * boxes
    rows, columns = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    cells = np.stack([columns, rows], axis=-1).reshape(1, side, side, 1, 2)
    offsets = CLASS_DISTANCE * np.arange(classes).reshape(1, 1, classes, 1)
    # The operator keeps what is above its threshold, we what is not below.
    below, below_least = (
        np.nextafter(np.float32(least), np.float32(-1))
        for least in (thresholds.conf, thresholds.least)
    )
    numbers: dict[str, Any] = {
        "corners_of_cells": cells,
        "cells_a_side": side,
        "class_offsets": offsets,
        "zero": 0,
        "one": 1,
        "minus_one": -1,
        "one_half": 0.5,
        "iou": [thresholds.iou],
        "below_conf": [below],
        "below_least": [below_least],
        "class_distance": CLASS_DISTANCE,
        "vote": 0 if thresholds.vote is None else thresholds.vote,
    }
    wholes: dict[str, Any] = {
        "cell_parts": list(grid.parts),
        "cell_shape": [0, side, side, boxes, sum(grid.box_parts)],
        "box_parts": list(grid.box_parts),
        "corner_parts": [2, 2],
        "boxes_shape": [0, count, 4],
        "scores_shape": [0, count, classes],
        "candidates_boxes": [0, count * classes, 4],
        "candidates_scores": [0, 1, count * classes],
        "axis_one": [1],
        "axis_two": [2],
        "axis_three": [3],
        "zero_index": 0,
        "one_index": 1,
        "two_index": 2,
        "zero_and_two": [0, 2],
        "all_candidates": [count * classes],
        "class_count": classes,
        "max_det": [thresholds.max_det],
    }
    return [
        *((name, np.asarray(value, dtype=np.float32)) for name, value in numbers.items()),
        *((name, np.asarray(value, dtype=np.int64)) for name, value in wholes.items()),
    ]
