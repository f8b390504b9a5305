"""From the feature map to S×S×(5B + C) outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_cli.errors import UserError
from yolo_cli.model import custom
from yolo_cli.model.architectures import Conv
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.head import Head, OutputLayer
from yolo_cli.model.layers import LEAKY_SLOPE, activation, conv
from yolo_cli.model.rows import build_rows
from yolo_cli.tasks.detect.grid import Grid

FC_UNITS = 4096  # paper, figure 3
MIN_CHANNELS = 16  # of a hidden layer, however small the factor
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
    """Build the head that ``config`` names, for ``channels`` of features at ``stride`` pixels."""
    if config.head == "fc" and config.layers is not None:
        return TableHead(config, channels)
    head = ConvHead if config.head == "conv" else ConnectedHead
    return head(config, channels, config.stride // stride)


class ConvHead(GridHead):
    """Three 3×3 convolutions, the first with the stride that is left, and a 1×1 predictor.

    Three of them let a cell see 532 pixels along each side on VGG-16, most of the picture or all
    of it, as the paper's connected layers do, at a thirtieth of their parameters.
    """

    def __init__(self, config: ModelConfig, channels: int, stride: int) -> None:
        super().__init__(config)
        hidden = _scaled(config.architecture.head_channels, config)
        first, second, third = _widths(config, hidden, hidden, hidden)
        padding = 1 if config.layers is None else _fitting(config, stride)
        self.layers = nn.Sequential(
            *conv(channels, first, 3, stride=stride, padding=padding, norm=config.norm),
            *conv(first, second, 3, norm=config.norm),
            *conv(second, third, 3, norm=config.norm),
            nn.Dropout(config.dropout),
        )
        layer = nn.Conv2d(third, self.grid.channels, 1)
        self.predictor = OutputLayer(layer, _first_bias(self.grid, cells=1))

    def predict(self, features: Tensor) -> Tensor:
        """Turn ``[N, hidden, S, S]`` into ``[N, S, S, 5B + C]``."""
        result: Tensor = self.predictor(features)
        return result.permute(0, 2, 3, 1)


class ConnectedHead(GridHead):
    """The paper's head: a connected layer of 4096, dropout, and the connected output layer.

    Where the backbone stops at stride 32 (VGG-16), a convolution of stride 2 comes first. The
    connected layers have no normalisation: over a batch of a few images it is mostly noise.
    """

    def __init__(self, config: ModelConfig, channels: int, stride: int) -> None:
        super().__init__(config)
        own = [_scaled(FC_UNITS, config)] if stride == 1 else [channels, _scaled(FC_UNITS, config)]
        *reduced, units = _widths(config, *own)
        reduce: list[nn.Module] = []
        for width in reduced:
            reduce += conv(channels, width, 3, stride=stride, norm=config.norm)
            channels = width
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
        self.predictor = _connected(units, self.grid)

    def predict(self, features: Tensor) -> Tensor:
        """Turn ``[N, units]`` into ``[N, S, S, 5B + C]``."""
        result: Tensor = self.predictor(features)
        return result.reshape(-1, self.grid.size, self.grid.size, self.grid.channels)


class TableHead(ConnectedHead):
    """The layers of a table that a weights file holds, and a connected output layer.

    Args:
        config: of the network; it has a table.
        channels: of the backbone's feature map.
    """

    def __init__(self, config: ModelConfig, channels: int) -> None:
        GridHead.__init__(self, config)
        backbone, rows = custom.split(config.layers or ())
        *_, features = custom.shapes(backbone, config.image_size)
        layers, units = build_rows(rows, features._replace(channels=channels))
        self.layers = nn.Sequential(*layers)
        self.predictor = _connected(units, self.grid)


def _connected(units: int, grid: Grid) -> OutputLayer:
    """Return the output layer for all cells at once."""
    cells = grid.size**2
    return OutputLayer(nn.Linear(units, cells * grid.channels), _first_bias(grid, cells))


def _fitting(config: ModelConfig, stride: int) -> int:
    """Return the padding with which a table's map, of whatever size, fills the grid.

    Raises:
        UserError: there is none.
    """
    table = list(config.architecture.layers(config.stride))
    side = config.image_size
    for row in table:
        padding = row.size // 2 if row.padding is None else row.padding
        more = 0 if isinstance(row, Conv) else row.more
        side = (side + 2 * padding + more - row.size) // row.stride + 1
    for padding in range(4):
        if (side + 2 * padding - 3) // max(stride, 1) + 1 == config.grid:
            return padding
    raise UserError(
        f"a backbone whose map has {side}×{side} cells does not fit a grid of {config.grid}",
        "choose another --image-size and --grid",
    )


def _scaled(channels: int, config: ModelConfig) -> int:
    return max(MIN_CHANNELS, round(channels * config.width))


def _widths(config: ModelConfig, *own: int) -> tuple[int, ...]:
    """Return the hidden layers' channels: ``own``, or what the configuration has instead."""
    if config.head_widths is None:
        return own
    if len(config.head_widths) != len(own):
        raise UserError(
            f"{len(config.head_widths)} head widths for the {len(own)} hidden layers of the "
            f"{config.head} head"
        )
    return config.head_widths


def _first_bias(grid: Grid, cells: int) -> Tensor:
    """Return zeros, but for the confidences of a network whose outputs are sigmoids."""
    bias = torch.zeros(cells, grid.channels)
    if grid.output == "sigmoid":
        bias[:, grid.confidences] = EMPTY_LOGIT
    return bias.flatten()
