"""What the layers of a network are given: whole, for every image, and in rows at some places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn

from yolo_cli.model.network import Network
from yolo_cli.prune.chain import chain_of

STORED = 2**31  # bytes of activations that are kept at most; what is larger is computed again
ROWS = 40_000  # places that a layer is looked at, in all images together
APART = 16  # places that there are for each that is looked at: neighbours say nearly the same
FEW = 256  # images that are enough where each has places in plenty


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
        self._reached = [0] * len(images)  # link that what is stored of an image is given to
        self._stored = list(images)

    def rows(self, index: int, progress: Callable[[], None] = lambda: None) -> Tensor:
        """Return what a link's layer sums up at some places of the images, see :func:`rows_of`.

        Args:
            index: of the link, never less than the last one.
            progress: called after each image.
        """
        layer = self.links[index].layer
        x = self._given(0, index)
        images = images_for(places_of(layer, x), len(self._stored))
        store = index > 0 and x.nbytes * images <= STORED
        found = torch.empty(0)
        for number in range(images):
            x = self._given(number, index)
            if store:
                self._stored[number], self._reached[number] = x[0], index
            rng = np.random.default_rng((self.seed, index, number))
            part = rows_of(layer, x, -(-ROWS // images), rng)
            if not number:  # a list of parts, put together at the end, would take twice the memory
                found = part.new_empty(images * len(part), part.shape[1])
            found[number * len(part) : (number + 1) * len(part)] = part
            progress()
        return found

    def _given(self, number: int, index: int) -> Tensor:
        """Return what a link is given for an image, ``[1, C, H, W]`` or ``[1, inputs]``."""
        x, reached = self._stored[number][None], self._reached[number]
        if not reached:
            x = self.network.normalise(x).contiguous(memory_format=torch.channels_last)
        for link in self.links[reached:index]:
            x = link(x)
        return x


def images_for(places: int, images: int) -> int:
    """Return how many of the images a layer is looked at in: fewer where each has many places.

    Args:
        places: of the layer's output for one image.
        images: that there are.
    """
    return min(images, max(FEW, -(-ROWS * APART // places)))


def places_of(layer: nn.Conv2d | nn.Linear, x: Tensor) -> int:
    """Return how many places the output of a layer has, for inputs as :func:`rows_of` takes."""
    if isinstance(layer, nn.Linear):
        return 1
    height, width = _sides(layer, x)
    return height * width


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
    size, stride, padding = _geometry(layer)
    padded = F.pad(x[0], [padding] * 4)
    height, width = _sides(layer, x)
    chosen = np.arange(height * width)
    if count < len(chosen):
        chosen = np.sort(rng.choice(len(chosen), count, replace=False, shuffle=False))
    places, window = torch.from_numpy(chosen), torch.arange(size)
    down = (places // width * stride)[:, None, None] + window[:, None]
    right = (places % width * stride)[:, None, None] + window
    return padded[:, down, right].transpose(0, 1).flatten(1)


def _geometry(layer: nn.Conv2d) -> tuple[int, int, int]:
    """Return a layer's kernel size, stride and padding, the same along both sides."""
    padding = layer.padding[0]
    assert isinstance(padding, int)
    return layer.kernel_size[0], layer.stride[0], padding


def _sides(layer: nn.Conv2d, x: Tensor) -> tuple[int, int]:
    """Return the height and width of a layer's output."""
    size, stride, padding = _geometry(layer)
    height, width = ((side + 2 * padding - size) // stride + 1 for side in x.shape[2:])
    return height, width
