"""A network as an ONNX graph.

Every network here is one chain of a few kinds of layers, so the graph is written down directly:
within milliseconds, with batch normalisation fused, and the same under every version of torch.
torch's own exporter takes seconds, needs a further package, and has changed its form twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import nn

from yolo_cli.errors import UserError
from yolo_cli.inference.backends.chain import bias_of, fused, layers_of, numbers, side_of
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.layers import Ramp
from yolo_cli.model.local import Local
from yolo_cli.model.network import Network
from yolo_cli.model.resample import FACTOR, Interpolate
from yolo_cli.optional import optional
from yolo_cli.tasks.task import task_of

if TYPE_CHECKING:
    import onnx

FORMAT_NAME = "yolo-cli export"
FORMAT = f"{FORMAT_NAME} 1"
OPSET = 17  # the oldest that has all that is needed: read by runtimes since 2022
IR_VERSION = 8  # goes with it; the package's newest may be newer than the user's runtime
INPUT, RAW = "images", "raw"
PLAIN = {nn.Flatten: "Flatten", nn.Sigmoid: "Sigmoid", nn.Tanh: "Tanh"}
MAX_BYTES = 2**31 - 1  # of a protobuf message


def to_onnx(network: Network, info: Mapping[str, Any], *, dynamic: bool = False) -> onnx.ModelProto:
    """Return the network, from 8-bit RGB images to raw outputs, with all that is known of it.

    Args:
        network: float32, not to be changed.
        info: what its weights file says of the training.
        dynamic: any number of images at once, else one.

    Returns:
        A model with input ``images`` ``[N, 3, S, S]`` uint8 and output ``raw``
        ``[N, S, S, 5B + C]`` float32; the metadata is that of a weights file.

    Raises:
        UserError: onnx is not installed, or the network is too large for its format.
    """
    optional("onnx", "onnx")
    from onnx import TensorProto, helper

    size = sum(p.numel() for p in network.parameters()) * 4
    if size > MAX_BYTES:
        raise UserError(f"the network has {size / 2**30:.1f} GB, and ONNX files hold 2 GB")
    config = network.config
    writer = _Writer()
    writer.network(network)
    batch: int | str = "N" if dynamic else 1
    side = config.image_size
    graph = helper.make_graph(
        writer.nodes,
        "yolo",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [batch, 3, side, side])],
        [
            helper.make_tensor_value_info(
                RAW, TensorProto.FLOAT, [batch, *task_of(config).output_shape(config)]
            )
        ],
        writer.constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="yolo-cli")
    model.ir_version = IR_VERSION
    helper.set_model_props(model, metadata(config, info))
    return model


def metadata(config: ModelConfig, info: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata of every export: that of a weights file."""
    return {
        "format": FORMAT,
        "model": json.dumps(config.to_json()),
        "info": json.dumps(dict(info)),
    }


class _Writer:
    """Nodes and constants of a chain of layers."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last = INPUT

    def network(self, network: Network) -> None:
        """Write all of a network."""
        mean, std = (numbers(t) for t in (network.mean, network.std))
        self.node("Cast", to=1)  # to float32
        self.node("Sub", mean)
        self.node("Mul", (1 / std.astype(np.float64)).astype(np.float32))
        for layer in fused(layers_of(network)):
            self.layer(layer)
        config = network.config
        if len(task_of(config).output_shape(config)) == 1:
            self.nodes[-1].output[0] = RAW  # a runtime would drop a reshaping, and its name
        elif config.head == "conv":
            self.node("Transpose", perm=[0, 2, 3, 1], output=RAW)
        else:
            shape = np.array([-1, *task_of(config).output_shape(config)], dtype=np.int64)
            self.node("Reshape", shape, output=RAW)

    def layer(self, layer: nn.Module) -> None:
        """Write one layer.

        Raises:
            NotImplementedError: for a kind that no network here has had so far.
        """
        if isinstance(layer, nn.Conv2d):
            self.conv(layer)
        elif isinstance(layer, nn.ConvTranspose2d):
            self.transposed(layer)
        elif isinstance(layer, Interpolate):
            self.interpolate(layer)
        elif isinstance(layer, nn.Linear):
            self.node("Gemm", numbers(layer.weight), bias_of(layer), transB=1)
        elif isinstance(layer, nn.ReLU):
            self.node("Relu")
        elif isinstance(layer, nn.LeakyReLU):
            self.node("LeakyRelu", alpha=float(layer.negative_slope))
        elif isinstance(layer, nn.MaxPool2d):
            size, stride, pad = map(side_of, (layer.kernel_size, layer.stride, layer.padding))
            pads = [pad, pad, *[pad + getattr(layer, "more", 0)] * 2]
            self.node("MaxPool", kernel_shape=[size] * 2, strides=[stride] * 2, pads=pads)
        elif isinstance(layer, Local):
            self.local(layer)
        elif isinstance(layer, Ramp):
            self.node("LeakyRelu", alpha=layer.slope / (1 + layer.slope))
            self.node("Mul", np.array([1 + layer.slope], dtype=np.float32))
        elif isinstance(layer, nn.AdaptiveAvgPool2d):
            assert layer.output_size == 1
            self.node("GlobalAveragePool")
        elif type(layer) in PLAIN:
            self.node(PLAIN[type(layer)])
        elif not isinstance(layer, nn.Dropout | nn.Identity):
            raise NotImplementedError(type(layer).__name__)

    def conv(self, layer: nn.Conv2d) -> None:
        """Write a convolution with bias."""
        assert isinstance(layer.padding, tuple)
        self.node(
            "Conv",
            numbers(layer.weight),
            bias_of(layer),
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=[*layer.padding, *layer.padding],
            group=layer.groups,
        )

    def local(self, layer: Local) -> None:
        """Write a locally connected layer: patches, then a product for each place."""
        places, _, inputs = layer.weight.shape
        area = layer.size**2
        patches = np.tile(np.eye(area, dtype=np.float32), (inputs // area, 1))
        self.node(
            "Conv",
            patches.reshape(inputs, 1, layer.size, layer.size),
            kernel_shape=[layer.size] * 2,
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
            group=inputs // area,
        )
        self.node("Reshape", np.array([-1, inputs, places], dtype=np.int64))
        self.node("Transpose", perm=[2, 0, 1])
        self.node("MatMul", numbers(layer.weight.transpose(1, 2)))
        self.node("Transpose", perm=[1, 2, 0])
        self.node("Reshape", np.array([-1, *layer.map], dtype=np.int64))
        self.node("Add", numbers(layer.bias).reshape(layer.map))

    def transposed(self, layer: nn.ConvTranspose2d) -> None:
        """Write a transposed convolution with bias."""
        assert isinstance(layer.padding, tuple)
        self.node(
            "ConvTranspose",
            numbers(layer.weight),
            bias_of(layer),
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=[*layer.padding, *layer.padding],
            output_padding=list(layer.output_padding),
        )

    def interpolate(self, layer: Interpolate) -> None:
        """Write what doubles height and width."""
        linear = layer.kind == "bilinear"
        self.node(
            "Resize",
            np.zeros(0, dtype=np.float32),  # a region that this kind of resizing does not have
            np.array([1, 1, FACTOR, FACTOR], dtype=np.float32),
            mode="linear" if linear else "nearest",
            coordinate_transformation_mode="half_pixel" if linear else "asymmetric",
            nearest_mode="floor",
        )

    def node(
        self, kind: str, *constants: npt.NDArray[Any], output: str | None = None, **attributes: Any
    ) -> None:
        """Write a node that takes the last one's output and constants."""
        from onnx import helper, numpy_helper

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        inputs = [self.last]
        for i, values in enumerate(constants):
            inputs.append(f"{name}.{i}")
            self.constants.append(numpy_helper.from_array(values, inputs[-1]))
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        self.last = name
