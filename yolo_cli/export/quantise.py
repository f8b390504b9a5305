"""Eight-bit networks: weights by channel, activations by the range that real images show.

Static quantisation in ONNX's QDQ form, which ONNX Runtime and OpenVINO both run in integers.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from torch import Tensor

from yolo_cli.inference.backends.graph import INPUT
from yolo_cli.optional import optional

if TYPE_CHECKING:
    from onnx import ModelProto

IMAGES = 128  # more change the ranges little
LAYERS = ["Conv", "Gemm", "MaxPool"]
ACTIVATIONS = ["Relu", "LeakyRelu"]


class _Reader:
    """Images one by one, as the calibration asks for them."""

    def __init__(self, images: Sequence[Tensor]) -> None:
        self.images = iter(images)

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        image = next(self.images, None)
        return None if image is None else {INPUT: image.unsqueeze(0).numpy()}


def quantise(model: ModelProto, images: Sequence[Tensor], *, fused: bool) -> ModelProto:
    """Return a copy of a model that multiplies in eight bits, except in its last layer.

    The last layer predicts: rounded to eight bits, boxes would be off by pixels. It is a hundredth
    of the work.

    Args:
        model: from :func:`yolo_cli.inference.backends.graph.to_onnx`.
        images: ``[3, S, S]`` uint8 each, for the ranges of activations.
        fused: for a runtime (OpenVINO) that multiplies, applies the activation and rounds in one
            go; others (ONNX Runtime) need the numbers between the two in eight bits as well.

    Raises:
        UserError: onnxruntime is not installed.
    """
    package = optional("onnxruntime.quantization", "onnx")
    optional("onnx", "onnx")
    import onnx

    package.CalibrationDataReader.register(_Reader)
    predictor = [n.name for n in model.graph.node if n.op_type in ("Conv", "Gemm")][-1]
    with TemporaryDirectory(prefix="yolo-cli-") as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        package.quantize_static(
            source,
            target,
            _Reader(images),
            quant_format=package.QuantFormat.QDQ,
            op_types_to_quantize=LAYERS if fused else [*LAYERS, *ACTIVATIONS],
            per_channel=True,
            # Weights of seven bits: without VNNI a processor adds two products in sixteen bits,
            # and cuts what does not fit. 2 · 255 · 64 does, 2 · 255 · 127 would not.
            reduce_range=True,
            activation_type=package.QuantType.QUInt8,
            weight_type=package.QuantType.QInt8,
            nodes_to_exclude=[predictor],
            calibrate_method=package.CalibrationMethod.MinMax,
            # The mean over images of the least and largest value: one image's extreme does not
            # make all others coarser.
            extra_options={
                "CalibMovingAverage": True,
                "OpTypesToExcludeOutputQuantization": ["Conv", "Gemm"] if fused else [],
            },
        )
        result = onnx.load(target)
    if fused:
        _round_before_pooling(result)
    entry = result.metadata_props.add()
    entry.key, entry.value = "precision", "int8"
    return result


def _round_before_pooling(model: ModelProto) -> None:
    """Move each rounding that follows a max pooling before it, so that it pools eight bits.

    The largest of rounded numbers is the largest number, rounded: nothing else changes.
    """
    from onnx import helper

    nodes = list(model.graph.node)
    takers = {name: node for node in nodes for name in node.input}
    moved = []
    for node in nodes:
        rounding = takers.get(node.output[0])
        if node.op_type == "MaxPool" and rounding and rounding.op_type == "QuantizeLinear":
            (source,), scale = node.input, rounding.input[1:]
            small, again = f"{source}_8bit", f"{source}_rounded"
            for kind, given, made in (
                ("QuantizeLinear", source, small),
                ("DequantizeLinear", small, again),
            ):
                moved.append(helper.make_node(kind, [given, *scale], [made], name=f"{made}_{kind}"))
            node.input[0] = again
        moved.append(node)
    del model.graph.node[:]
    model.graph.node.extend(moved)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the package, whose log advises what has been done already."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
