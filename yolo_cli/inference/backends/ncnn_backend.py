"""Networks run by ncnn on the CPU: 3×3 convolutions with a quarter of the multiplications.

Winograd's algorithm, which neither torch nor OpenVINO uses (Lavin & Gray 2015, "Fast Algorithms
for Convolutional Neural Networks"). In float32 it is as exact as theirs.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.inference.backends.backend import BackendName, Precision
from yolo_cli.inference.backends.description import Description
from yolo_cli.inference.backends.graph import RAW
from yolo_cli.inference.backends.ncnn_folder import folder_of, read_folder
from yolo_cli.inference.backends.ncnn_graph import HIDDEN, NcnnGraph, to_ncnn
from yolo_cli.inference.backends.ncnn_net import NcnnNet, library
from yolo_cli.model.network import Network
from yolo_cli.tasks.task import task_of


class NcnnBackend:
    """A network in ncnn.

    It is loaded at the first call, and once more for each other number of threads that torch is
    set to: ncnn lays the weights out for one.

    Args:
        graph: of the whole network.
        description: what is known of it.
        precision: in bfloat16 the activations between layers are; ncnn multiplies in float32.
        name: that errors call it.

    Attributes:
        description: as given.
        parallel: whether several threads at once, each on one core, are faster than one on all.

    Raises:
        UserError: ncnn is not installed, or does not load on this machine.
    """

    name: BackendName = "ncnn"
    forkable = True

    def __init__(
        self,
        graph: NcnnGraph,
        description: Description,
        precision: torch.dtype,
        name: Path | str = "the network",
    ) -> None:
        library()
        self.description = description
        self.precision: Precision = "bf16" if precision == torch.bfloat16 else "fp32"
        self.parallel = True
        self._graph = graph
        self._called = name
        self._nets: dict[int, NcnnNet] = {}
        self._lock = Lock()
        shape = task_of(description.config).output_shape(description.config)
        self._shape = shape
        last = shape[-1] if description.config.head == "conv" else int(np.prod(shape))
        self._predictor = graph.predictor(last)

    @classmethod
    def of(cls, network: Network, precision: torch.dtype) -> NcnnBackend:
        """Load a network that is in memory."""
        library()
        return cls(to_ncnn(network), Description(network.config), precision)

    @classmethod
    def read(cls, path: Path, precision: torch.dtype) -> NcnnBackend:
        """Read the folder of an export.

        Raises:
            UserError: see :func:`~yolo_cli.inference.backends.ncnn_folder.read_folder`.
        """
        folder = folder_of(path)
        if folder is None:
            raise UserError(f"{path}: no network for ncnn", "yolo export --format ncnn writes one")
        return cls(*read_folder(folder), precision, path)

    def __call__(self, images: Tensor) -> Tensor:
        """Run the network, see :class:`~yolo_cli.inference.backends.backend.Backend`."""
        return torch.from_numpy(self._run(images.cpu().numpy()))

    def outputs(self, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """Return all outputs of one run by their names."""
        return {RAW: self._run(images)}

    def _run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        net = self._net(torch.get_num_threads())
        if self.precision == "fp32":
            return np.stack([net(image) for image in images])
        # What predicts is computed in float32, as everywhere: rounded to bfloat16, boxes would be
        # off by pixels.
        weight, bias = self._predictor
        hidden = np.stack([net(image).reshape(weight.shape[1], -1) for image in images])
        raw: npt.NDArray[np.float32] = hidden.transpose(0, 2, 1) @ weight.T + bias
        return raw.reshape(len(images), *self._shape)

    def _net(self, threads: int) -> NcnnNet:
        half = self.precision == "bf16"
        with self._lock:
            if threads not in self._nets:
                output = HIDDEN if half else RAW
                self._nets[threads] = NcnnNet(
                    self._graph, output, threads, half=half, name=self._called
                )
            return self._nets[threads]
