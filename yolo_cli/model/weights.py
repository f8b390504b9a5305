"""Weights files: safetensors with the network's description as JSON metadata.

Nothing is ever unpickled from a user's file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write
from yolo_cli.model.compact import compact, expand
from yolo_cli.model.config import DETECT, ModelConfig
from yolo_cli.model.network import Network

FORMAT_NAME = "yolo-cli weights"
FORMAT = f"{FORMAT_NAME} 1"
SMALL = f"{FORMAT_NAME} 2"  # with tensors in eight bits, see .compact
EXPORTED, EXPORTS = (".onnx", ".xml", ".param"), ("model.xml", "model.param")  # files, in folders
BACKBONE = "backbone."
PREDICTOR = ("head.predictor.layer.weight", "head.predictor.layer.bias")


@dataclass(frozen=True)
class Weights:
    """What a weights file holds.

    Attributes:
        config: the network it belongs to.
        tensors: the network's state dict; stored as float16 where its values fit, or smaller.
        info: plain values about the training: data, recipe, scores.
    """

    config: ModelConfig
    tensors: Mapping[str, Tensor]
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def backbone_alone(self) -> bool:
        """Whether there is a backbone, and no head."""
        return any(name.startswith(BACKBONE) for name in self.tensors) and not any(
            name.startswith("head.") for name in self.tensors
        )


def save_weights(path: Path, network: Network, info: Mapping[str, Any]) -> None:
    """Write a network to a safetensors file, in float16, whole or not at all."""
    tensors = {name: _stored(tensor) for name, tensor in network.state_dict().items()}
    write_tensors(path, network.config, tensors, info)


def write_tensors(
    path: Path,
    config: ModelConfig,
    tensors: Mapping[str, Tensor],
    info: Mapping[str, Any],
    *,
    small: bool = False,
) -> None:
    """Write tensors to a safetensors file, whole or not at all.

    Args:
        path: of the file.
        config: of the network.
        tensors: written as they are, unless they are to be small.
        info: see :class:`Weights`.
        small: whether all but the output layer are written in eight bits.
    """
    if small:
        tensors = compact(tensors, PREDICTOR)
    metadata = {
        "format": SMALL if small else FORMAT,
        "model": json.dumps(config.to_json()),
        "info": json.dumps(dict(info)),
    }
    with atomic_write(path) as file:
        file.write(save(dict(tensors), metadata))


def _stored(tensor: Tensor) -> Tensor:
    """Convert to float16, unless a value (a variance, say) is beyond its range of 65,504."""
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if half.isfinite().all() else tensor


def read_weights(path: Path) -> Weights:
    """Read a weights file that :func:`save_weights` wrote.

    Raises:
        UserError: missing, corrupt, a pickle, or not written by this tool.
    """
    tensors, metadata = read_safetensors(path)
    written = metadata.get("format", "")
    if written.startswith(FORMAT_NAME) and written not in (FORMAT, SMALL):
        raise UserError(
            f"{path}: {written!r:.40} is not a format that this version reads",
            "the file was written by a newer version of yolo-cli",
        )
    if written not in (FORMAT, SMALL):
        raise UserError(
            f"{path}: a safetensors file, but not weights of yolo-cli",
            "a backbone's ImageNet convolutions are read with --backbone",
        )
    try:
        # NaN and Infinity, which are no JSON, are not handed on.
        read = partial(json.loads, parse_constant=lambda _: None)
        model, info = read(metadata["model"]), read(metadata["info"])
    except (KeyError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: the metadata is damaged: {error}") from error
    if not isinstance(info, dict):
        raise UserError(f"{path}: the metadata is damaged: info is a {type(info).__name__}")
    try:
        tensors = expand(tensors) if written == SMALL else tensors
        return Weights(ModelConfig.from_json(model), tensors, info)
    except UserError as error:
        raise UserError(f"{path}: {error.message}", error.hint) from error


def weights_task(path: Path) -> str:
    """Return what the network of a weights file is for, by its metadata alone.

    Raises:
        UserError: the file cannot be read.
    """
    check_not_pickle(path)
    try:
        with safe_open(path, framework="pt") as file:
            model = json.loads((file.metadata() or {}).get("model", "{}"))
    except (SafetensorError, ValueError, OSError, RecursionError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error})") from error
    task = model.get("task", DETECT) if isinstance(model, dict) else DETECT
    return task if isinstance(task, str) else DETECT


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata of any safetensors file."""
    check_not_pickle(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
            return tensors, file.metadata() or {}
    except (SafetensorError, ValueError, OSError) as error:
        raise UserError(
            f"{path}: not a readable safetensors file ({error})",
            "the file is damaged: copy or download it again",
        ) from error


def check_not_pickle(path: Path) -> None:
    """Refuse pickles by their first bytes, before anything else is tried.

    Raises:
        UserError: for a missing file, a folder, an export, a pickle or a PyTorch archive.
    """
    if path.suffix in EXPORTED or any((path / name).is_file() for name in EXPORTS):
        raise UserError(
            f"{path}: an export, which is run as it is and not changed",
            "name the weights file that it was made from",
        )
    if path.is_dir():
        best = path / "best.safetensors"
        hint = f"did you mean {best}?" if best.is_file() else "name a .safetensors file"
        raise UserError(f"{path}: a folder, not a weights file", hint)
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a regular file", "copy it to one first")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        code = ExitCode.FAILURE if isinstance(error, PermissionError) else ExitCode.BAD_INPUT
        raise UserError(f"{path}: {error.strerror or error}", code=code) from error
    if start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        raise UserError(
            f"{path}: a pickled PyTorch file, which can run any code when it is opened",
            "yolo-cli reads safetensors; a torchvision state dict is read with --backbone",
        )
