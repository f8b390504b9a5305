"""Layers of a head, built from the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from yolo_cli.model.architectures import Pool
from yolo_cli.model.custom import Row, Shape, shapes
from yolo_cli.model.layers import LEAKY_SLOPE, DarknetNorm, activation, conv
from yolo_cli.model.local import Local
from yolo_cli.model.pool import pool_of


def build_rows(rows: Iterable[Row], features: Shape) -> tuple[list[nn.Module], int]:
    """Build the layers between a feature map and a connected output layer.

    Args:
        rows: of the table.
        features: shape of the feature map.

    Returns:
        The layers, and the number of units that they end in.
    """
    layers: list[nn.Module] = []
    flat = False
    for row in rows:
        if row.kind == "connected" and not flat:
            layers.append(nn.Flatten())
            flat = True
        inputs = features
        features = next(iter(shapes([row], inputs.side, inputs.channels)))
        layers += _layers(row, inputs)
    if not flat:
        layers.append(nn.Flatten())
    return layers, features.channels * features.side**2


def _layers(row: Row, inputs: Shape) -> list[nn.Module]:
    """Return a row's layer, and what follows it."""
    if row.kind == "head":
        return []
    if row.kind == "dropout":
        return [nn.Dropout(row.rate)]
    if row.kind == "average":
        return [nn.AdaptiveAvgPool2d(1)]
    if row.kind == "pool":
        return [pool_of(Pool(row.size, row.stride, row.padding, row.more))]
    if row.kind == "conv":
        return conv(
            inputs.channels,
            row.channels,
            row.size,
            stride=row.stride,
            padding=row.padding,
            norm=row.norm,
            act=row.act,
            kind=DarknetNorm,
        )
    if row.kind == "local":
        local = Local(
            inputs.channels,
            row.channels,
            row.size,
            stride=row.stride,
            padding=row.padding,
            side=inputs.side,
        )
        return [local, activation(row.act)]
    linear = nn.Linear(inputs.channels * inputs.side**2, row.channels, bias=not row.norm)
    nn.init.kaiming_normal_(linear.weight, a=LEAKY_SLOPE)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
    norms: list[nn.Module] = [DarknetNorm(row.channels)] if row.norm else []
    return [linear, *norms, activation(row.act)]
