"""From the feature map to S×S×(5B + C) outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_cli.model.config import ModelConfig
from yolo_cli.model.layers import LEAKY_SLOPE, activation, conv

CONV_CHANNELS = {"vgg16": 512, "yolov1": 512, "fast": 256}
FC_UNITS = 4096  # paper, figure 3
# Confidence starts at σ(-4) = 0.018: nearly all boxes are empty, and learning that first would
# take the first steps' whole gradient (Lin et al. 2017, focal loss, section 3.3).
EMPTY_LOGIT = -4.0


def build_head(config: ModelConfig, channels: int, stride: int) -> Head:
    """The head that ``config`` names, for a feature map of ``channels`` at ``stride`` pixels."""
    head = ConvHead if config.head == "conv" else ConnectedHead
    return head(config, channels, config.stride // stride)


class Predictor(nn.Module):
    """The last linear layer, always in float32.

    In bfloat16 its outputs would be rounded to 8 bits: boxes off by pixels, tied scores.
    """

    def __init__(self, layer: nn.Conv2d | nn.Linear, config: ModelConfig) -> None:
        super().__init__()
        self.layer = layer
        self.config = config
        nn.init.normal_(layer.weight, std=0.01)
        bias = torch.zeros(layer.weight.shape[0] // config.channels, config.channels)
        if config.output == "sigmoid":
            bias[:, 4 : 5 * config.boxes : 5] = EMPTY_LOGIT
        layer.bias = nn.Parameter(bias.flatten())

    def shift_confidence(self, amount: float) -> None:
        """Add to the logit of every box's confidence."""
        boxes = 5 * self.config.boxes
        with torch.no_grad():
            bias = self.get_parameter("layer.bias")
            bias.view(-1, self.config.channels)[:, 4:boxes:5] += amount

    def forward(self, x: Tensor) -> Tensor:
        """As the layer does, in float32 whatever the type of ``x``."""
        result: Tensor
        if x.is_meta or not torch.is_autocast_enabled(x.device.type):
            result = self.layer(x.float())
            return result
        with torch.autocast(x.device.type, enabled=False):
            result = self.layer(x.float())
            return result


class Head(nn.Module):
    """What both heads have: layers, and a predictor at their end."""

    layers: nn.Sequential
    predictor: Predictor

    def predict(self, features: Tensor) -> Tensor:
        """Output of ``layers`` to ``[N, S, S, 5B + C]``."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """``[N, channels, H, W]`` to ``[N, S, S, 5B + C]``."""
        return self.predict(self.layers(x))


class ConvHead(Head):
    """Three 3×3 convolutions, the first with the stride that is left, and a 1×1 predictor.

    Three of them let a cell see 532 pixels along each side on VGG-16, most of the picture or all
    of it, as the paper's connected layers do, at a thirtieth of their parameters.
    """

    def __init__(self, config: ModelConfig, channels: int, stride: int) -> None:
        super().__init__()
        hidden = max(8, round(CONV_CHANNELS[config.arch] * config.width))
        self.layers = nn.Sequential(
            *conv(channels, hidden, 3, stride=stride, norm=config.norm),
            *conv(hidden, hidden, 3, norm=config.norm),
            *conv(hidden, hidden, 3, norm=config.norm),
            nn.Dropout(config.dropout),
        )
        layer = nn.Conv2d(hidden, config.channels, 1)
        self.predictor = Predictor(layer, config)

    def predict(self, features: Tensor) -> Tensor:
        """``[N, hidden, S, S]`` to ``[N, S, S, 5B + C]``."""
        result: Tensor = self.predictor(features)
        return result.permute(0, 2, 3, 1)


class ConnectedHead(Head):
    """The paper's head: a connected layer of 4096, dropout, and the connected output layer.

    Where the backbone stops at stride 32 (VGG-16), a convolution of stride 2 comes first. The
    connected layers have no normalisation: over a batch of a few images it is mostly noise.
    """

    def __init__(self, config: ModelConfig, channels: int, stride: int) -> None:
        super().__init__()
        self.config = config
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
        layer = nn.Linear(units, config.grid**2 * config.channels)
        self.predictor = Predictor(layer, config)

    def predict(self, features: Tensor) -> Tensor:
        """``[N, units]`` to ``[N, S, S, 5B + C]``."""
        result: Tensor = self.predictor(features)
        return result.reshape(-1, self.config.grid, self.config.grid, self.config.channels)
