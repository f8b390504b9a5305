"""AlexNet against torchvision's, which was published with the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import alexnet

from tests.model.test_backbone import block_outputs, full
from yolo_cli.model.backbone import Backbone
from yolo_cli.model.config import ModelConfig


def theirs() -> nn.Sequential:
    torch.manual_seed(0)
    features: nn.Sequential = alexnet().features
    return features


def test_it_is_torchvisions_features_but_for_the_padding_of_poolings() -> None:
    ours = full("alexnet").features
    assert len(ours) == len(theirs())
    for layer, other in zip(ours, theirs(), strict=True):
        if isinstance(other, nn.MaxPool2d):
            assert (other.kernel_size, other.stride, other.padding) == (3, 2, 0)
            other.padding = 1
        assert repr(layer) == repr(other)


def test_it_computes_what_torchvisions_features_compute() -> None:
    features = theirs()
    backbone = Backbone(ModelConfig(("thing",), arch="alexnet", grid=2, image_size=128))
    backbone.features.load_state_dict(features.state_dict())
    for layer in features:
        if isinstance(layer, nn.MaxPool2d):
            layer.padding = 1
    image = torch.randn(1, 3, 128, 128)
    torch.testing.assert_close(backbone(image), features(image))


@pytest.mark.parametrize("cells", [1, 2, 3, 7, 14, 19])
def test_a_cell_for_every_32_pixels(cells: int) -> None:
    # Sides of 32 n: 8 n - 1, then halves of 8 n, 4 n and 2 n.
    outputs = block_outputs(full("alexnet"), 32 * cells)
    assert outputs == [
        (64, 4 * cells, 4 * cells),
        (192, 2 * cells, 2 * cells),
        (256, cells, cells),
    ]
