"""What a benchmark compares: weights, each with every backend and precision that can run it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch

from yolo_cli.bench.client import Spec
from yolo_cli.bench.peers import PEERS
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.backends.backend import BackendName, installed
from yolo_cli.inference.backends.choose import export_kind
from yolo_cli.model.embedded import weights_path
from yolo_cli.model.runtime import pick_device, pick_dtype

# Precisions of each backend on the CPU; bf16 only where the processor has it.
PRECISIONS: dict[BackendName, tuple[str, ...]] = {
    "torch": ("fp32", "bf16"),
    "ncnn": ("fp32", "bf16"),
    "onnx": ("fp32",),
    "openvino": ("fp32", "bf16"),
}
# What can run a file that was exported for a backend.
RUNS: dict[BackendName, tuple[BackendName, ...]] = {
    "ncnn": ("ncnn",),
    "onnx": ("onnx", "openvino"),
    "openvino": ("openvino",),
}


def backends_of(text: str) -> tuple[BackendName, ...]:
    """Return the backends that ``--backends`` names: ``all`` that are installed, or some of them.

    Raises:
        UserError: one is unknown.
    """
    known: tuple[BackendName, ...] = get_args(BackendName)
    if text == "all":
        return tuple(name for name in known if installed(name))
    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in known:
            raise UserError(
                f"--backends: {name!r} is unknown",
                f"use all, or some of {', '.join(known)}",
                ExitCode.USAGE,
            )
    return tuple(name for name in known if name in names)


def precisions() -> tuple[str, ...]:
    """Return the precisions that this processor has hardware for."""
    fast = pick_dtype("auto", torch.device("cpu")) == torch.bfloat16
    return ("fp32", "bf16") if fast else ("fp32",)


def own_specs(weights: Sequence[str], backends: Sequence[BackendName]) -> list[Spec]:
    """Return a subject for each of the weights, backends and precisions that go together.

    Raises:
        UserError: an export is for none of the backends.
    """
    specs = []
    device = pick_device("auto")
    for name in weights:
        kind = export_kind(weights_path(name))
        if kind is not None and not {*backends} & {*RUNS[kind]}:
            raise UserError(
                f"{name}: an export that {' or '.join(RUNS[kind])} runs, not {', '.join(backends)}",
                f"try --backends {RUNS[kind][0]}",
                ExitCode.USAGE,
            )
        for backend in backends:
            if kind is not None and backend not in RUNS[kind]:
                continue
            usable = (
                ("auto",) if device.type != "cpu" and backend == "torch" else PRECISIONS[backend]
            )
            for precision in usable:
                if precision not in ("auto", *precisions()):
                    continue
                how = backend if precision == "auto" else f"{backend} {precision}"
                title = " ".join([*([Path(name).stem] if len(weights) > 1 else []), how])
                values = {"weights": name, "backend": backend, "precision": precision}
                specs.append(Spec(title, "own", values))
    return specs


def peer_spec(name: str, image_size: int, python: str | None) -> Spec:
    """Return the subject for another tool's detector.

    Args:
        name: ``ultralytics`` or ``torchvision``.
        image_size: pixels along each side of our input.
        python: that has it; None for this one.

    Raises:
        UserError: there is no such peer.
    """
    if name not in PEERS:
        raise UserError(f"--against {name}: unknown", f"use {' or '.join(PEERS)}", ExitCode.USAGE)
    return Spec(name, name, {"image_size": image_size}, python or sys.executable)
