"""From the network's raw output to detections: score threshold and non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor

from yolo_cli.tasks.detect.boxes import box_iou, clip_boxes, suppress
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.thresholds import Thresholds

FLOAT_MAX = torch.finfo(torch.float32).max


class Detection(TypedDict):
    """The objects found in one image, highest score first.

    ``boxes`` ``[N, 4]`` float32 xyxy in pixels of the upright image, ``scores`` ``[N]`` float32
    in [0, 1], ``labels`` ``[N]`` int64 class indices.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


def postprocess(
    raw: Tensor, grid: Grid, sizes: Sequence[tuple[int, int]], thresholds: Thresholds
) -> list[Detection]:
    """Decode, threshold, suppress and vote.

    Args:
        raw: ``[N, S, S, 5B + C]``, the network's output.
        grid: the network's grid.
        sizes: (width, height) of each image in pixels, upright.
        thresholds: what to keep.

    Returns:
        One detection dict an image, boxes clipped to the image; on the CPU.
    """
    boxes, scores = grid.decode(raw)
    boxes, scores = boxes.cpu(), scores.cpu()
    return [
        select(image_boxes, image_scores, size, thresholds)[0]
        for image_boxes, image_scores, size in zip(boxes, scores, sizes, strict=True)
    ]


def select(
    boxes: Tensor, scores: Tensor, size: tuple[int, int], thresholds: Thresholds
) -> tuple[Detection, Tensor]:
    """Threshold, suppress and vote on the boxes of one image.

    Args:
        boxes: ``[K, 4]`` xyxy relative to the image, as :meth:`.Grid.decode` returns them.
        scores: ``[K, C]``.
        size: (width, height) of the image in pixels, upright.
        thresholds: what to keep.

    Returns:
        What was found, and for each object the index, among the K, of the box that stands for it.
    """
    width, height = size
    boxes = clip_boxes(boxes * torch.tensor([width, height] * 2), width, height)
    scores = scores.nan_to_num(posinf=FLOAT_MAX)  # sums of scores with NaN would all be NaN
    box, label = torch.nonzero(scores >= thresholds.least, as_tuple=True)
    if thresholds.classes is not None:
        wanted = torch.isin(label, torch.tensor(thresholds.classes, dtype=label.dtype))
        box, label = box[wanted], label[wanted]
    inside = (boxes[box, 2:] > boxes[box, :2]).all(dim=1)
    box, label = box[inside], label[inside]
    score = scores[box, label]
    groups = torch.zeros_like(label) if thresholds.agnostic else label
    keep = suppress(boxes[box], score, groups, thresholds.iou)
    box, label, score, groups = box[keep], label[keep], score[keep], groups[keep]
    found = boxes[box]
    if thresholds.vote is not None:
        found, score = vote(found, score, boxes, scores[:, label].T, thresholds.vote)
        keep = suppress(found, score, groups, thresholds.iou)
        keep = keep[score[keep] >= thresholds.conf]
        found, label, score, box = found[keep], label[keep], score[keep], box[keep]
    found, label, score, box = (x[: thresholds.max_det] for x in (found, label, score, box))
    # A linear network may predict more than one; clamped last, as the order is by what it said.
    return Detection(boxes=found, scores=score.clamp(max=1), labels=label), box


def vote(
    found: Tensor, own: Tensor, boxes: Tensor, scores: Tensor, threshold: float
) -> tuple[Tensor, Tensor]:
    """Let all boxes that overlap one that was found have a say in where and how sure it is.

    A box moves to the mean of them, weighted by score and overlap (box voting, Gidaris & Komodakis
    2015). Its score grows with each of them but itself, as if all were independent witnesses:
    1 - (1 - score) exp(-Σ overlap · score). Boxes that move together may overlap too much for
    both to stay: they are suppressed once more afterwards.

    Args:
        found: ``[N, 4]`` xyxy boxes that are left after suppression.
        own: ``[N]`` their scores.
        boxes: ``[K, 4]`` xyxy, all boxes of the image, those among them.
        scores: ``[N, K]`` scores of all boxes for the class of each one found.
        threshold: lowest IoU of a box that has a vote, in (0, 1].

    Returns:
        ``[N, 4]`` xyxy and ``[N]`` scores.
    """
    overlap = box_iou(found, boxes).nan_to_num()  # a box without area overlaps nothing
    weight = torch.where(overlap >= threshold, overlap * scores, 0)
    total = weight.sum(dim=1)
    mean = (weight @ boxes.nan_to_num()) / total[:, None]  # what is no number weighs nothing
    moved = torch.where(total[:, None] > 0, mean, found)
    others = (total - own).clamp(min=0)
    return moved, 1 - (1 - own) * torch.exp(-others)
