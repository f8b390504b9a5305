"""The convolutional part of a network, built from its architecture's record."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_cli.model.architectures import Pool
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.layers import DarknetNorm, conv
from yolo_cli.model.pool import pool_of
from yolo_cli.model.switches import Pooling, fold, is_carried, pack, poolings, split


class Backbone(nn.Module):
    """Image to feature map.

    ``features`` is one flat sequence, so that tensors carry torchvision's names
    (``features.0.weight`` …).

    Attributes:
        features: the layers.
        ends: for each block, the index just after its last layer. A block ends at each max
            pooling; layers after the last pooling form a last block of their own.
        channels: channels of the feature map.
        stride: pixels of the input that one cell of the feature map covers along each side.
        carries: whether the places of the maxima travel along with the activations, as further
            channels: see :mod:`yolo_cli.model.switches`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        architecture = config.architecture
        norm = config.norm and architecture.norm
        kind = nn.BatchNorm2d if config.layers is None else DarknetNorm
        self.carries = config.upsample == "unpool"
        self._poolings = poolings(config)
        layers: list[nn.Module] = []
        self.ends: list[int] = []
        self.stride = 1
        self.channels = 3
        for row in architecture.layers(
            config.trunk_stride,
            width=config.width,
            widths=config.widths,
            convolutions=config.convolutions,
        ):
            if isinstance(row, Pool):
                noted = self.carries and is_carried(self._poolings[len(self.ends)])
                layers.append(pool_of(row, noted=noted))
                self.ends.append(len(layers))
            else:
                layers += conv(
                    self.channels,
                    row.channels,
                    row.size,
                    stride=row.stride,
                    padding=row.padding,
                    norm=norm if row.norm is None else row.norm,
                    act=row.act or architecture.activation,
                    kind=kind,
                )
                self.channels = row.channels
            self.stride *= row.stride
        if self.ends[-1:] != [len(layers)]:
            self.ends.append(len(layers))
        self.features = nn.Sequential(*layers)

    @property
    def blocks(self) -> int:
        """Return how many blocks there are."""
        return len(self.ends)

    def block(self, first: int, last: int) -> nn.Sequential:
        """Return blocks ``first + 1`` to ``last`` as a sequence that shares this one's layers."""
        begin = self.ends[first - 1] if first else 0
        return self.features[begin : self.ends[last - 1] if last else 0]

    def forward(self, x: Tensor, depth: int = 0) -> Tensor:
        """Run the blocks after the first ``depth``.

        Args:
            x: ``[N, 3, H, W]`` normalised images, or, for ``depth`` > 0, the output of that block.
            depth: number of blocks that ``x`` has passed.

        Returns:
            ``[N, channels, H / stride, W / stride]``; with further channels if it carries any.
        """
        return self.run(x, depth, self.blocks)

    def run(self, x: Tensor, first: int, last: int) -> Tensor:
        """Run blocks ``first + 1`` to ``last`` on what has passed the blocks before them."""
        if not self.carries:
            result: Tensor = self.block(first, last)(x)
            return result
        x, switches = split(x, self.passed(first))
        for block in range(first, last):
            *layers, end = self.block(block, block + 1)
            for layer in layers:
                x = layer(x)
            if isinstance(end, nn.MaxPool2d) and end.return_indices:
                width = x.shape[-1]
                x, indices = end(x)
                own = pack(indices, width, x.dtype)
                switches = torch.cat([fold(switches), own], 1) if switches.shape[1] else own
            else:
                x = end(x)
        return torch.cat([x, switches.to(x.dtype)], 1) if switches.shape[1] else x

    def passed(self, depth: int) -> tuple[Pooling, ...]:
        """Return the poolings among the first ``depth`` blocks whose switches are carried."""
        found = self._poolings[:depth] if self.carries else ()
        return tuple(pooling for pooling in found if is_carried(pooling))
