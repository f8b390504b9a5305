"""Against torchvision, to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision import ops

from yolo_cli.tasks.detect import boxes as boxes_module
from yolo_cli.tasks.detect.boxes import box_iou, clip_boxes, suppress


def random_boxes(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes in an image of 500 x 300, some alike and some without area; scores; one of 5 groups."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 4, generator=generator) * torch.tensor([500.0, 300, 120, 90])
    corners[::7] = corners[:1].clone()
    corners[::11, 2] = 0
    boxes = torch.cat([corners[:, :2], corners[:, :2] + corners[:, 2:]], dim=1)
    scores = torch.rand(count, generator=generator).mul(50).round().div(50)  # with equals
    return boxes, scores, torch.randint(0, 5, (count,), generator=generator)


@pytest.mark.parametrize("count", [0, 1, 40, 1000, 1001, 1960])
def test_suppression_is_torchvisions(count: int) -> None:
    boxes, scores, groups = random_boxes(count, seed=count)
    left = suppress(boxes, scores, groups, 0.45)
    assert torch.equal(left, ops.batched_nms(boxes, scores, groups, 0.45))
    assert len(left) < count or count < 2


def test_overlap_is_torchvisions() -> None:
    one, other = random_boxes(60, seed=1)[0], random_boxes(50, seed=2)[0]
    found = box_iou(one, other)
    assert found.shape == (60, 50)
    torch.testing.assert_close(found, ops.box_iou(one, other), rtol=0, atol=0, equal_nan=True)


def test_clipping_is_torchvisions() -> None:
    boxes = random_boxes(80, seed=3)[0].view(2, 40, 4) - 50
    assert torch.equal(clip_boxes(boxes, 320, 200), ops.clip_boxes_to_image(boxes, (200, 320)))


def test_operators_that_lie_elsewhere_are_loaded_by_torchvision(tmp_path: Path) -> None:
    code = (
        "import sys, torch; from pathlib import Path; from yolo_cli.tasks.detect import boxes\n"
        f"boxes._extension = lambda: Path({str(tmp_path / '_C.so')!r})\n"
        "one = torch.tensor([[0.0, 0, 2, 2]])\n"
        "print(boxes.suppress(one, torch.ones(1), torch.zeros(1), 0.5).tolist())\n"
        "print('torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[0]", "True"]


def test_the_operators_are_found() -> None:
    assert boxes_module._extension().is_file()
