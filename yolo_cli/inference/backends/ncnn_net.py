"""A graph in ncnn: loaded for a number of threads, and run on one image at a time."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.backends.graph import INPUT
from yolo_cli.inference.backends.ncnn_graph import NcnnGraph


def library() -> ModuleType:
    """Import ncnn.

    Raises:
        UserError: it is not installed, or cannot be loaded on this machine.
    """
    try:
        return import_module("ncnn")
    except ModuleNotFoundError as error:
        if error.name != "ncnn":
            raise _unusable(error) from error
        raise UserError(
            "the package ncnn is not installed", "pip install ncnn", ExitCode.USAGE
        ) from error
    except (ImportError, OSError) as error:  # its binary is for another machine
        raise _unusable(error) from error


def _unusable(error: Exception) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(
        f"the package ncnn does not load here ({reason:.120})",
        "use --backend torch, or pip install --force-reinstall ncnn",
        ExitCode.FAILURE,
    )


class NcnnNet:
    """A graph that is ready to run, also in several threads at once.

    Args:
        graph: what is run.
        output: what it gives.
        threads: that share the work on an image. ncnn lays the weights out for that many.
        half: keep activations in bfloat16.
        name: that errors call it.

    Raises:
        UserError: ncnn is not there, or cannot load the graph.
    """

    def __init__(
        self, graph: NcnnGraph, output: str, threads: int, *, half: bool, name: object
    ) -> None:
        self.ncnn: Any = library()
        self.output = output
        self.name = name
        self.net = self.ncnn.Net()
        options = self.net.opt
        options.num_threads = threads
        options.use_bf16_storage = half
        options.use_fp16_storage = options.use_fp16_packed = options.use_fp16_arithmetic = False
        options.use_vulkan_compute = False
        reader = _reader(self.ncnn, graph.weights)
        if self.net.load_param_mem(graph.param) or self.net.load_model(reader):
            raise UserError(f"{name}: ncnn cannot load it", "export or train the weights again")

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Run the graph on ``[3, H, W]`` RGB and return its output.

        Raises:
            UserError: ncnn cannot run the graph.
        """
        failed, result = self._given(image).extract(self.output)
        self._check(failed)
        return np.array(result.numpy(), dtype=np.float32)

    def times(self, image: npt.NDArray[np.uint8], ends: Sequence[str]) -> list[float]:
        """Run the graph step by step.

        Args:
            image: ``[3, H, W]`` RGB.
            ends: names of what layers give, in their order.

        Returns:
            The seconds from each of them to the next one.
        """
        extractor = self._given(image)
        clock = []
        for name in ends:
            failed, result = extractor.extract(name, 1)  # as it is inside of ncnn
            clock.append(time.perf_counter())
            self._check(failed)
            del result  # else the next layer would not compute in its place
        return [after - before for before, after in pairwise(clock)]

    def _given(self, image: npt.NDArray[np.uint8]) -> Any:
        """Return what runs the graph, with its input in it."""
        channels, height, width = image.shape
        # Memory of ncnn's own: the first layers write over it.
        pixels = self.ncnn.Mat(width, height, channels)
        pixels.numpy()[...] = image
        extractor = self.net.create_extractor()
        self._check(extractor.input(INPUT, pixels))
        return extractor

    def _check(self, failed: int) -> None:
        if failed:
            raise UserError(f"{self.name}: ncnn cannot run it ({failed})", "", ExitCode.FAILURE)


def _reader(ncnn: Any, content: bytes) -> Any:
    """Return what ncnn reads weights from: the bytes that were checked, and no file a second time.

    A path would not do on Windows, where ncnn opens none with letters beyond the local code page.
    """
    pointer, name = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_GetName
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    source = np.frombuffer(content, dtype=np.uint8)

    class Reader(ncnn.DataReader):  # type: ignore[misc]
        """Gives one piece after the other."""

        position = 0

        def read(self, target: Any, size: int) -> int:
            """Copy the next bytes to the memory that a capsule points to."""
            size = min(size, len(source) - self.position)
            address = source.ctypes.data + self.position
            ctypes.memmove(pointer(target, name(target)), address, size)
            self.position += size
            return size

    return Reader()
