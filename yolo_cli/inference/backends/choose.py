"""Which backend runs a network: the one asked for, or the fastest that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import torch

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.backends.backend import PACKAGES, Backend, BackendName, installed
from yolo_cli.inference.backends.torch_backend import TorchBackend
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.embedded import weights_path
from yolo_cli.model.network import Network
from yolo_cli.model.runtime import pick_device, pick_dtype, runs_bf16
from yolo_cli.tasks.networks import load_weights, network_of

# For weights on the CPU, the fastest first; all agree with torch in float32 (mAP within 0.2).
FASTEST: tuple[BackendName, ...] = ("openvino", "torch")
# OpenVINO takes a second longer to start, which so many images give back.
FEW = 50


def load_backend(
    weights: str,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    images: int | None = None,
) -> tuple[ModelConfig, Backend]:
    """Load a network from a weights file or an export, ready to run.

    ``auto`` is, for weights on the CPU, OpenVINO if it is installed and there are at least
    :data:`FEW` images, else torch; for an ONNX file OpenVINO if it is installed, else ONNX
    Runtime; for an OpenVINO folder OpenVINO.

    Args:
        weights: ``default``, the name of other embedded weights, or the path of a weights file,
            an ONNX file, or an OpenVINO folder or ``.xml`` file.
        backend: ``auto``, ``torch``, ``onnx`` or ``openvino``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; backends other than torch run on
            the CPU.
        precision: ``auto``, ``fp32`` or ``bf16``; what is quantised stays so.
        images: how many there will be; None for many, or if it is not known.

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
        network = network_of(load_weights(path))
        chosen = _for_weights(place, images, precision) if backend == "auto" else backend
        return network.config, of_network(network, chosen, place, precision)
    if device not in ("auto", "cpu"):
        raise UserError(
            f"--device {device}: {path} runs on the CPU", "leave --device out", ExitCode.USAGE
        )
    return _of_export(path, kind, backend, precision)


def of_network(network: Network, backend: str, device: torch.device, precision: str) -> Backend:
    """Return a backend for a network that is in memory.

    Args:
        network: float32 on the CPU; the torch backend converts it in place.
        backend: ``torch``, ``onnx`` or ``openvino``.
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
    if backend == "openvino":
        from yolo_cli.inference.backends.openvino_backend import OpenVinoBackend

        return OpenVinoBackend.of(network, pick_dtype(precision, device))
    from yolo_cli.inference.backends.onnx_backend import OnnxBackend

    _no_bf16(precision)
    return OnnxBackend.of(network)


def _for_weights(device: torch.device, images: int | None, precision: str) -> BackendName:
    if device.type != "cpu" or (images is not None and images < FEW):
        return "torch"
    if precision == "bf16" and not runs_bf16():
        return "torch"  # which alone emulates it
    return next(name for name in FASTEST if installed(name))


def export_kind(path: Path) -> BackendName | None:
    """Return the backend that an export was written for; None for weights."""
    if path.suffix == ".onnx":
        return "onnx"
    from yolo_cli.inference.backends.openvino_backend import model_file

    return "openvino" if model_file(path).suffix == ".xml" and model_file(path).is_file() else None


def _of_export(
    path: Path, kind: BackendName, backend: str, precision: str
) -> tuple[ModelConfig, Backend]:
    from yolo_cli.inference.backends.onnx_backend import OnnxBackend
    from yolo_cli.inference.backends.openvino_backend import OpenVinoBackend

    if backend == "torch" or (kind, backend) == ("openvino", "onnx"):
        raise UserError(
            f"--backend {backend} cannot run {path}",
            "leave --backend out, or name the weights that it was exported from",
            ExitCode.USAGE,
        )
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
