"""A network written for Darknet, layer by layer: sections of a cfg, and the numbers of each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from yolo_cli.darknet.chain import UNSCALED
from yolo_cli.darknet.layout import darknet_order
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.layers import DARKNET_EPS, DarknetNorm, Ramp
from yolo_cli.model.local import Local
from yolo_cli.model.network import Network
from yolo_cli.model.preprocessing import DARKNET, Preprocessing
from yolo_cli.tasks.detect.grid import Grid

ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.LeakyReLU: "leaky",
    nn.ReLU: "relu",
    nn.Sigmoid: "logistic",
    nn.Tanh: "tanh",
    Ramp: "ramp",
}
Value = int | float | str


class Sections:
    """Writes one section after the other.

    Attributes:
        text: of the cfg file so far.
        numbers: of the weights file so far, without its header.

    Args:
        config: of the network.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.text = ""
        self._arrays: list[npt.NDArray[np.float32]] = []
        side = config.image_size
        training = {"momentum": 0.9, "decay": 0.0005, "learning_rate": 0.0005}
        self._add("net", batch=1, subdivisions=1, height=side, width=side, channels=3, **training)
        self._normalise(Preprocessing(config.mean, config.std))

    @property
    def numbers(self) -> bytes:
        """Return what the weights file has after its header."""
        return b"".join(array.tobytes() for array in self._arrays)

    def layers(self, layers: Iterable[nn.Module]) -> None:
        """Write a chain of layers."""
        chain = [layer for layer in layers if not isinstance(layer, nn.Flatten)]
        for i, layer in enumerate(chain):
            after = chain[i + 1 : i + 3]
            norm = next((one for one in after[:1] if isinstance(one, nn.BatchNorm2d)), None)
            act = "linear"
            for one in after[norm is not None :][:1]:
                act = ACTIVATIONS.get(type(one), act)
            if isinstance(layer, nn.MaxPool2d):
                self._pool(layer)
            elif isinstance(layer, nn.AdaptiveAvgPool2d):
                self._add("avgpool")
            elif isinstance(layer, nn.Dropout):
                self._add("dropout", probability=layer.p)
            elif isinstance(layer, nn.Conv2d):
                self._conv(layer, norm, act)
            elif isinstance(layer, nn.Linear):
                self._connected(layer.weight, _bias(layer), norm, act)
            elif isinstance(layer, Local):
                self._local(layer, act)

    def classifier(self, network: Network) -> None:
        """Write the head of a classifier; normalising before a mean is done by the layer after."""
        layers, output = list(network.head.layers), network.head.predictor.layer
        weight, bias = output.weight.detach().flatten(1), _bias(output)
        if isinstance(norm := layers[0], nn.BatchNorm2d):
            del layers[0]
            shift, factor, mean, variance = (values.double() for values in _statistics(norm))
            scale = factor / (variance.sqrt() + DARKNET_EPS)
            bias, weight = bias + weight.double() @ (shift - mean * scale), weight * scale
        self.layers(layers)
        self._connected(weight, bias, None, "linear")
        self._add("softmax", groups=1)

    def detector(self, network: Network) -> None:
        """Write the head of a detector, and what its outputs mean."""
        self.layers(network.head.layers)
        grid = Grid.of(self.config)
        order, layer = darknet_order(grid), network.head.predictor.layer
        if isinstance(layer, nn.Linear):
            weight, bias = torch.empty_like(layer.weight), torch.empty_like(layer.bias)
            weight[order], bias[order] = layer.weight.detach(), layer.bias.detach()
        else:  # its outputs stand as [5B + C, S, S]
            self._conv(layer, None, "linear")
            places = torch.arange(len(order)).view(-1, grid.size**2).T.flatten()
            weight = torch.zeros(len(order), len(order))
            weight[order, places] = 1
            bias = torch.zeros(len(order))
        if grid.output == "linear":
            self._connected(weight, bias, None, "linear")
        else:  # two layers, of which each has an activation of its own
            classes = grid.size**2 * grid.classes
            self._connected(weight[:classes], bias[:classes], None, "linear")
            self._add("route", layers=-2)
            self._connected(weight[classes:], bias[classes:], None, "logistic")
            self._add("route", layers="-3,-1")
        self._add(
            "detection",
            classes=grid.classes,
            coords=4,
            rescore=1,
            side=grid.size,
            num=grid.boxes,
            softmax=int(grid.output == "sigmoid"),
            sqrt=1,
            jitter=0.2,
            object_scale=1,
            noobject_scale=0.5,
            class_scale=1,
            coord_scale=5,
        )

    def _normalise(self, values: Preprocessing) -> None:
        """Write what turns RGB in [0, 1] into the first layer's input."""
        side = self.config.image_size
        if values == DARKNET:
            self._add(
                "crop", crop_height=side, crop_width=side, flip=0, angle=0, saturation=1, exposure=1
            )
        elif values != UNSCALED:
            mean, std = torch.tensor(values.mean).double(), torch.tensor(values.std).double()
            layer = nn.Conv2d(3, 3, 1)
            layer.weight.data = torch.diag(1 / std)[:, :, None, None].float()
            layer.bias = nn.Parameter((-mean / std).float())
            self._conv(layer, None, "linear")

    def _conv(self, layer: nn.Conv2d, norm: nn.BatchNorm2d | None, act: str) -> None:
        (size, _), (stride, _) = layer.kernel_size, layer.stride
        assert isinstance(layer.padding, tuple)
        padding = layer.padding[0]
        same = {"pad": 1} if padding == size // 2 else {"padding": padding}
        normed = {"batch_normalize": 1} if norm else {}
        numbers: dict[str, Value] = {"filters": len(layer.weight), "size": size, "stride": stride}
        self._add("convolutional", **normed, **numbers, **same, activation=act)
        self._put(*(_statistics(norm) if norm else [_bias(layer)]), layer.weight)

    def _connected(
        self, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d | None, act: str
    ) -> None:
        normed = {"batch_normalize": 1} if norm else {}
        self._add("connected", **normed, output=len(weight), activation=act)
        shift, *statistics = _statistics(norm) if norm else [bias]
        self._put(shift, weight, *statistics)

    def _local(self, layer: Local, act: str) -> None:
        sizes = {"size": layer.size, "stride": layer.stride, "pad": layer.padding}
        self._add("local", filters=layer.map[0], **sizes, activation=act)
        self._put(layer.bias, layer.weight)

    def _pool(self, layer: nn.MaxPool2d) -> None:
        size, stride, padding = (
            value if isinstance(value, int) else value[0]
            for value in (layer.kernel_size, layer.stride, layer.padding)
        )
        more = getattr(layer, "more", 0)
        self._add("maxpool", size=size, stride=stride, padding=2 * padding + more)

    def _add(self, name: str, **options: Value) -> None:
        lines = [f"[{name}]", *(f"{key}={value}" for key, value in options.items())]
        self.text += ("\n" if self.text else "") + "\n".join(lines) + "\n"

    def _put(self, *tensors: Tensor) -> None:
        for tensor in tensors:
            self._arrays.append(tensor.detach().float().contiguous().numpy().astype("<f4"))


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    return torch.zeros(len(layer.weight)) if layer.bias is None else layer.bias


def _statistics(norm: nn.BatchNorm2d) -> list[Tensor]:
    """Return shift, factor, mean and a variance with which Darknet divides by what torch does."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    variance = norm.running_var
    if not isinstance(norm, DarknetNorm):
        deviation = (variance.double() + norm.eps).sqrt() - DARKNET_EPS
        variance = deviation.square()
    return [norm.bias, norm.weight, norm.running_mean, variance]
