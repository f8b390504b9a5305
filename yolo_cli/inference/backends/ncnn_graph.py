"""A network as ncnn reads it: a text of layers, and a flat file of float32.

Written straight from the tensors. Activations are part of the convolutions before them, as batch
norms are. What the numbers of a layer mean is said in ncnn's ``docs/developer-guide/operators.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from yolo_cli.errors import UserError
from yolo_cli.inference.backends.chain import bias_of, fused, layers_of, numbers, side_of
from yolo_cli.inference.backends.graph import INPUT, RAW
from yolo_cli.model.network import Network
from yolo_cli.model.resample import FACTOR, Interpolate
from yolo_cli.tasks.task import task_of

GRAPH_VERSION = 1  # to be raised whenever the same network would give another graph
FEATURES = "features"  # the output of a graph that ends with a block of the backbone
HIDDEN = "hidden"  # what the predictor takes
MAGIC = "7767517"
FLOAT32 = np.zeros(1, dtype=np.float32)  # four zero bytes before weights: not compressed
VALID = "5=1"  # a pooling without the cells that do not fit, as torch has it


@dataclass(frozen=True, eq=False)
class NcnnGraph:
    """A graph with input ``images``, RGB of 0 to 255 in float32 ``[3, S, S]``.

    Attributes:
        param: ncnn's text.
        weights: content of the ``bin`` file that belongs to it.
    """

    param: str
    weights: bytes

    def predictor(self, outputs: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return weights ``[outputs, inputs]`` and bias of the predictor, which come last.

        Args:
            outputs: numbers that it gives for a cell, or for the image where it is connected.
        """
        sizes = [line.split() for line in self.param.splitlines()[2:]]
        values = next(
            dict(value.split("=") for value in one[6:]) for one in sizes if one[4] == HIDDEN
        )
        count = int(values["6" if "6" in values else "2"])
        numbers = np.frombuffer(self.weights, dtype=np.float32)[-count - outputs :]
        return numbers[:count].reshape(outputs, -1), numbers[count:]

    def ends(self) -> list[str]:
        """Return the names of what each layer with weights is given, and of the output."""
        lines = [line.split() for line in self.param.splitlines()[2:]]
        given = [line[4] for line in lines if line[0] in ("Convolution", "InnerProduct")]
        return [*given, lines[-1][5]]


def to_ncnn(network: Network) -> NcnnGraph:
    """Return a network as a graph with the output ``raw``, ``[S, S, 5B + C]`` for one image.

    Args:
        network: not to be changed.
    """
    writer = _Writer()
    writer.normalise(network)
    *before, predictor = fused(layers_of(network))
    writer.layers(before)
    writer.add("Noop", output=HIDDEN)
    writer.layers([predictor])
    config = network.config
    if config.head == "conv":
        writer.add("Permute", "0=3", output=RAW)  # channels last
    else:
        sides = reversed(task_of(config).output_shape(config))
        writer.add("Reshape", *(f"{i}={side}" for i, side in enumerate(sides)), output=RAW)
    return writer.graph()


def blocks_to_ncnn(network: Network, depth: int) -> NcnnGraph:
    """Return the first blocks of a network as a graph with the output ``features``, ``[C, H, W]``.

    Args:
        network: not to be changed.
        depth: how many blocks, at least one.
    """
    writer = _Writer()
    writer.normalise(network)
    writer.layers(fused(network.backbone.block(0, depth)))
    writer.add("Noop", output=FEATURES)
    return writer.graph()


class _Writer:
    """Lines and numbers of a chain of layers."""

    def __init__(self) -> None:
        self.lines = [f"Input {INPUT} 0 1 {INPUT}"]
        self.arrays: list[npt.NDArray[np.float32]] = []
        self.last = INPUT

    def graph(self) -> NcnnGraph:
        """Return what has been written."""
        count = len(self.lines)  # of layers, and of what they make: one each
        text = "\n".join([MAGIC, f"{count} {count}", *self.lines, ""])
        return NcnnGraph(text, b"".join(array.tobytes() for array in self.arrays))

    def normalise(self, network: Network) -> None:
        """Write what turns pixels into the first convolution's input."""
        mean, std = (numbers(t).astype(np.float64).ravel() for t in (network.mean, network.std))
        self.add("Scale", "0=3", "1=1")
        self.arrays += [(1 / std).astype(np.float32), (-mean / std).astype(np.float32)]

    def layers(self, layers: Iterable[nn.Module]) -> None:
        """Write a chain of layers, each activation as a part of the layer before it.

        Raises:
            UserError: for a kind that only networks from Darknet have.
        """
        chain = [layer for layer in layers if not isinstance(layer, nn.Dropout | nn.Identity)]
        for i, layer in enumerate(chain):
            after = chain[i + 1] if i + 1 < len(chain) else None
            if isinstance(layer, nn.Conv2d | nn.Linear):
                self.weighted(layer, _activation(after))
            elif isinstance(layer, nn.ConvTranspose2d):
                self.transposed(layer, _activation(after))
            elif isinstance(layer, Interpolate):
                kind = 2 if layer.kind == "bilinear" else 1
                self.add("Interp", f"0={kind}", f"1={FACTOR}", f"2={FACTOR}")
            elif type(layer) is nn.MaxPool2d:
                size, stride, pad = map(side_of, (layer.kernel_size, layer.stride, layer.padding))
                self.add("Pooling", "0=0", f"1={size}", f"2={stride}", f"3={pad}", VALID)
            elif isinstance(layer, nn.AdaptiveAvgPool2d):
                assert layer.output_size == 1
                self.add("Pooling", "0=1", "4=1")  # the mean of all places
            elif isinstance(layer, nn.Flatten):
                self.add("Flatten")
            elif not (isinstance(layer, nn.ReLU | nn.LeakyReLU) and _has_weights(chain[i - 1])):
                raise UserError(
                    f"ncnn: a network with a {type(layer).__name__} layer is not written for it",
                    "use --backend torch, or export to onnx or openvino",
                )

    def transposed(self, layer: nn.ConvTranspose2d, extra: list[str]) -> None:
        """Write a transposed convolution, with its bias."""
        assert isinstance(layer.padding, tuple)
        weight = numbers(layer.weight.transpose(0, 1))
        size, stride, pad, more = map(
            side_of, (layer.kernel_size, layer.stride, layer.padding, layer.output_padding)
        )
        sides = (f"1={size}", f"3={stride}", f"4={pad}", f"18={more}", "5=1", f"6={weight.size}")
        self.add("Deconvolution", f"0={len(weight)}", *sides, *extra)
        self.arrays += [FLOAT32, weight, bias_of(layer)]

    def weighted(self, layer: nn.Conv2d | nn.Linear, extra: list[str]) -> None:
        """Write a convolution or a connected layer, with its bias."""
        weight = numbers(layer.weight)
        if isinstance(layer, nn.Conv2d):
            assert isinstance(layer.padding, tuple)
            assert (layer.groups, layer.dilation, layer.padding_mode) == (1, (1, 1), "zeros")
            size, stride, pad = map(side_of, (layer.kernel_size, layer.stride, layer.padding))
            sides = (f"1={size}", f"3={stride}", f"4={pad}", "5=1", f"6={weight.size}")
            self.add("Convolution", f"0={len(weight)}", *sides, *extra)
        else:
            self.add("InnerProduct", f"0={len(weight)}", "1=1", f"2={weight.size}", *extra)
        self.arrays += [FLOAT32, weight, bias_of(layer)]

    def add(self, kind: str, *values: str, output: str | None = None) -> None:
        """Write a layer that takes the last one's output."""
        name = output or f"{kind.lower()}_{len(self.lines)}"
        self.lines.append(" ".join([kind, name, "1 1", self.last, name, *values]))
        self.last = name


def _activation(layer: nn.Module | None) -> list[str]:
    """Return what a layer says of the activation in it; nothing for none."""
    if isinstance(layer, nn.LeakyReLU):
        return ["9=2", f"-23310=1,{layer.negative_slope:e}"]
    return ["9=1"] if isinstance(layer, nn.ReLU) else []


def _has_weights(layer: Any) -> bool:
    return isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
