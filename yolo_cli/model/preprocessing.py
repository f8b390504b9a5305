"""How RGB in [0, 1] becomes a network's input: (value - mean) / std."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias


class Preprocessing(NamedTuple):
    """Mean and standard deviation of red, green and blue."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


# Darknet in 2015: 2x - 1.
DARKNET = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

# What pre-trained backbones expect, by the name that a command line has for it.
PREPROCESSING = {
    # VGG-16's Caffe release subtracts the mean pixel and does not scale: torchvision's
    # VGG16_Weights.IMAGENET1K_FEATURES, not its IMAGENET1K_V1.
    "caffe": Preprocessing((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
    "torchvision": Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}

if TYPE_CHECKING:
    PreprocessingName: TypeAlias = str
else:
    PreprocessingName = Literal[tuple(PREPROCESSING)]
