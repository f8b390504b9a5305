"""From the feature map to a number for each class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from yolo_cli.model import custom
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.head import Head, OutputLayer
from yolo_cli.model.layers import activation
from yolo_cli.model.rows import build_rows

UNITS = (4096, 4096)  # of the connected layers of AlexNet and VGG, where a record names no others
MIN_UNITS = 16  # of a hidden layer, however small the factor


def build_head(config: ModelConfig, channels: int, stride: int) -> Head:
    """Build the head that ``config`` names, for ``channels`` of features at ``stride`` pixels."""
    if config.head == "pool":
        return PoolHead(config, channels)
    if config.layers is None:
        return ConnectedHead(config, channels * (config.image_size // stride) ** 2)
    backbone, rows = custom.split(config.layers)
    *_, features = custom.shapes(backbone, config.image_size)
    if rows:
        return TableHead(config, rows, features)
    return ConnectedHead(config, features.channels * features.side**2)


class FlatHead(Head):
    """A head that ends in connected layers, of which the last is the output."""

    def predict(self, features: Tensor) -> Tensor:
        """Turn ``[N, units]`` into ``[N, C]`` logits."""
        result: Tensor = self.predictor(features)
        return result


class PoolHead(FlatHead):
    """The mean of each feature over all places, and one connected layer.

    As YOLOv1's first 20 convolutions were pre-trained (section 2.2), after Lin et al. 2013. The
    features are normalised before, as those of VGG-16 are in the hundreds.
    """

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        norms = [nn.BatchNorm2d(channels)] if config.norm else []
        self.layers = nn.Sequential(*norms, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.predictor = _output(channels, config)


class ConnectedHead(FlatHead):
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
        self.predictor = _output(features, config)


class TableHead(FlatHead):
    """The layers of a table that a weights file holds, and a connected output layer.

    Args:
        config: of the network.
        rows: of the table, from the end of the backbone on.
        features: shape of the backbone's feature map.
    """

    def __init__(
        self, config: ModelConfig, rows: Sequence[custom.Row], features: custom.Shape
    ) -> None:
        super().__init__()
        layers, units = build_rows(rows, features)
        self.layers = nn.Sequential(*layers)
        self.predictor = _output(units, config)


def _output(units: int, config: ModelConfig) -> OutputLayer:
    classes = len(config.classes)
    return OutputLayer(nn.Linear(units, classes), torch.zeros(classes))
