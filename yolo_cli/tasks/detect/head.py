"""From the feature map to S×S×(5B + C) outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_cli.model.config import ModelConfig
from yolo_cli.model.head import Head, OutputLayer
from yolo_cli.model.layers import LEAKY_SLOPE, activation, conv
from yolo_cli.tasks.detect.grid import Grid

CONV_CHANNELS = {"vgg16": 512, "yolov1": 512, "fast": 256}
FC_UNITS = 4096  # paper, figure 3
# Confidence starts at σ(-4) = 0.018: nearly all boxes are empty, and learning that first would
# take the first steps' whole gradient (Lin et al. 2017, focal loss, section 3.3).
EMPTY_LOGIT = -4.0


class GridHead(Head):
    """What both heads have: the grid that they fill."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.grid = Grid.of(config)

    def shift_confidence(self, amount: float) -> None:
        """Add to the logit of every box's confidence."""
        with torch.no_grad():
            bias = self.predictor.get_parameter("layer.bias")
            bias.view(-1, self.grid.channels)[:, self.grid.confidences] += amount


def build_head(config: ModelConfig, channels: int, stride: int) -> GridHead:
    """The head that ``config`` names, for a feature map of ``channels`` at ``stride`` pixels."""
    head = ConvHead if config.head == "conv" else ConnectedHead
    return head(config, channels, config.stride // stride)


class ConvHead(GridHead):
    """Three 3×3 convolutions, the first with the stride that is left, and a 1×1 predictor.

    Three of them let a cell see 532 pixels along each side on VGG-16, most of the picture or all
    of it, as the paper's connected layers do, at a thirtieth of their parameters.
    """

    def __init__(self, config: ModelConfig, channels: int, stride: int) -> None:
        super().__init__(config)
        hidden = max(16, round(CONV_CHANNELS[config.arch] * config.width))
        self.layers = nn.Sequential(
            *conv(channels, hidden, 3, stride=stride, norm=config.norm),
            *conv(hidden, hidden, 3, norm=config.norm),
            *conv(hidden, hidden, 3, norm=config.norm),
            nn.Dropout(config.dropout),
        )
        layer = nn.Conv2d(hidden, self.grid.channels, 1)
        self.predictor = OutputLayer(layer, _first_bias(self.grid, cells=1))

    def predict(self, features: Tensor) -> Tensor:
        """``[N, hidden, S, S]`` to ``[N, S, S, 5B + C]``."""
        result: Tensor = self.predictor(features)
        return result.permute(0, 2, 3, 1)


class ConnectedHead(GridHead):
    """The paper's head: a connected layer of 4096, dropout, and the connected output layer.

    Where the backbone stops at stride 32 (VGG-16), a convolution of stride 2 comes first. The
    connected layers have no normalisation: over a batch of a few images it is mostly noise.
    """

    def __init__(self, config: ModelConfig, channels: int, stride: int) -> None:
        super().__init__(config)
        units = max(16, round(FC_UNITS * config.width))
        reduce = conv(channels, channels, 3, stride=stride, norm=config.norm) if stride > 1 else []
        hidden = nn.Linear(channels * config.grid**2, units)
        nn.init.kaiming_normal_(hidden.weight, a=LEAKY_SLOPE)
        nn.init.zeros_(hidden.bias)
        self.layers = nn.Sequential(
            *reduce,
            nn.Flatten(),
            hidden,
            activation("leaky"),
            nn.Dropout(config.dropout),
        )
        cells = self.grid.size**2
        layer = nn.Linear(units, cells * self.grid.channels)
        self.predictor = OutputLayer(layer, _first_bias(self.grid, cells))

    def predict(self, features: Tensor) -> Tensor:
        """``[N, units]`` to ``[N, S, S, 5B + C]``."""
        result: Tensor = self.predictor(features)
        return result.reshape(-1, self.grid.size, self.grid.size, self.grid.channels)


def _first_bias(grid: Grid, cells: int) -> Tensor:
    """Zero, but for the confidences of a network whose outputs are sigmoids."""
    bias = torch.zeros(cells, grid.channels)
    if grid.output == "sigmoid":
        bias[:, grid.confidences] = EMPTY_LOGIT
    return bias.flatten()
