"""The convolutional part of the networks: VGG-16, YOLOv1 and Fast YOLO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from yolo_cli.model.config import TRUNK_STRIDE, ModelConfig
from yolo_cli.model.layers import conv


class Conv(NamedTuple):
    """A row of an architecture table: output channels, kernel size, stride."""

    channels: int
    size: int = 3
    stride: int = 1


class Pool(NamedTuple):
    """2×2 max pooling of stride 2: the end of a block."""


Table = tuple[Conv | Pool, ...]

# Simonyan & Zisserman 2014, configuration D: 448 -> 14×14×512.
VGG16: Table = (
    *(Conv(64), Conv(64), Pool()),
    *(Conv(128), Conv(128), Pool()),
    *(Conv(256), Conv(256), Conv(256), Pool()),
    *(Conv(512), Conv(512), Conv(512), Pool()),
    *(Conv(512), Conv(512), Conv(512), Pool()),
)

# YOLO paper, figure 3: 24 convolutions, 448 -> 7×7×1024. The first 20 were pre-trained.
YOLOV1: Table = (
    *(Conv(64, 7, 2), Pool()),
    *(Conv(192), Pool()),
    *(Conv(128, 1), Conv(256), Conv(256, 1), Conv(512), Pool()),
    *(Conv(256, 1), Conv(512)) * 4,
    *(Conv(512, 1), Conv(1024), Pool()),
    *(Conv(512, 1), Conv(1024)) * 2,
    *(Conv(1024), Conv(1024, 3, 2)),
    *(Conv(1024), Conv(1024)),
)

# Darknet, yolov1-tiny.cfg: 8 convolutions, 448 -> 7×7×256.
FAST: Table = (
    *(Conv(16), Pool()),
    *(Conv(32), Pool()),
    *(Conv(64), Pool()),
    *(Conv(128), Pool()),
    *(Conv(256), Pool()),
    *(Conv(512), Pool()),
    *(Conv(1024), Conv(256)),
)

TABLES: dict[str, Table] = {"vgg16": VGG16, "yolov1": YOLOV1, "fast": FAST}


class Backbone(nn.Module):
    """Image to feature map.

    ``features`` is one flat sequence, so that VGG-16's tensors carry torchvision's names
    (``features.0.weight`` …).

    Attributes:
        features: the layers.
        ends: for each block, the index just after its last layer. A block ends at each max
            pooling; layers after the last pooling form a last block of their own.
        channels: channels of the feature map.
        stride: pixels of the input that one cell of the feature map covers along each side.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        # VGG-16 was published without normalisation, and its ImageNet weights know of none.
        vgg = config.arch == "vgg16"
        norm, act = (False, "relu") if vgg else (config.norm, "leaky")
        layers: list[nn.Module] = []
        self.ends: list[int] = []
        self.stride = 1
        self.channels = 3
        for row in _rows(TABLES[config.arch], config.stride):
            if isinstance(row, Pool):
                layers.append(nn.MaxPool2d(2, 2))
                self.stride *= 2
                self.ends.append(len(layers))
            else:
                width = max(4, round(row.channels * config.width))
                layers += conv(
                    self.channels, width, row.size, stride=row.stride, norm=norm, act=act
                )
                self.stride *= row.stride
                self.channels = width
        if self.ends[-1] != len(layers):
            self.ends.append(len(layers))
        self.features = nn.Sequential(*layers)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self.ends)

    def block(self, first: int, last: int) -> nn.Sequential:
        """Blocks ``first + 1`` to ``last`` as one sequence that shares this module's layers."""
        begin = self.ends[first - 1] if first else 0
        return self.features[begin : self.ends[last - 1] if last else 0]

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Run the blocks after the first ``start``.

        Args:
            x: ``[N, 3, H, W]`` normalised images, or, for ``start`` > 0, the output of that block.
            start: number of blocks that ``x`` has already been through.

        Returns:
            ``[N, channels, H / stride, W / stride]``.
        """
        result: Tensor = self.block(start, self.blocks)(x)
        return result


def _rows(table: Table, stride: int) -> Iterator[Conv | Pool]:
    """The table's rows; a grid cell of 32 pixels loses the step from stride 32 to 64."""
    reached = 1
    for row in table:
        step = 2 if isinstance(row, Pool) else row.stride
        if reached * step > max(stride, TRUNK_STRIDE):
            if isinstance(row, Conv):
                yield row._replace(stride=1)
            continue
        reached *= step
        yield row
