"""What a network is: everything that is needed to build it again, stored in every weights file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, get_args

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import DEFAULT as DEFAULT_ARCHITECTURE
from yolo_cli.model.architectures import TRUNK_STRIDE, Architecture, architecture_of
from yolo_cli.model.custom import CUSTOM, Row, architecture, check, split
from yolo_cli.model.preprocessing import DARKNET

Head = Literal["conv", "fc", "pool"]  # a task says which of them it has
Output = Literal["linear", "sigmoid"]
Upsample = Literal["unpool", "transposed", "bilinear", "nearest"]

DETECT, CLASSIFY, SEGMENT = "detect", "classify", "segment"  # their backbones are not alike

# More than anyone needs; a damaged file may ask for any number, and for all memory with it.
MAX_IMAGE_SIZE = 4096
MAX_BOXES = 100
MAX_WIDTH = 4.0
MAX_CHANNELS = 2**14


@dataclass(frozen=True)
class ModelConfig:
    """A network's architecture, classes and preprocessing.

    Attributes:
        classes: names, in the order of the output's class scores (C of them).
        arch: backbone, a name of :data:`.architectures.ARCHITECTURES`.
        head: ``conv``, or ``fc``, connected layers, or ``pool``, a mean over all places.
        grid: S, cells along each side; of a detector.
        boxes: B, boxes a cell; of a detector.
        image_size: pixels along each side of the network's input.
        dropout: probability, in the head.
        norm: batch normalisation in the head, and in a backbone whose architecture allows it.
        output: ``linear``, the paper's, or ``sigmoid``: x, y, √w, √h and confidence squashed to
            (0, 1) and softmax over classes.
        width: factor on the number of channels; 1 is the published network. It does not touch
            layers whose numbers ``widths`` or ``head_widths`` give.
        widths: output channels of each convolution of the backbone, for a network that is not
            scaled evenly (a pruned one); None for the architecture's, times ``width``.
        head_widths: the same of the head's hidden layers.
        mean: subtracted from RGB in [0, 1].
        std: divides the difference.
        task: what the network does, see :mod:`yolo_cli.tasks`.
        upsample: how a decoder doubles the resolution; None for a network without one.
        layers: the backbone's, and those of the ``fc`` head but for the last, where no architecture
            has them; ``arch`` is then :data:`.custom.CUSTOM`.
    """

    classes: tuple[str, ...]
    arch: str = DEFAULT_ARCHITECTURE
    head: Head = "conv"
    grid: int = 7
    boxes: int = 2
    image_size: int = 448
    dropout: float = 0.5
    norm: bool = True
    output: Output = "sigmoid"
    width: float = 1.0
    widths: tuple[int, ...] | None = None
    head_widths: tuple[int, ...] | None = None
    mean: tuple[float, ...] = DARKNET.mean
    std: tuple[float, ...] = DARKNET.std
    task: str = DETECT
    upsample: Upsample | None = None
    layers: tuple[Row, ...] | None = None

    # Of from_json: unknown fields, NaN and infinity are refused.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("head", self.head, get_args(Head)),
            ("output", self.output, get_args(Output)),
            ("upsample", self.upsample, (*get_args(Upsample), None)),
        ):
            if value not in allowed:
                raise UserError(
                    f"unknown {name} {value!r:.50}",
                    f"choose one of {', '.join(filter(None, allowed))}",
                )
        self._check_classes()
        if (self.layers is not None) != (self.arch == CUSTOM):
            raise UserError(f"layers go with the arch {CUSTOM}, and with no other")
        if self.layers is not None and self.image_size <= MAX_IMAGE_SIZE:
            check(self.layers, self.image_size)
        self._check_widths()
        if not 1 <= self.boxes <= MAX_BOXES or self.grid < 1 or not 0 <= self.dropout < 1:
            raise UserError(
                f"grid {self.grid}, boxes {self.boxes}, dropout {self.dropout}: grid and boxes "
                f"are at least 1, boxes at most {MAX_BOXES}, dropout lies in [0, 1)",
                code=ExitCode.USAGE,
            )
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
        if self.task == DETECT:
            self._check_grid()
        elif not self._own_head and (
            self.image_size < TRUNK_STRIDE or self.image_size % TRUNK_STRIDE
        ):
            raise UserError(
                f"an image size of {self.image_size} is no multiple of {TRUNK_STRIDE}",
                f"use --image-size {max(1, round(self.image_size / TRUNK_STRIDE)) * TRUNK_STRIDE}",
                ExitCode.USAGE,
            )

    def _check_grid(self) -> None:
        if self._own_head and self.image_size > 0:  # connected layers fill any grid
            return
        if self.image_size not in (self.grid * TRUNK_STRIDE, 2 * self.grid * TRUNK_STRIDE):
            sizes = f"{self.grid * TRUNK_STRIDE} or {2 * self.grid * TRUNK_STRIDE}"
            raise UserError(
                f"a grid of {self.grid} does not fit an image size of {self.image_size}",
                f"a cell covers 32 or 64 pixels: use --image-size {sizes}, "
                "or another --grid (448 goes with 7 and 14)",
                ExitCode.USAGE,
            )

    def _check_classes(self) -> None:
        if not self.classes:
            raise UserError("a network needs at least one class")
        for i, name in enumerate(self.classes):
            if name in self.classes[:i]:
                raise UserError(f"two classes are called {name!r}")
            try:
                name.encode()
            except UnicodeEncodeError as error:  # half a surrogate pair, which JSON can spell
                raise UserError(
                    f"the class name {name!r} is not valid Unicode", "rename the class"
                ) from error

    def _check_widths(self) -> None:
        if not 0 < self.width <= MAX_WIDTH:
            raise UserError(f"width {self.width}: above 0 and at most {MAX_WIDTH:g}")
        count = len(self.architecture.channels[: self.convolutions])
        if self.widths is not None and len(self.widths) != count:
            raise UserError(
                f"{len(self.widths)} widths for the {count} convolutions of {self.arch}"
            )
        for channels in (*(self.widths or ()), *(self.head_widths or ())):
            if not 1 <= channels <= MAX_CHANNELS:
                raise UserError(f"a layer of {channels} channels: from 1 to {MAX_CHANNELS}")

    @property
    def architecture(self) -> Architecture:
        """Return the record of the backbone."""
        return architecture_of(self.arch) if self.layers is None else architecture(self.layers)

    @property
    def _own_head(self) -> bool:
        if self.layers is None or self.head != "fc":
            return False
        return self.task == DETECT or bool(split(self.layers)[1])

    @property
    def trunk_stride(self) -> int:
        """Return the stride that the backbone may reach; a table with a head keeps all of its."""
        return 2**30 if self._own_head else self.stride

    @property
    def stride(self) -> int:
        """Return the pixels that a cell of the features covers at most: 32 or 64 for a grid's."""
        if self.task == DETECT:
            return self.image_size // self.grid
        return TRUNK_STRIDE if self.task == SEGMENT else 2 * TRUNK_STRIDE

    @property
    def convolutions(self) -> int | None:
        """Return how many of the backbone's convolutions there are; None for all."""
        return self.architecture.pretraining if self.task == CLASSIFY else None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a weights file's metadata, without the fields that are None."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelConfig:
        """Read what :meth:`to_json` has written.

        Raises:
            UserError: for fields that are missing, unknown or not of their type.
        """
        from pydantic import TypeAdapter, ValidationError  # slow to import, and not for every help

        if not isinstance(values, dict):
            raise UserError("the architecture is not readable: no fields in it")
        try:
            text = json.dumps(values, ensure_ascii=False).encode()
            return TypeAdapter(cls).validate_json(text, strict=True)
        except UnicodeEncodeError as error:  # half a surrogate pair, in the name of a class
            place = error.object[max(0, error.start - 20) : error.end]
            raise UserError(
                f"the architecture is not readable: {place!r} is not valid Unicode"
            ) from error
        except ValidationError as error:
            raise _unreadable(values, error.errors()[0]) from error


def _unreadable(values: dict[str, Any], error: Mapping[str, Any]) -> UserError:
    """Say in a line what pydantic says of a field."""
    name = error["loc"][0]
    if error["type"] == "unexpected_keyword_argument":
        return UserError(
            f"the architecture has an unknown field: {name}",
            "the file was written by a newer version of yolo-cli",
        )
    if name not in values:
        return UserError(f"the architecture is not readable: no {name} in it")
    return UserError(f"the architecture is not readable: {name} is {values[name]!r:.50}")


def new_config(classes: tuple[str, ...], **options: Any) -> ModelConfig:
    """Return a configuration for training from scratch.

    Args:
        classes: names of the classes.
        options: other fields of :class:`ModelConfig`; those that are None keep their default.
    """
    return ModelConfig(classes, **{k: v for k, v in options.items() if v is not None})
