"""The classifiers that the backbones were published as: ImageNet, 224 pixels, 1000 classes."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES, Pool, architecture_of
from yolo_cli.model.layers import activation, conv

SIDE = 224  # pixels
CLASSES = 1000


def imagenet_classifier(arch: str) -> nn.Sequential:
    """Build an architecture as it was published: convolutions, then three connected layers.

    For its shapes, on torch's meta device above all: there are no weights for the whole of it here.

    Args:
        arch: name of the architecture.

    Returns:
        ``[N, 3, 224, 224]`` to ``[N, 1000]``, the layers in ``features`` and ``classifier``.

    Raises:
        UserError: for an architecture that was not published with connected layers.
    """
    architecture = architecture_of(arch)
    if not architecture.classifier:
        able = [name for name, one in ARCHITECTURES.items() if one.classifier]
        raise UserError(
            f"--head classifier: {architecture.title} was not published as one",
            f"{' and '.join(able)} were; --head fc shows the paper's connected layers",
            ExitCode.USAGE,
        )
    features: list[nn.Module] = []
    channels, side = 3, SIDE
    for row in architecture.table:
        if isinstance(row, Pool):  # without the padding that AlexNet's have in a detector
            features.append(nn.MaxPool2d(row.size, row.stride))
            side = (side - row.size) // row.stride + 1
            continue
        padding = row.size // 2 if row.padding is None else row.padding
        features += conv(
            channels,
            row.channels,
            row.size,
            stride=row.stride,
            padding=padding,
            norm=False,
            act=architecture.activation,
        )
        channels = row.channels
        side = (side + 2 * padding - row.size) // row.stride + 1
    connected: list[nn.Module] = [nn.Flatten()]
    for inputs, units in pairwise((channels * side**2, *architecture.classifier)):
        connected += [nn.Linear(inputs, units), activation(architecture.activation), nn.Dropout()]
    connected.append(nn.Linear(architecture.classifier[-1], CLASSES))
    network = nn.Sequential()
    network.add_module("features", nn.Sequential(*features))
    network.add_module("classifier", nn.Sequential(*connected))
    return network
