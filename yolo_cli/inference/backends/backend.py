"""The one interface of everything that runs a network."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, Protocol

from torch import Tensor

BackendName = Literal["torch", "ncnn", "onnx", "openvino"]
Precision = Literal["fp32", "bf16", "int8"]

# The package that each backend other than torch needs.
PACKAGES = {"ncnn": "ncnn", "onnx": "onnxruntime", "openvino": "openvino"}


class Backend(Protocol):
    """A network that is ready to run.

    Attributes:
        name: of the library that runs it.
        precision: of its multiplications.
        parallel: whether several threads may call it at once, each for some of the cores, and are
            done sooner than one after the other.
        forkable: whether a process that was forked from the one that loaded it can call it, on one
            thread.
    """

    name: BackendName
    precision: Precision
    parallel: bool
    forkable: bool

    def __call__(self, images: Tensor) -> Tensor:
        """Run the network.

        Args:
            images: ``[N, 3, S, S]`` uint8 RGB, on the CPU.

        Returns:
            Float32, with the shape that the network's task says.
        """
        ...


def installed(name: BackendName) -> bool:
    """Return whether a backend can run here: its library is installed, and onnx to feed it."""
    needed = {"torch": (), "ncnn": ("ncnn",)}.get(name, (PACKAGES.get(name, name), "onnx"))
    return all(find_spec(package) is not None for package in needed)
