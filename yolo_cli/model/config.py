"""What a network is: everything that is needed to build it again, stored in every weights file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, Literal, get_args

from yolo_cli.errors import ExitCode, UserError

Arch = Literal["vgg16", "yolov1", "fast"]
Head = Literal["conv", "fc"]
Output = Literal["linear", "sigmoid"]

TRUNK_STRIDE = 32  # pixels a cell of the feature map that the grid is made from

# More than anyone needs; a damaged file may ask for any number, and for all memory with it.
MAX_IMAGE_SIZE = 4096
MAX_BOXES = 100
MAX_WIDTH = 4.0

# RGB in [0, 1] is normalised as (value - mean) / std.
# VGG-16's Caffe release subtracts the mean pixel and does not scale: torchvision's
# VGG16_Weights.IMAGENET1K_FEATURES, not its IMAGENET1K_V1.
CAFFE_MEAN = (0.48235, 0.45882, 0.40784)
CAFFE_STD = (1 / 255, 1 / 255, 1 / 255)
# Darknet in 2015: 2x - 1.
DARKNET_MEAN = (0.5, 0.5, 0.5)
DARKNET_STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class ModelConfig:
    """A network's architecture, classes and preprocessing.

    Attributes:
        classes: names, in the order of the output's class scores (C of them).
        arch: backbone: ``vgg16``, ``yolov1`` (the paper's 24 convolutions) or ``fast``
            (Fast YOLO, Darknet's yolov1-tiny.cfg).
        head: ``conv``, or ``fc``, the paper's two connected layers.
        grid: S, cells along each side.
        boxes: B, boxes a cell.
        image_size: pixels along each side of the network's input.
        dropout: probability, in the head.
        norm: batch normalisation in all layers but VGG-16's own.
        output: ``linear``, the paper's, or ``sigmoid``: x, y, √w, √h and confidence squashed to
            (0, 1) and softmax over classes.
        width: factor on the number of channels; 1 is the published network.
        mean: subtracted from RGB in [0, 1].
        std: divides the difference.
        task: what the network does, see :mod:`yolo_cli.tasks`.
    """

    classes: tuple[str, ...]
    arch: Arch = "vgg16"
    head: Head = "conv"
    grid: int = 7
    boxes: int = 2
    image_size: int = 448
    dropout: float = 0.5
    norm: bool = True
    output: Output = "sigmoid"
    width: float = 1.0
    mean: tuple[float, ...] = DARKNET_MEAN
    std: tuple[float, ...] = DARKNET_STD
    task: str = "detect"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("arch", self.arch, get_args(Arch)),
            ("head", self.head, get_args(Head)),
            ("output", self.output, get_args(Output)),
        ):
            if value not in allowed:
                raise UserError(f"unknown {name} {value!r}", f"choose one of {', '.join(allowed)}")
        if not self.classes:
            raise UserError("a network needs at least one class")
        if len(set(self.classes)) < len(self.classes):
            twice = next(name for name in self.classes if self.classes.count(name) > 1)
            raise UserError(f"two classes are called {twice!r}")
        if not 1 <= self.boxes <= MAX_BOXES or self.grid < 1 or not 0 <= self.dropout < 1:
            raise UserError(
                f"grid {self.grid}, boxes {self.boxes}, dropout {self.dropout}: grid and boxes "
                f"are at least 1, boxes at most {MAX_BOXES}, dropout lies in [0, 1)",
                code=ExitCode.USAGE,
            )
        if not 0 < self.width <= MAX_WIDTH:
            raise UserError(f"width {self.width}: above 0 and at most {MAX_WIDTH:g}")
        if not (
            len(self.mean) == len(self.std) == 3
            and all(map(math.isfinite, (*self.mean, *self.std)))
            and min(self.std) > 0
        ):
            raise UserError(
                f"mean {self.mean} and std {self.std} do not normalise RGB: "
                "three numbers each, std above 0"
            )
        if self.image_size > MAX_IMAGE_SIZE:
            raise UserError(
                f"an image size of {self.image_size} is too large",
                f"at most {MAX_IMAGE_SIZE}",
                ExitCode.USAGE,
            )
        if self.image_size not in (self.grid * TRUNK_STRIDE, 2 * self.grid * TRUNK_STRIDE):
            sizes = f"{self.grid * TRUNK_STRIDE} or {2 * self.grid * TRUNK_STRIDE}"
            raise UserError(
                f"a grid of {self.grid} does not fit an image size of {self.image_size}",
                f"a cell covers 32 or 64 pixels: use --image-size {sizes}, "
                "or another --grid (448 goes with 7 and 14)",
                ExitCode.USAGE,
            )

    @property
    def stride(self) -> int:
        """Pixels a grid cell covers along each side: 32 or 64."""
        return self.image_size // self.grid

    def to_json(self) -> dict[str, Any]:
        """Plain values for a weights file's metadata."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelConfig:
        """The inverse of :meth:`to_json`.

        Raises:
            UserError: for fields that are missing, unknown or not of their type.
        """
        if not isinstance(values, dict):
            raise UserError("the architecture is not readable: no fields in it")
        known = {f.name for f in fields(cls)}
        unknown = set(values) - known
        if unknown:
            raise UserError(
                f"the architecture has unknown fields: {', '.join(sorted(unknown))}",
                "the file was written by a newer version of yolo-cli",
            )
        for name, value in values.items():
            if not _IS_OF_TYPE[name](value):
                raise UserError(f"the architecture is not readable: {name} is {value!r:.50}")
        if "classes" not in values:
            raise UserError("the architecture is not readable: it names no classes")
        lists: dict[str, Any] = {
            name: tuple(values[name]) for name in ("classes", "mean", "std") if name in values
        }
        return cls(**{**values, **lists})


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _is_list_of(check: Callable[[object], bool], value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(check, value))


_IS_OF_TYPE: dict[str, Callable[[object], bool]] = {
    "classes": partial(_is_list_of, _is_text),
    "task": _is_text,
    "arch": _is_text,
    "head": _is_text,
    "grid": _is_whole,
    "boxes": _is_whole,
    "image_size": _is_whole,
    "dropout": _is_number,
    "norm": lambda value: isinstance(value, bool),
    "output": _is_text,
    "width": _is_number,
    "mean": partial(_is_list_of, _is_number),
    "std": partial(_is_list_of, _is_number),
}


def new_config(classes: tuple[str, ...], **options: Any) -> ModelConfig:
    """A configuration for training from scratch.

    Args:
        classes: names of the classes.
        options: other fields of :class:`ModelConfig`; those that are None keep their default.
    """
    return ModelConfig(classes, **{k: v for k, v in options.items() if v is not None})
