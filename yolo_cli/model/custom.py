"""Networks whose layers stand in their weights file, where no architecture has their table.

The convolutions and poolings that a table begins with, up to a row ``head`` if there is one, are
the backbone; what follows is the head, up to the output layer, which follows from the task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from yolo_cli.errors import UserError
from yolo_cli.model.architectures import Architecture, Conv, Pool

CUSTOM = "custom"  # stands for the name of an architecture
Kind = Literal["conv", "pool", "local", "connected", "dropout", "average", "head"]
Activation = Literal["linear", "leaky", "relu", "ramp", "logistic", "tanh"]
BACKBONE = ("conv", "pool")

# More than any network has; a damaged file may ask for any number.
MOST_ROWS, MOST_OUTPUTS, MOST_SIZE = 1000, 2**16, 64


@dataclass(frozen=True)
class Row:
    """A layer of a table that a weights file holds.

    Attributes:
        kind: what it does; ``average`` takes the mean over all places; ``head`` does nothing, and
            says that the backbone ends here, though a convolution may follow.
        channels: outputs of a layer with weights.
        size: of its kernel.
        stride: of its kernel.
        padding: on all four sides.
        more: of a pooling, more padding on the right and below.
        norm: whether batch normalisation follows, in Darknet's form.
        act: the activation that follows.
        rate: of a dropout.
    """

    kind: Kind
    channels: int = 0
    size: int = 1
    stride: int = 1
    padding: int = 0
    more: int = 0
    norm: bool = False
    act: Activation = "linear"
    rate: float = 0.0

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}


class Shape(NamedTuple):
    """What passes between two layers: channels, and the side of a map; 1 after connected ones."""

    channels: int
    side: int


def split(rows: Sequence[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows of the backbone, and those of the head."""
    end = next((i for i, row in enumerate(rows) if row.kind not in BACKBONE), len(rows))
    return tuple(rows[:end]), tuple(rows[end:])


def architecture(rows: Sequence[Row]) -> Architecture:
    """Return the record of a table's backbone."""
    table = tuple(
        Pool(row.size, row.stride, row.padding, row.more)
        if row.kind == "pool"
        else Conv(row.channels, row.size, row.stride, row.padding, row.norm, row.act)
        for row in split(rows)[0]
    )
    return Architecture(title="a network with a table of its own", table=table, head_channels=512)


def shapes(rows: Sequence[Row], side: int, channels: int = 3) -> Iterator[Shape]:
    """Yield the shape of each row's output.

    Args:
        rows: of a table.
        side: pixels along each side of the input.
        channels: of the input.
    """
    for row in rows:
        if row.kind in ("connected", "average"):
            side = 1
        elif row.kind not in ("dropout", "head"):
            side = (side + 2 * row.padding + row.more - row.size) // row.stride + 1
        channels = row.channels or channels
        yield Shape(channels, side)


def check(rows: Sequence[Row], side: int) -> None:
    """Check that a table can be built.

    Raises:
        UserError: it cannot.
    """
    if not rows or len(rows) > MOST_ROWS or rows[0].kind not in BACKBONE:
        raise UserError("a table of layers begins with a convolution or a pooling")
    flat = False
    for number, (row, shape) in enumerate(zip(rows, shapes(rows, side), strict=True), 1):
        after_connected = flat and row.kind not in ("connected", "dropout", "head")
        flat = flat or row.kind == "connected"
        weights = row.kind in ("conv", "local", "connected")
        good = (
            row.kind in get_args(Kind)
            and row.act in get_args(Activation)
            and (1 if weights else 0) <= row.channels <= (MOST_OUTPUTS if weights else 0)
            and 1 <= row.size <= MOST_SIZE
            and 1 <= row.stride <= MOST_SIZE
            and 0 <= row.padding <= row.size
            and 0 <= row.more <= 1
            and 0 <= row.rate < 1
            and not (row.norm and row.kind not in ("conv", "connected"))
            and not after_connected
        )
        if not good:
            raise UserError(f"layer {number} of the table makes no sense: {row}")
        if shape.side < 1:
            raise UserError(f"layer {number} of the table has nothing left of {side} pixels")
