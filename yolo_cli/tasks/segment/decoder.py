"""From the last feature map back to pixels: the mirror of the encoder, with thinner layers.

SegNet (Badrinarayanan et al. 2017) and Noh et al. 2015 undo the poolings of VGG-16 one by one and
put as many convolutions behind each as the encoder has before it, which costs as much as the
encoder does. Here each step has two: 1×1 to a quarter of the channels, and 3×3 to those of the
next finer pooling. The last step ends two pixels from the input; from there on the scores of the
classes are interpolated.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import ModelConfig, Upsample
from yolo_cli.model.head import Head, OutputLayer
from yolo_cli.model.layers import activation, conv
from yolo_cli.model.resample import Interpolate, TransposedConvolution, Unpool
from yolo_cli.model.switches import (
    Pooling,
    check_windows,
    is_carried,
    poolings,
    split,
    unfold,
)

THINNER = 4  # times as few channels between the two convolutions of a step
MIN_CHANNELS = 4


class Decoder(Head):
    """The decoder of a network.

    Args:
        config: of the network.
        channels: of the feature map.
        stride: pixels of the input that a cell of it covers along each side.

    Attributes:
        undone: the poolings that are undone, in the order of the encoder.
    """

    def __init__(self, config: ModelConfig, channels: int, stride: int) -> None:
        super().__init__()
        if config.upsample is None:
            raise UserError("the network has no decoder: it does not say how to upsample")
        if config.upsample == "unpool":
            check_windows(config)
        self.kind: Upsample = config.upsample
        self.undone = tuple(one for one in poolings(config) if is_carried(one))
        steps = self.undone[::-1]
        widths = [*(one.channels for one in steps[1:]), max(MIN_CHANNELS, steps[-1].channels // 2)]
        layers = conv(channels, steps[0].channels, 3, norm=config.norm)
        layers.append(nn.Dropout(config.dropout))
        for one, width in zip(steps, widths, strict=True):
            layers += _step(config, one, width)
        self.layers = nn.Sequential(*layers)
        classes = len(config.classes)
        self.predictor = OutputLayer(nn.Conv2d(widths[-1], classes, 1), torch.zeros(classes))

    def forward(self, x: Tensor) -> Tensor:
        """Turn what the backbone gives into ``[N, H, W, C]`` logits."""
        if self.kind != "unpool":
            return self.predict(self.layers(x))
        x, packed = split(x, self.undone)
        switches = unfold(packed, self.undone)
        for layer in self.layers:
            x = layer(x, switches.pop()) if isinstance(layer, Unpool) else layer(x)
        return self.predict(x)

    def predict(self, features: Tensor) -> Tensor:
        """Turn ``[N, hidden, H, W]`` into ``[N, H, W, C]``."""
        result: Tensor = self.predictor(features)
        return result.permute(0, 2, 3, 1)


def _step(config: ModelConfig, pooling: Pooling, width: int) -> Iterator[nn.Module]:
    """Yield what undoes a pooling, and its convolutions.

    Interpolation comes behind the 1×1 convolution, where it has less to do; a transposed
    convolution is one itself.
    """
    channels = pooling.channels
    thin = max(MIN_CHANNELS, channels // THINNER)
    if config.upsample == "transposed":
        yield TransposedConvolution(channels, thin)
        yield from [nn.BatchNorm2d(thin)] if config.norm else []
        yield activation("leaky")
    else:
        reduce = conv(channels, thin, 1, norm=config.norm)
        assert config.upsample is not None
        unpools = config.upsample == "unpool"
        yield from [Unpool(), *reduce] if unpools else [*reduce, Interpolate(config.upsample)]
    yield from conv(thin, width, 3, norm=config.norm)


def output_side(config: ModelConfig) -> int:
    """Return the cells of the output along each side."""
    finest = min(one.stride for one in poolings(config) if is_carried(one))
    if config.image_size % config.stride:
        raise UserError(
            f"an image size of {config.image_size} is no multiple of {config.stride}",
            code=ExitCode.USAGE,
        )
    return config.image_size // finest
