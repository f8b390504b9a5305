"""What a network is: everything that is needed to build it again, stored in every weights file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from yolo_cli.errors import ExitCode, UserError

Arch = Literal["vgg16", "yolov1", "fast"]
Head = Literal["conv", "fc"]
Output = Literal["linear", "sigmoid"]

TRUNK_STRIDE = 32  # pixels a cell of the feature map that the grid is made from

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
    mean: tuple[float, ...] = CAFFE_MEAN
    std: tuple[float, ...] = CAFFE_STD

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
        if self.boxes < 1 or self.grid < 1 or not 0 <= self.dropout < 1:
            raise UserError(
                f"grid {self.grid}, boxes {self.boxes}, dropout {self.dropout}: "
                "grid and boxes are at least 1, dropout lies in [0, 1)",
                code=ExitCode.USAGE,
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

    @property
    def channels(self) -> int:
        """Outputs a cell: 5·B + C."""
        return 5 * self.boxes + len(self.classes)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a weights file's metadata."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelConfig:
        """The inverse of :meth:`to_json`.

        Raises:
            UserError: for fields that are missing, unknown or not of their type.
        """
        known = {f.name for f in fields(cls)}
        unknown = set(values) - known
        if unknown:
            raise UserError(
                f"the architecture has unknown fields: {', '.join(sorted(unknown))}",
                "the file was written by a newer version of yolo-cli",
            )
        try:
            lists: dict[str, Any] = {
                k: tuple(values[k]) for k in ("classes", "mean", "std") if k in values
            }
            if not all(isinstance(name, str) for name in lists["classes"]):
                raise TypeError("class names are text")
            return cls(**{**values, **lists})
        except (TypeError, KeyError, ValueError) as error:
            raise UserError(f"the architecture is not readable: {error}") from error


def new_config(classes: tuple[str, ...], **options: Any) -> ModelConfig:
    """A configuration with the preprocessing that its architecture is trained with from scratch.

    Args:
        classes: names of the classes.
        options: other fields of :class:`ModelConfig`; those that are None keep their default.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("arch", "vgg16") != "vgg16":
        given = {"mean": DARKNET_MEAN, "std": DARKNET_STD, **given}
    return ModelConfig(classes, **given)
