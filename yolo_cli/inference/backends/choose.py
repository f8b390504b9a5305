"""Which backend runs a network: the one asked for, or the fastest that is installed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch

from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.backends.backend import PACKAGES, Backend, BackendName, installed
from yolo_cli.inference.backends.chain import is_chain
from yolo_cli.inference.backends.fastest import choose
from yolo_cli.inference.backends.ncnn_folder import digest, folder_of
from yolo_cli.inference.backends.torch_backend import TorchBackend
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.embedded import weights_path
from yolo_cli.model.network import Network
from yolo_cli.model.runtime import pick_device, pick_dtype
from yolo_cli.model.weights import Weights, weights_task
from yolo_cli.tasks.networks import load_weights, network_of
from yolo_cli.tasks.task import task_named, task_of


def load_backend(
    weights: str,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    images: int | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[ModelConfig, Backend]:
    """Load a network from a weights file or an export, ready to run.

    ``auto`` is, for weights on the CPU, what is fastest here, see :mod:`.fastest`; for an ONNX
    file OpenVINO if it is installed, else ONNX Runtime; for an OpenVINO or ncnn folder OpenVINO or
    ncnn.

    Args:
        weights: ``default``, the name of other embedded weights, or the path of a weights file,
            an ONNX file, an OpenVINO folder or ``.xml`` file, or an ncnn folder.
        backend: ``auto``, ``torch``, ``ncnn``, ``onnx`` or ``openvino``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; backends other than torch run on
            the CPU.
        precision: ``auto``, ``fp32`` or ``bf16``; what is quantised stays so.
        images: how many there will be; None if it is not known.
        say: called with a line about what is measured, or does not load; without it, what does not
            load is a warning.

    Raises:
        UserError: if the file is missing or damaged, the device is not there, the backend not
            installed, or they do not go together.
    """
    if backend not in ("auto", *get_args(BackendName)):
        names = ", ".join(get_args(BackendName))
        raise UserError(f"--backend {backend}: unknown", f"use auto, {names}", ExitCode.USAGE)
    path = weights_path(weights)
    kind = export_kind(path)
    if kind is None:
        place = pick_device(device)
        read = load_weights(path)
        if backend != "auto" or place.type != "cpu" or not is_chain(read.config):
            chosen = "torch" if backend == "auto" else backend
            return read.config, _of_weights(path, read, chosen, place, precision)
        return read.config, _fastest(path, read, precision, images, say)
    if device not in ("auto", "cpu"):
        raise UserError(
            f"--device {device}: {path} runs on the CPU", "leave --device out", ExitCode.USAGE
        )
    return _of_export(path, kind, backend, precision)


def task_in(weights: str) -> TaskName:
    """Return what a weights file or an export is for, without making anything ready to run.

    What cannot be read is taken for a detector: who loads it says what is wrong with it.
    """
    try:
        path = weights_path(weights)
        if export_kind(path) is not None:
            return task_of(load_backend(weights)[0]).name
        return task_named(weights_task(path)).name
    except UserError:
        return "detect"


def of_network(network: Network, backend: str, device: torch.device, precision: str) -> Backend:
    """Return a backend for a network that is in memory.

    Args:
        network: float32 on the CPU; the torch backend converts it in place.
        backend: ``torch``, ``ncnn``, ``onnx`` or ``openvino``.
        device: where it runs.
        precision: ``auto``, ``fp32`` or ``bf16``.

    Raises:
        UserError: if they do not go together, or the backend is not installed.
    """
    if backend == "torch":
        return TorchBackend(network, device, pick_dtype(precision, device))
    if device.type != "cpu":
        raise UserError(
            f"--backend {backend} runs on the CPU, not on {device}",
            "leave out --backend or --device",
            ExitCode.USAGE,
        )
    if backend == "ncnn":
        from yolo_cli.inference.backends.ncnn_backend import NcnnBackend

        return NcnnBackend.of(network, _full_unless_asked(precision))
    if backend == "openvino":
        from yolo_cli.inference.backends.openvino_backend import OpenVinoBackend

        return OpenVinoBackend.of(network, pick_dtype(precision, device))
    from yolo_cli.inference.backends.onnx_backend import OnnxBackend

    _no_bf16(precision)
    return OnnxBackend.of(network)


def _of_weights(
    path: Path, weights: Weights, backend: str, device: torch.device, precision: str
) -> Backend:
    """Return a backend for a weights file that has been read."""
    if backend == "ncnn" and device.type == "cpu":
        from yolo_cli.inference.backends.converted import ncnn_of

        return ncnn_of(path, weights, _full_unless_asked(precision))
    return of_network(network_of(weights), backend, device, precision)


def _fastest(
    path: Path,
    weights: Weights,
    precision: str,
    images: int | None,
    say: Callable[[str], None] | None,
) -> Backend:
    """Return the backend that is fastest on the CPU; torch where that one does not load."""
    cpu = torch.device("cpu")

    def failed(reason: str) -> None:
        line = f"{reason}: --backend auto does without it"
        warnings.warn(line, stacklevel=2) if say is None else say(line)

    choice = choose(
        weights.config,
        lambda: digest(path.read_bytes()),
        precision,
        images,
        lambda backend, precision: _of_weights(path, weights, backend, cpu, precision),
        say=say or (lambda _line: None),
        failed=failed,
    )
    backend = choice.loaded
    if backend is None:
        try:
            backend = _of_weights(path, weights, choice.backend, cpu, choice.precision)
        except UserError as error:
            if choice.backend == "torch":
                raise
            failed(error.message)
            return _of_weights(path, weights, "torch", cpu, precision)
    if choice.parallel is not None:
        backend.parallel = choice.parallel
    return backend


def _full_unless_asked(precision: str) -> torch.dtype:
    """Return ncnn's precision: bfloat16 saves memory, but hardly any time."""
    cpu = torch.device("cpu")
    return torch.float32 if precision == "auto" else pick_dtype(precision, cpu)


def export_kind(path: Path) -> BackendName | None:
    """Return the backend that an export was written for; None for weights."""
    if path.suffix == ".onnx":
        return "onnx"
    if folder_of(path) is not None:
        return "ncnn"
    from yolo_cli.inference.backends.openvino_backend import model_file

    return "openvino" if model_file(path).suffix == ".xml" and model_file(path).is_file() else None


def _of_export(
    path: Path, kind: BackendName, backend: str, precision: str
) -> tuple[ModelConfig, Backend]:
    from yolo_cli.inference.backends.onnx_backend import OnnxBackend
    from yolo_cli.inference.backends.openvino_backend import OpenVinoBackend

    runs = {"onnx": ("onnx", "openvino")}.get(kind, (kind,))
    if backend not in ("auto", *runs):
        raise UserError(
            f"--backend {backend} cannot run {path}",
            "leave --backend out, or name the weights that it was exported from",
            ExitCode.USAGE,
        )
    if kind == "ncnn":
        from yolo_cli.inference.backends.ncnn_backend import NcnnBackend

        ncnn = NcnnBackend.read(path, _full_unless_asked(precision))
        return ncnn.description.config, ncnn
    if kind == "openvino" or backend == "openvino" or (backend == "auto" and installed("openvino")):
        dtype = pick_dtype(precision, torch.device("cpu"))
        read = OpenVinoBackend.read(path, dtype)
        return read.description.config, read
    _no_bf16(precision)
    run = OnnxBackend(path, path)
    return run.description.config, run


def _no_bf16(precision: str) -> None:
    if precision == "bf16":
        raise UserError(
            f"--precision bf16: {PACKAGES['onnx']} computes in float32 on a CPU",
            "use --backend openvino or torch, or --precision fp32",
            ExitCode.USAGE,
        )
