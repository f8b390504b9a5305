"""Boxes as tensors: overlap, clipping, suppression; to the bit as :mod:`torchvision.ops` has them.

That package brings torch's compiler along, which a photograph would wait for longer than for all
the rest of the start. Of torchvision only the compiled suppression is loaded here.
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

_FEW = 1000
"""Boxes up to which all classes are suppressed at once; torchvision's measure for a CPU."""


def box_iou(one: Tensor, other: Tensor) -> Tensor:
    """Return the overlap of all pairs, intersection over union.

    Args:
        one: ``[N, 4]`` xyxy.
        other: ``[M, 4]`` xyxy.

    Returns:
        ``[N, M]`` in [0, 1]; NaN where neither of the two has an area.
    """
    first = torch.max(one[:, None, :2], other[None, :, :2])
    last = torch.min(one[:, None, 2:], other[None, :, 2:])
    common = (last - first).clamp(min=0)
    intersection = common[..., 0] * common[..., 1]
    union = _area(one)[:, None] + _area(other)[None, :] - intersection
    return intersection / union


def clip_boxes(boxes: Tensor, width: int, height: int) -> Tensor:
    """Return xyxy boxes, ``[…, 4]``, without what lies outside an image."""
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack((x, y), dim=-1).flatten(-2)


def suppress(boxes: Tensor, scores: Tensor, groups: Tensor, iou: float) -> Tensor:
    """Return the indices of the boxes that are left after non-maximum suppression.

    Args:
        boxes: ``[N, 4]`` xyxy, not negative, on the CPU.
        scores: ``[N]``.
        groups: ``[N]``; boxes of different ones do not suppress each other.
        iou: overlap above which the box with the lower score goes.

    Returns:
        Indices, highest score first.
    """
    _load()
    nms = torch.ops.torchvision.nms
    if not len(boxes):
        return torch.zeros(0, dtype=torch.int64)
    if len(boxes) <= _FEW:  # each group in a place of its own, where no other's boxes are
        apart = boxes + (groups.to(boxes) * (boxes.max() + 1))[:, None]
        together: Tensor = nms(apart, scores, iou)
        return together
    left = torch.zeros_like(scores, dtype=torch.bool)
    for group in groups.unique():
        members = (groups == group).nonzero()[:, 0]
        left[members[nms(boxes[members], scores[members], iou)]] = True
    indices = left.nonzero()[:, 0]
    return indices[scores[indices].sort(descending=True)[1]]


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


@cache
def _load() -> None:
    """Make torchvision's operators known to torch, without its Python if that is possible."""
    try:
        torch.ops.load_library(str(_extension()))
        torch.ops.torchvision.nms  # noqa: B018  # looked up now, where something can be done
    except (OSError, StopIteration, AttributeError):
        import torchvision  # noqa: F401  # loads its operators wherever they are


def _extension() -> Path:
    """Return torchvision's compiled operators.

    Raises:
        StopIteration: they are not where they are expected.
    """
    spec = find_spec("torchvision")
    folders = (spec and spec.submodule_search_locations) or ()
    return next(
        file
        for folder in folders
        for file in Path(folder).glob("_C*")
        if file.name.endswith(tuple(EXTENSION_SUFFIXES))
    )
