"""Cross-entropy of pixels and its weights."""

from __future__ import annotations

import math

import pytest
import torch

from yolo_cli.tasks.segment.batch import Pixels
from yolo_cli.tasks.segment.loss import PixelLoss, class_weights


def test_weights_by_median_frequency() -> None:
    # The median of 0.1, 0.2 and 0.4 is 0.2; the fourth class is in no image.
    shares = torch.tensor([0.2, 0.1, 0.4, 0.0])
    assert class_weights(shares, 1.0).tolist() == pytest.approx([1.0, 2.0, 0.5, 1.0])
    assert class_weights(shares, 0.5).tolist() == pytest.approx(
        [1.0, math.sqrt(2), math.sqrt(0.5), 1.0]
    )
    assert class_weights(shares, 0.0).tolist() == [1.0] * 4


def test_weights_are_bounded() -> None:
    weights = class_weights(torch.tensor([0.5, 0.5, 1e-9]), 1.0)
    assert weights.tolist() == [1.0, 1.0, 10.0]
    assert class_weights(torch.zeros(3), 1.0).tolist() == [1.0] * 3


def test_mean_over_labelled_pixels_by_weight() -> None:
    # Two labelled pixels: class 0 with probability 1/2, class 1 with 3/4; weights 1 and 3.
    raw = torch.tensor([[[[0.0, 0.0], [0.0, math.log(3)]], [[5.0, -5.0], [1.0, 2.0]]]])
    masks = torch.tensor([[[0, 1], [255, 255]]], dtype=torch.uint8)
    terms = PixelLoss(torch.tensor([1.0, 3.0]))(raw, Pixels(masks))
    expected = (math.log(2) + 3 * math.log(4 / 3)) / 4
    assert terms["loss"].item() == pytest.approx(expected, abs=1e-6)
    assert terms["pixel"] is terms["loss"]


def test_logits_are_interpolated_to_the_size_of_the_masks() -> None:
    # 0 and 4 side by side become 0, 1, 3, 4.
    raw = torch.zeros(1, 1, 2, 2)
    raw[0, 0, 1, 1] = 4.0
    masks = torch.tensor([[[1, 255, 255, 255], [255, 1, 255, 255]]], dtype=torch.uint8)
    loss = PixelLoss(torch.ones(2))(raw, Pixels(masks))["loss"]
    expected = (math.log(2) + math.log(1 + math.exp(-1))) / 2
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_nothing_labelled_is_no_loss_and_no_nan() -> None:
    raw = torch.randn(1, 2, 2, 3, requires_grad=True)
    masks = torch.full((1, 4, 4), 255, dtype=torch.uint8)
    loss = PixelLoss(torch.ones(3))(raw, Pixels(masks))["loss"]
    loss.backward()
    assert loss.item() == 0
    assert raw.grad is not None
    assert not raw.grad.any()
