"""Where each maximum was: the switches of max pooling, carried along with the activations.

A decoder that unpools puts every value back to where it came from (Zeiler & Fergus 2014; SegNet,
Badrinarayanan et al. 2017), so it needs the places of the maxima besides the last feature map. Two
bits say which of a 2×2 window it was; four of them make a number from 0 to 255, which even
bfloat16 holds exactly. These numbers travel as further channels of the activations, those of a
finer map folded into the channels of a cell. Like the activations themselves they can so be kept
on disk, and cut into windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name for it
from torch import Tensor

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import Pool
from yolo_cli.model.config import ModelConfig

FINEST = 2  # pixels of the input that a cell of a decoder's finest map covers along each side
TOGETHER = 4  # switches in a number


class Pooling(NamedTuple):
    """A pooling of a backbone: the channels and the stride, in pixels, of the map it takes."""

    channels: int
    stride: int


def poolings(config: ModelConfig) -> tuple[Pooling, ...]:
    """Return the poolings of a backbone, one for each block that ends with one."""
    found: list[Pooling] = []
    channels, stride = 3, 1
    layers = config.architecture.layers(
        config.stride,
        width=config.width,
        widths=config.widths,
        convolutions=config.convolutions,
    )
    for row in layers:
        if isinstance(row, Pool):
            found.append(Pooling(channels, stride))
        else:
            channels = row.channels
        stride *= row.stride
    return tuple(found)


def check_windows(config: ModelConfig) -> None:
    """Check that poolings can be undone: that their windows are 2×2 and do not overlap.

    Raises:
        UserError: if they are not.
    """
    table = config.architecture.table
    if any(isinstance(row, Pool) and row != Pool() for row in table):
        raise UserError(
            f"--upsample unpool: the pooling windows of {config.arch} overlap",
            "use --upsample bilinear, or --arch vgg16",
            ExitCode.USAGE,
        )


def is_carried(pooling: Pooling) -> bool:
    """Return whether a decoder has a use for a pooling's switches."""
    return pooling.stride >= FINEST


def pack(indices: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Turn the places of maxima into channels.

    Args:
        indices: ``[N, C, H, W]`` of :func:`yolo_cli.model.resample.max_pool_indices`.
        width: of the map that was pooled.
        dtype: of the result.

    Returns:
        ``[N, ⌈C / 4⌉, H, W]``, numbers from 0 to 255.
    """
    # The width is even: a place and its column are both odd or both even.
    switches = ((indices // width & 1) * 2 + (indices & 1)).to(torch.uint8)
    missing = -switches.shape[1] % TOGETHER
    if missing:
        switches = F.pad(switches, (0, 0, 0, 0, 0, missing))
    fours = switches.unflatten(1, (-1, TOGETHER))
    packed: Tensor = fours[:, :, 0]
    for place in range(1, TOGETHER):
        packed = packed + (fours[:, :, place] << 2 * place)
    return packed.to(dtype)


def unpack(packed: Tensor, channels: int) -> Tensor:
    """Undo :func:`pack`: return indices ``[N, channels, H, W]`` into a map twice as large."""
    numbers = packed.to(torch.uint8)[:, :, None]
    place = torch.arange(0, 2 * TOGETHER, 2, dtype=torch.uint8, device=packed.device)
    switches = (numbers >> place.view(1, 1, TOGETHER, 1, 1) & 3).flatten(1, 2)[:, :channels]
    height, width = packed.shape[-2:]
    rows = torch.arange(height, device=packed.device)[:, None]
    first = (2 * rows * width + torch.arange(width, device=packed.device)) * 2
    steps = torch.tensor([0, 1, 2 * width, 2 * width + 1], device=packed.device)
    indices: Tensor = steps[switches.int()] + first
    return indices


def fold(packed: Tensor) -> Tensor:
    """Move the numbers of each 2×2 window into the channels: ``[N, 4C, H/2, W/2]``."""
    return F.pixel_unshuffle(packed, 2)


def split(x: Tensor, passed: Sequence[Pooling]) -> tuple[Tensor, Tensor]:
    """Divide what a backbone gives into activations and packed switches.

    Args:
        x: ``[N, C + P, H, W]``.
        passed: the carried poolings that it has passed, in order.
    """
    carried = sum(counts(passed))
    return x[:, : x.shape[1] - carried], x[:, x.shape[1] - carried :]


def counts(passed: Sequence[Pooling]) -> list[int]:
    """Return the channels of each pooling's packed switches, in order, after the last of them."""
    own = [-(-pooling.channels // TOGETHER) for pooling in passed]
    return [count * 4**later for count, later in zip(own, reversed(range(len(own))), strict=True)]


def unfold(packed: Tensor, passed: Sequence[Pooling]) -> list[Tensor]:
    """Return each pooling's indices, in the order of the poolings: see :func:`unpack`."""
    parts = packed.split(counts(passed), dim=1)
    found = []
    for later, packed_part, pooling in zip(
        reversed(range(len(passed))), parts, passed, strict=True
    ):
        part = packed_part
        for _ in range(later):
            part = F.pixel_shuffle(part, 2)
        found.append(unpack(part, pooling.channels))
    return found
