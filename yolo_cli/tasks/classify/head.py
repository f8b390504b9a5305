"""From the feature map to a number for each class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_cli.model.config import ModelConfig
from yolo_cli.model.head import Head, OutputLayer
from yolo_cli.model.layers import activation

UNITS = (4096, 4096)  # of the connected layers of AlexNet and VGG, where a record names no others
MIN_UNITS = 16  # of a hidden layer, however small the factor


def build_head(config: ModelConfig, channels: int, stride: int) -> Head:
    """Build the head that ``config`` names, for ``channels`` of features at ``stride`` pixels."""
    if config.head == "pool":
        return PoolHead(config, channels)
    return ConnectedHead(config, channels * (config.image_size // stride) ** 2)


class PoolHead(Head):
    """The mean of each feature over all places, and one connected layer.

    As YOLOv1's first 20 convolutions were pre-trained (section 2.2), after Lin et al. 2013. The
    features are normalised before, as those of VGG-16 are in the hundreds.
    """

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        norms = [nn.BatchNorm2d(channels)] if config.norm else []
        self.layers = nn.Sequential(*norms, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        classes = len(config.classes)
        self.predictor = OutputLayer(nn.Linear(channels, classes), torch.zeros(classes))

    def predict(self, features: Tensor) -> Tensor:
        """Turn ``[N, channels]`` into ``[N, C]`` logits."""
        result: Tensor = self.predictor(features)
        return result


class ConnectedHead(Head):
    """Two connected layers of 4096 with dropout, as AlexNet and VGG have them, and the output.

    It sees where a feature is, and so goes with one size of the input.
    """

    def __init__(self, config: ModelConfig, features: int) -> None:
        super().__init__()
        architecture = config.architecture
        units = architecture.classifier or UNITS
        widths = [max(MIN_UNITS, round(count * config.width)) for count in units]
        layers: list[nn.Module] = [nn.Flatten()]
        for width in widths:
            layer = nn.Linear(features, width)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            layers += [layer, activation(architecture.activation), nn.Dropout(config.dropout)]
            features = width
        self.layers = nn.Sequential(*layers)
        classes = len(config.classes)
        self.predictor = OutputLayer(nn.Linear(features, classes), torch.zeros(classes))

    def predict(self, features: Tensor) -> Tensor:
        """Turn ``[N, units]`` into ``[N, C]`` logits."""
        result: Tensor = self.predictor(features)
        return result
