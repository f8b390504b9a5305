"""The architectures, one record each: all that tells one from another. Free of torch.

To add an architecture is to add a record to :data:`ARCHITECTURES`: the configuration, the command
line, its help, ``info``, training and export read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from yolo_cli.errors import UserError

TRUNK_STRIDE = 32  # pixels a cell of the feature map that the grid is made from
MIN_CHANNELS = 4  # of a layer, however small the factor


class Conv(NamedTuple):
    """A row of a layer table: output channels, kernel size, stride, padding.

    A padding of None is half the kernel: a kernel of odd size then keeps the picture's size.
    Normalisation and activation are the architecture's, but in a table that a file holds.
    """

    channels: int
    size: int = 3
    stride: int = 1
    padding: int | None = None
    norm: bool | None = None
    act: str | None = None


class Pool(NamedTuple):
    """Max pooling, which ends a block: kernel size, stride, padding; more on the right and below.

    Only a table that a file holds has more.
    """

    size: int = 2
    stride: int = 2
    padding: int = 0
    more: int = 0


Table = tuple[Conv | Pool, ...]


@dataclass(frozen=True)
class Pretrained:
    """ImageNet weights of a backbone, whose layers carry the same names as ours.

    Attributes:
        weights: torchvision's name of them: an enumeration in ``torchvision.models`` and a member.
        preprocessing: that they expect, a name of :data:`.preprocessing.PREPROCESSING`.
    """

    weights: str
    preprocessing: str


@dataclass(frozen=True)
class Architecture:
    """A backbone, and what depends on it.

    Attributes:
        title: its name in the literature.
        table: its layers; each cell of the last one's output covers 32 or 64 pixels.
        head_channels: of the hidden layers of the convolutional head.
        activation: after each convolution of the backbone.
        norm: whether the backbone may have batch normalisation; one whose pre-trained weights know
            none has none.
        pretrained: its ImageNet weights; None if there are none.
        frozen_blocks: leading blocks that training on a CPU keeps as they are where they have
            learned something already: most of the work, and general enough.
        pretraining: how many of the convolutions a classifier has; None for all.
        classifier: units of the hidden connected layers of its published ImageNet classifier;
            empty where there is none.
    """

    title: str
    table: Table
    head_channels: int
    activation: Literal["relu", "leaky"] = "leaky"
    norm: bool = True
    pretrained: Pretrained | None = None
    frozen_blocks: int = 0
    pretraining: int | None = None
    classifier: tuple[int, ...] = ()

    @property
    def channels(self) -> tuple[int, ...]:
        """Return the output channels of each convolution."""
        return tuple(row.channels for row in self.table if isinstance(row, Conv))

    def widths(self, factor: float) -> tuple[int, ...]:
        """Return the output channels of each convolution, scaled."""
        if factor == 1:
            return self.channels
        return tuple(max(MIN_CHANNELS, round(count * factor)) for count in self.channels)

    def layers(
        self,
        stride: int,
        *,
        width: float = 1.0,
        widths: tuple[int, ...] | None = None,
        convolutions: int | None = None,
    ) -> Iterator[Conv | Pool]:
        """Yield the layer table of one network.

        Args:
            stride: pixels that a grid cell covers along each side; one of 32 pixels loses the step
                from stride 32 to 64.
            width: factor on the numbers of channels, where ``widths`` does not give them.
            widths: numbers of channels instead of the table's, one for each convolution.
            convolutions: how many there are, with what is between them; None for the whole table.
        """
        channels = iter(self.widths(width) if widths is None else widths)
        reached, left = 1, convolutions
        for row in self.table:
            if left == 0:
                return
            if left is not None and isinstance(row, Conv):
                left -= 1
            kept = reached * row.stride <= max(stride, TRUNK_STRIDE)
            reached *= row.stride if kept else 1
            if isinstance(row, Conv):
                yield row._replace(channels=next(channels), stride=row.stride if kept else 1)
            elif kept:
                yield row


# Simonyan & Zisserman 2014, configuration D: 448 -> 14×14×512.
VGG16 = Architecture(
    title="VGG-16",
    table=(
        *(Conv(64), Conv(64), Pool()),
        *(Conv(128), Conv(128), Pool()),
        *(Conv(256), Conv(256), Conv(256), Pool()),
        *(Conv(512), Conv(512), Conv(512), Pool()),
        *(Conv(512), Conv(512), Conv(512), Pool()),
    ),
    head_channels=512,
    activation="relu",
    norm=False,
    pretrained=Pretrained("VGG16_Weights.IMAGENET1K_FEATURES", "caffe"),
    frozen_blocks=4,  # 91 % of the work
    classifier=(4096, 4096),
)

# YOLO paper, figure 3: 24 convolutions, 448 -> 7×7×1024.
YOLOV1 = Architecture(
    title="YOLOv1",
    table=(
        *(Conv(64, 7, 2), Pool()),
        *(Conv(192), Pool()),
        *(Conv(128, 1), Conv(256), Conv(256, 1), Conv(512), Pool()),
        *(Conv(256, 1), Conv(512)) * 4,
        *(Conv(512, 1), Conv(1024), Pool()),
        *(Conv(512, 1), Conv(1024)) * 2,
        *(Conv(1024), Conv(1024, 3, 2)),
        *(Conv(1024), Conv(1024)),
    ),
    head_channels=512,
    pretraining=20,  # section 2.2
)

# Darknet, yolov1-tiny.cfg: 8 convolutions, 448 -> 7×7×256.
FAST = Architecture(
    title="Fast YOLO",
    table=(
        *(Conv(16), Pool()),
        *(Conv(32), Pool()),
        *(Conv(64), Pool()),
        *(Conv(128), Pool()),
        *(Conv(256), Pool()),
        *(Conv(512), Pool()),
        *(Conv(1024), Conv(256)),
    ),
    head_channels=256,
)

# Krizhevsky 2014, "One weird trick", column 1, as torchvision publishes it: 448 -> 14×14×256.
# Its poolings have a padding of one here, where torchvision's have none: 448 then gives
# 111, 56, 28, 14 instead of 111, 55, 27, 13, and as exactly a cell for every 32 pixels of any other
# side. The numbers of the first convolution stay odd, as its padding of two leaves them. What a
# cell sees has its middle 12 pixels up and left of the cell's.
ALEXNET = Architecture(
    title="AlexNet",
    table=(
        *(Conv(64, 11, 4, 2), Pool(3, 2, 1)),
        *(Conv(192, 5), Pool(3, 2, 1)),
        *(Conv(384), Conv(256), Conv(256), Pool(3, 2, 1)),
    ),
    head_channels=512,
    activation="relu",
    norm=False,
    pretrained=Pretrained("AlexNet_Weights.IMAGENET1K_V1", "torchvision"),
    frozen_blocks=2,  # 43 % of the work
    classifier=(4096, 4096),
)

# By the name that a command line and a weights file have for it; the first is the default.
ARCHITECTURES = {"vgg16": VGG16, "yolov1": YOLOV1, "fast": FAST, "alexnet": ALEXNET}
DEFAULT = next(iter(ARCHITECTURES))
FASTEST = "fast"

if TYPE_CHECKING:
    ArchName: TypeAlias = str
else:
    ArchName = Literal[tuple(ARCHITECTURES)]


def architecture_of(name: str) -> Architecture:
    """Return the record of a name.

    Raises:
        UserError: for a name that no record has.
    """
    if name not in ARCHITECTURES:
        raise UserError(f"unknown arch {name!r:.50}", f"choose one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
