"""From the network's raw output to detections: score threshold and non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image

from yolo_cli.model.grid import Grid
from yolo_cli.model.thresholds import Thresholds


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
    """Decode, threshold and suppress.

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
        _select(image_boxes, image_scores, size, thresholds)
        for image_boxes, image_scores, size in zip(boxes, scores, sizes, strict=True)
    ]


def _select(
    boxes: Tensor, scores: Tensor, size: tuple[int, int], thresholds: Thresholds
) -> Detection:
    width, height = size
    box, label = torch.nonzero(scores >= thresholds.conf, as_tuple=True)
    if thresholds.classes is not None:
        wanted = torch.isin(label, torch.tensor(thresholds.classes, dtype=label.dtype))
        box, label = box[wanted], label[wanted]
    score = scores[box, label]
    scaled = boxes[box] * torch.tensor([width, height, width, height])
    scaled = clip_boxes_to_image(scaled, (height, width))
    inside = (scaled[:, 2:] > scaled[:, :2]).all(dim=1)
    scaled, score, label = scaled[inside], score[inside], label[inside]
    keep = batched_nms(scaled, score, label, thresholds.iou)[: thresholds.max_det]
    # A linear network may predict more than one; clamped last, as the order is by what it said.
    return Detection(boxes=scaled[keep], scores=score[keep].clamp(max=1), labels=label[keep])
