"""How long each layer takes inside the whole network, in the runtime that runs it.

A layer on its own would be given its input from elsewhere, and its output would be taken from it:
in ncnn and OpenVINO that costs as much as a small layer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from yolo_cli.inference.backends.backend import BackendName
from yolo_cli.inference.backends.choose import of_network
from yolo_cli.inference.backends.graph import INPUT
from yolo_cli.model.fuse import FusedConv
from yolo_cli.model.network import Network

Stopwatch = Callable[[Tensor], list[float]]
"""From ``[1, 3, S, S]`` uint8 to the seconds of each layer with weights and what follows it."""

_CPU = torch.device("cpu")
_WEIGHTED = re.compile(r"(conv|gemm)_\d+\b")  # of our ONNX graph's names


def stopwatch(network: Network, backend: BackendName, precision: str) -> Stopwatch:
    """Return what runs a network once and says how long each of its layers took.

    Args:
        network: float32 on the CPU; not changed.
        backend: ``torch``, ``ncnn`` or ``openvino``.
        precision: ``auto``, ``fp32`` or ``bf16``.

    Raises:
        UserError: if they do not go together, or the backend is not installed.
    """
    make = {"ncnn": _ncnn, "openvino": _openvino}.get(backend, _torch)
    return make(deepcopy(network), precision)


def _torch(network: Network, precision: str) -> Stopwatch:
    backend = of_network(network, "torch", _CPU, precision)
    starts: list[float] = []
    for layer in network.modules():
        if isinstance(layer, FusedConv | nn.Conv2d | nn.Linear):
            layer.register_forward_pre_hook(lambda *_: starts.append(time.perf_counter()))

    def run(images: Tensor) -> list[float]:
        starts.clear()
        backend(images)
        ends = [*starts[1:], time.perf_counter()]
        return [end - start for start, end in zip(starts, ends, strict=True)]

    return run


def _ncnn(network: Network, precision: str) -> Stopwatch:
    from yolo_cli.inference.backends.ncnn_graph import to_ncnn
    from yolo_cli.inference.backends.ncnn_net import NcnnNet

    graph = to_ncnn(network)
    ends = graph.ends()
    half = precision == "bf16"
    net = NcnnNet(graph, ends[-1], torch.get_num_threads(), half=half, name="the network")
    return lambda images: net.times(images[0].numpy(), ends)


def _openvino(network: Network, precision: str) -> Stopwatch:
    from yolo_cli.inference.backends.openvino_backend import OpenVinoBackend
    from yolo_cli.model.runtime import pick_dtype

    backend = OpenVinoBackend.of(network, pick_dtype(precision, _CPU), profile=True)

    def run(images: Tensor) -> list[float]:
        pixels: npt.NDArray[np.uint8] = images.numpy()
        request = backend.request.create_infer_request()
        request.infer({INPUT: pixels})
        return _summed(request.profiling_info)

    return run


def _summed(nodes: Any) -> list[float]:
    """Add up what OpenVINO says of its nodes, in their order, from a layer with weights on."""
    times: list[float] = []
    seen: set[str] = set()
    for node in nodes:
        name = _WEIGHTED.match(node.node_name)
        # What reorders a layer's input has the layer's name in its own, but not in front.
        if name is not None and name[0] not in seen and node.node_type != "Reorder":
            seen.add(name[0])
            times.append(0.0)
        if times:
            times[-1] += node.real_time.total_seconds()
    return times
