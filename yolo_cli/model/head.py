"""What every head has in common: layers, and an output layer that stays in float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from yolo_cli.model.config import ModelConfig


class OutputLayer(nn.Module):
    """The last linear layer, always in float32.

    In bfloat16 its outputs would be rounded to 8 bits: boxes off by pixels, tied scores.

    Args:
        layer: computes the outputs.
        bias: what they start from, one number for each.
    """

    def __init__(self, layer: nn.Conv2d | nn.Linear, bias: Tensor) -> None:
        super().__init__()
        self.layer = layer
        nn.init.normal_(layer.weight, std=0.01)
        layer.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer in float32, whatever the type of ``x``."""
        result: Tensor
        if x.is_meta or not torch.is_autocast_enabled(x.device.type):
            result = self.layer(x.float())
            return result
        with torch.autocast(x.device.type, enabled=False):
            result = self.layer(x.float())
            return result


class Head(nn.Module):
    """From the backbone's feature map to the raw output of a task.

    Attributes:
        layers: everything but the last layer.
        predictor: the last layer.
    """

    layers: nn.Sequential
    predictor: OutputLayer

    def predict(self, features: Tensor) -> Tensor:
        """Turn the output of ``layers`` into the raw output."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Turn ``[N, channels, H, W]`` features into the raw output."""
        return self.predict(self.layers(x))


BuildHead = Callable[[ModelConfig, int, int], Head]
"""From a configuration, the feature map's channels and its stride in pixels to a head."""
