"""What the layers of a network are given: whole, for every image, and in rows at some places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn

from yolo_cli.model.network import Network
from yolo_cli.prune.chain import chain_of

STORED = 2**31  # bytes of activations that are kept at most; what is larger is computed again
ROWS = 40_000  # places that a layer is looked at, in all images together


class Inputs:
    """What each layer of a network is given, layer after layer.

    Args:
        network: in evaluation mode. Its layers may change until the inputs of the next one are
            asked for.
        images: ``[3, S, S]`` uint8 each.
        seed: of the places that rows are taken from.

    Attributes:
        links: layers of the network.
    """

    def __init__(self, network: Network, images: Sequence[Tensor], seed: int) -> None:
        self.network = network
        self.links = chain_of(network)
        self.seed = seed
        self._reached = 0  # link that what is stored is given to
        self._stored = list(images)

    def whole(self, index: int) -> Iterator[Tensor]:
        """Yield the inputs of a link, ``[1, C, H, W]`` or ``[1, inputs]``, all images one by one.

        Args:
            index: of the link, never less than the last one.
        """
        reached, stored = self._reached, self._stored
        for number, image in enumerate(stored):
            x = image[None]
            if not reached:
                x = self.network.normalise(x).contiguous(memory_format=torch.channels_last)
            for link in self.links[reached:index]:
                x = link(x)
            if index > reached and x.nbytes * len(stored) <= STORED:
                stored[number] = x[0]  # in its place: not both are in memory
                self._reached = index
            yield x

    def rows(self, index: int, progress: Callable[[], None] = lambda: None) -> Tensor:
        """Return what a link's layer sums up at some places of all images, see :func:`rows_of`.

        Args:
            index: of the link, never less than the last one.
            progress: called after each image.
        """
        images = len(self._stored)
        each = -(-ROWS // images)
        found = torch.empty(0)
        for number, x in enumerate(self.whole(index)):
            rng = np.random.default_rng((self.seed, index, number))
            part = rows_of(self.links[index].layer, x, each, rng)
            if not number:  # a list of parts, put together at the end, would take twice the memory
                found = part.new_empty(images * len(part), part.shape[1])
            found[number * len(part) : (number + 1) * len(part)] = part
            progress()
        return found


def rows_of(
    layer: nn.Conv2d | nn.Linear, x: Tensor, count: int, rng: np.random.Generator
) -> Tensor:
    """Return what a layer sums up at some places of its output.

    Args:
        layer: a convolution, or a connected layer, which has one place.
        x: ``[1, C, H, W]``, or ``[1, inputs]`` for a connected layer.
        count: of places; all where there are not so many.
        rng: chooses them.

    Returns:
        ``[places, inputs of a sum]``, in the order of ``layer.weight[0].flatten()``.
    """
    if isinstance(layer, nn.Linear):
        return x
    size, stride, padding = layer.kernel_size[0], layer.stride[0], layer.padding[0]
    assert isinstance(padding, int)
    padded = F.pad(x[0], [padding] * 4)
    height, width = ((side - size) // stride + 1 for side in padded.shape[1:])
    chosen = np.arange(height * width)
    if count < len(chosen):
        chosen = np.sort(rng.choice(len(chosen), count, replace=False, shuffle=False))
    places, window = torch.from_numpy(chosen), torch.arange(size)
    down = (places // width * stride)[:, None, None] + window[:, None]
    right = (places % width * stride)[:, None, None] + window
    return padded[:, down, right].transpose(0, 1).flatten(1)
