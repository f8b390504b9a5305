"""Where the numbers of a Darknet weights file belong: to which tensor, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from yolo_cli.darknet.target import Target
from yolo_cli.model.config import DETECT
from yolo_cli.model.local import Local
from yolo_cli.model.network import Network
from yolo_cli.tasks.detect.grid import Grid

BACKBONE, HEAD, PREDICTOR = "backbone.features", "head.layers", "head.predictor.layer"


@dataclass(frozen=True, eq=False)
class Part:
    """The numbers of a tensor, or of some of its rows.

    Attributes:
        name: of the tensor in the network's state dict.
        shape: of the part.
        order: for each row of the tensor, the row of the file; None for the same.
        matrix: whether it is what newer versions transpose: the weights of a connected layer.
        start: the first of its rows, as they stand in the file.
    """

    name: str
    shape: tuple[int, ...]
    order: Tensor | None = None
    matrix: bool = False
    start: int = 0

    @property
    def count(self) -> int:
        """Return how many numbers it has."""
        return torch.Size(self.shape).numel()

    def split(self, linear: int) -> tuple[Part, Part]:
        """Return the rows up to ``linear``, and those from there on."""
        rows, *rest = self.shape
        return (
            replace(self, shape=(linear, *rest)),
            replace(self, shape=(rows - linear, *rest), start=linear),
        )

    def decode(self, numbers: Tensor, *, transposed: bool) -> Tensor:
        """Return the rows of a flat array of the file's numbers, in the file's order."""
        if self.matrix and transposed:
            return numbers.view(self.shape[::-1]).T.contiguous()
        return numbers.view(self.shape)

    def encode(self, tensor: Tensor, *, transposed: bool) -> Tensor:
        """Return the numbers of a tensor's rows as they stand in the file, flat."""
        if self.order is not None:
            given, tensor = tensor, torch.empty_like(tensor)
            tensor[self.order] = given
        rows = tensor[self.start : self.start + self.shape[0]]
        return (rows.T if self.matrix and transposed else rows).flatten()


@dataclass(frozen=True)
class Block:
    """The numbers of a layer, in the order of the file."""

    parts: tuple[Part, ...]

    @property
    def count(self) -> int:
        """Return how many they are."""
        return sum(part.count for part in self.parts)

    def decode(self, numbers: Tensor, *, transposed: bool) -> dict[str, Tensor]:
        """Return the tensors of a flat array of the file's numbers, by name."""
        rows: dict[str, list[Tensor]] = {}
        for part, own in zip(
            self.parts, numbers.split([part.count for part in self.parts]), strict=True
        ):
            rows.setdefault(part.name, []).append(part.decode(own, transposed=transposed))
        orders = {part.name: part.order for part in self.parts}
        tensors = {name: torch.cat(own) for name, own in rows.items()}
        return {
            name: tensor if (order := orders[name]) is None else tensor[order]
            for name, tensor in tensors.items()
        }


def blocks_of(network: Network, target: Target) -> Iterator[Block]:
    """Yield what stands in the file for each layer with weights.

    Args:
        network: on any device; its shapes matter.
        target: what of it is in the file.
    """
    named = list(_named(network, target))
    for (name, layer), (norm_name, norm) in zip(named, [*named[1:], ("", None)], strict=True):
        if not isinstance(layer, nn.Conv2d | nn.Linear | Local):
            continue
        last = name == PREDICTOR
        detects = network.config.task == DETECT
        order = darknet_order(Grid.of(network.config)) if last and detects else None
        statistics = [
            Part(f"{norm_name}.{one}", (len(layer.weight),))
            for one in ("weight", "running_mean", "running_var")
            if isinstance(norm, nn.BatchNorm2d)
        ]
        shape = tuple(layer.weight.shape)
        matrix = isinstance(layer, nn.Linear) and not (last and target.output == "convolutional")
        weight = Part(f"{name}.weight", shape, order, matrix)
        bias = Part(f"{norm_name}.bias", (len(layer.weight),))
        if not statistics:
            assert layer.bias is not None
            bias = Part(f"{name}.bias", tuple(layer.bias.shape), order)
        if last and target.linear is not None:
            pairs = zip(bias.split(target.linear), weight.split(target.linear), strict=True)
            yield Block(tuple(part for pair in pairs for part in pair))
        elif isinstance(layer, nn.Linear):
            yield Block((bias, weight, *statistics))
        else:
            yield Block((bias, *statistics, weight))


def without_numbers(network: Network, target: Target) -> dict[str, Tensor]:
    """Return the tensors of a network that Darknet has no numbers for.

    Counters are zero, and an output layer that Darknet does not have returns what it gets.
    """
    tensors = {
        f"{name}.num_batches_tracked": torch.zeros((), dtype=torch.int64)
        for name, layer in _named(network, target)
        if isinstance(layer, nn.BatchNorm2d)
    }
    if target.whole and target.output is None:
        count = len(network.config.classes)
        tensors[f"{PREDICTOR}.weight"] = torch.eye(count)
        tensors[f"{PREDICTOR}.bias"] = torch.zeros(count)
    return tensors


def encode(blocks: Iterator[Block], tensors: Mapping[str, Tensor], *, transposed: bool) -> bytes:
    """Return a network's numbers as they stand in a file.

    Args:
        blocks: of the network.
        tensors: its state dict.
        transposed: see :attr:`.header.Header.transposed`.
    """
    parts = [
        part.encode(tensors[part.name].float(), transposed=transposed).numpy().astype("<f4")
        for block in blocks
        for part in block.parts
    ]
    return b"".join(part.tobytes() for part in parts)


def _named(network: Network, target: Target) -> Iterator[tuple[str, nn.Module]]:
    yield from ((f"{BACKBONE}.{n}", one) for n, one in network.backbone.features.named_children())
    if not target.whole:
        return
    yield from ((f"{HEAD}.{n}", one) for n, one in network.head.layers.named_children())
    if target.output is not None:
        yield PREDICTOR, network.head.predictor.layer


def darknet_order(grid: Grid) -> Tensor:
    """Return the place in Darknet's output of each number of ours.

    Darknet gives the classes of all cells, then the confidences of all boxes, then the boxes.
    """
    cells = grid.size**2
    parts = [cells * n for n in (grid.classes, grid.boxes, 4 * grid.boxes)]
    classes, confidences, boxes = torch.arange(sum(parts)).split(parts)
    boxes = boxes.view(cells, grid.boxes, 4)
    confidence = confidences.view(cells, grid.boxes)
    packed = grid.pack(boxes[..., :2], boxes[..., 2:], confidence, classes.view(cells, -1))
    return packed.flatten()
