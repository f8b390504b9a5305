"""The one call that everything which runs a network answers."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Literal, Protocol

from torch import Tensor

from yolo_cli.errors import ExitCode, UserError

BackendName = Literal["torch", "onnx", "openvino"]
Precision = Literal["fp32", "bf16", "int8"]

# Package that must be there, and the extra of this project that brings it.
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}


class Backend(Protocol):
    """A network that is ready to run.

    Attributes:
        name: of the library that runs it.
        precision: in which it multiplies.
    """

    name: BackendName
    precision: Precision

    def __call__(self, images: Tensor) -> Tensor:
        """Run the network.

        Args:
            images: ``[N, 3, S, S]`` uint8 RGB, on the CPU.

        Returns:
            ``[N, S, S, 5B + C]`` float32, laid out as :mod:`yolo_cli.tasks.detect.grid` says.
        """
        ...


def installed(name: BackendName) -> bool:
    """Whether a backend can run here: its library, and what hands networks to it."""
    return name == "torch" or all(find_spec(n) is not None for n in (PACKAGES[name], "onnx"))


def optional(module: str, extra: str) -> ModuleType:
    """Import a module of an optional package.

    Args:
        module: dotted name.
        extra: the extra of this project that installs it.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.split(".", maxsplit=1)[0]
        raise UserError(
            f"the package {package} is not installed",
            f"pip install 'yolo-cli[{extra}]'",
            ExitCode.USAGE,
        ) from error
