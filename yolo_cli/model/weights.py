"""Weights files: safetensors with the network's description as JSON metadata.

Nothing is ever unpickled from a user's file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.text import counted, listed

FORMAT_NAME = "yolo-cli weights"
FORMAT = f"{FORMAT_NAME} 1"
DATASET = "voc"  # that embedded weights were trained on; their names are ARCH-DATASET
DEFAULT = f"vgg16-{DATASET}"
EMBEDDED = "embedded"  # folder of the installed package that holds the repository's weights/
PREDICTOR = ("head.predictor.layer.weight", "head.predictor.layer.bias")


@dataclass(frozen=True)
class Weights:
    """What a weights file holds.

    Attributes:
        config: the network it belongs to.
        tensors: the network's state dict; stored as float16 where its values fit.
        info: plain values about the training: data, recipe, scores.
    """

    config: ModelConfig
    tensors: Mapping[str, Tensor]
    info: dict[str, Any] = field(default_factory=dict)

    def network(self) -> Network:
        """A network with these weights, in float32 on the CPU.

        Raises:
            UserError: if the tensors do not fit the architecture that the file names.
        """
        # Without memory of its own at first: to fill it by chance takes longer than to read it.
        with torch.device("meta"):
            network = Network(self.config)
        own = network.state_dict()
        tensors = {n: t.to(own[n].dtype) if n in own else t for n, t in self.tensors.items()}
        try:
            network.load_state_dict(tensors, assign=True)
        except RuntimeError as error:
            raise _unfit(error) from error
        network.place_preprocessing(torch.device("cpu"))
        return network


def _unfit(error: RuntimeError) -> UserError:
    last = str(error).strip().splitlines()[-1].strip()
    return UserError(f"the weights do not fit the architecture that they name: {last}")


def _check_fit(config: ModelConfig, tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that the network cannot work with.

    Shapes are compared on torch's meta device, before any memory is taken.
    """
    try:
        with torch.device("meta"):
            Network(config).load_state_dict({n: torch.empty(t.shape) for n, t in tensors.items()})
    except RuntimeError as error:
        raise _unfit(error) from error
    for name, tensor in tensors.items():
        if tensor.is_complex() or not _is_finite(tensor):
            raise UserError(
                f"the weights are of no use: {name} has values that are no finite numbers",
                "take the weights of an earlier epoch, or train with a lower --lr",
            )


def _is_finite(tensor: Tensor) -> bool:
    """Whether all values are finite numbers, at a twentieth of the time of ``isfinite().all()``."""
    if tensor.numel() and tensor.dtype in (torch.float16, torch.float32, torch.float64):
        tensor = torch.stack(torch.aminmax(tensor))  # NaN wins
    return bool(tensor.isfinite().all())


def weights_path(name: str) -> Path:
    """The file that ``--weights`` names: ``default``, another embedded one, or a path."""
    embedded = _embedded()
    stem = DEFAULT if name == "default" else name
    if stem in embedded:
        return embedded[stem]
    if name == "default":
        raise UserError(
            "this installation carries no embedded weights", "name a weights file with --weights"
        )
    try:
        path = Path(name).expanduser()
        found = path.exists()
    except (OSError, RuntimeError):  # a name too long for a file, the home of an unknown user
        path, found = Path(name), False
    if not found:
        known = ", ".join(["default", *sorted(embedded)] if embedded else [])
        raise UserError(
            f"{path}: no such weights file", f"a path, or one of: {known}" if known else ""
        )
    return path


def default_for(arch: str | None) -> str:
    """Name of the embedded weights of an architecture; ``default`` where there are none."""
    stem = f"{arch}-{DATASET}"
    return stem if stem in _embedded() else "default"


def embedded_names() -> list[str]:
    """Names of the weights that the package carries."""
    return sorted(_embedded())


def _embedded() -> dict[str, Path]:
    folders = reversed(_embedded_folders())  # the first one wins
    return {path.stem: path for folder in folders for path in folder.glob("*.safetensors")}


def _embedded_folders() -> list[Path]:
    """The wheel's folder, and the checkout's when installed in place (``pip install -e``)."""
    with as_file(files("yolo_cli")) as package:
        folders = [package / EMBEDDED, package.parent / "weights"]
    return [folder for folder in folders if folder.is_dir()]


def save_weights(path: Path, network: Network, info: Mapping[str, Any]) -> None:
    """Write a network to a safetensors file, in float16, whole or not at all."""
    tensors = {name: _stored(tensor) for name, tensor in network.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "model": json.dumps(network.config.to_json()),
        "info": json.dumps(dict(info)),
    }
    with atomic_write(path) as file:
        file.write(save(tensors, metadata))


def _stored(tensor: Tensor) -> Tensor:
    """As float16, unless a value (a variance, say) is beyond its range of 65,504."""
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if half.isfinite().all() else tensor


def load_weights(path: Path) -> Weights:
    """Read a weights file that :func:`save_weights` wrote.

    Raises:
        UserError: missing, corrupt, a pickle, not written by this tool, or with tensors that are
            not those of the network that it names.
    """
    tensors, metadata = read_safetensors(path)
    if metadata.get("format", "").startswith(FORMAT_NAME) and metadata["format"] != FORMAT:
        raise UserError(
            f"{path}: {metadata['format']!r:.40} is not a format that this version reads",
            "the file was written by a newer version of yolo-cli",
        )
    if metadata.get("format") != FORMAT:
        raise UserError(
            f"{path}: a safetensors file, but not weights of yolo-cli",
            "ImageNet convolutions of VGG-16 are read with --backbone",
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
        config = ModelConfig.from_json(model)
        _check_fit(config, tensors)
        return Weights(config, tensors, info)
    except UserError as error:
        raise UserError(f"{path}: {error.message}", error.hint) from error


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of any safetensors file."""
    check_not_pickle(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
            return tensors, file.metadata() or {}
    except (SafetensorError, ValueError, OSError) as error:
        raise UserError(
            f"{path}: not a readable safetensors file ({error})",
            "the file is damaged: copy it anew",
        ) from error


def check_not_pickle(path: Path) -> None:
    """Refuse pickles by their first bytes, before anything else is tried.

    Raises:
        UserError: for a missing file, a folder, a pickle or a PyTorch archive.
    """
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


@dataclass(frozen=True)
class Transfer:
    """What became of a network's tensors when weights were copied into it.

    Attributes:
        kept: names of tensors that were taken over.
        replaced: names of tensors that differ in shape, or are new, and start from chance.
        dropped: names of tensors in the file that the network has no use for.
        new_classes: classes whose rows of a kept predictor start from chance.
        dropped_classes: classes of the file whose rows of the predictor the network lacks.
    """

    kept: tuple[str, ...]
    replaced: tuple[str, ...]
    dropped: tuple[str, ...]
    new_classes: tuple[str, ...] = ()
    dropped_classes: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line for people."""
        line = f"kept {len(self.kept)} tensors"
        if self.replaced:
            line += f", {len(self.replaced)} start afresh ({listed(self.replaced, 4)})"
        if self.dropped:
            line += f", {len(self.dropped)} not used ({listed(self.dropped, 4)})"
        if self.new_classes:
            line += f"; new classes {listed(self.new_classes)}"
        if self.dropped_classes:
            line += f"; {counted(len(self.dropped_classes), 'class')} dropped"
        return line


def transfer(
    network: Network, tensors: Mapping[str, Tensor], config: ModelConfig | None = None
) -> Transfer:
    """Copy every tensor whose name and shape match into ``network``.

    Args:
        network: takes the tensors.
        tensors: named as in its state dict.
        config: the network that the tensors are from, where it is known. The predictor's rows
            then go by their meaning: boxes to boxes, and a class to the class of its name.

    Raises:
        UserError: if the weights of no layer match.
    """
    own = network.state_dict()
    tensors = dict(tensors)
    if config is not None:
        fitted = _fitting_predictor(own, tensors, config, network.config)
        for name in PREDICTOR:  # what is not fitted has rows of another meaning
            tensors.pop(name, None)
        tensors.update(fitted)
    kept = [name for name in own if name in tensors and tensors[name].shape == own[name].shape]
    # Vectors and counters (of batch normalisation) have the same shape in many a network.
    if not any(own[name].ndim > 1 for name in kept):
        raise UserError(
            f"no tensor of the weights fits a {network.config.arch} network",
            "they belong to another architecture: see yolo info FILE, and --arch",
        )
    network.load_state_dict({name: tensors[name].to(own[name]) for name in kept}, strict=False)
    return Transfer(
        kept=tuple(kept),
        replaced=tuple(name for name in own if name not in kept),
        dropped=tuple(name for name in tensors if name not in own),
        **_changed_classes(config, network.config, kept),
    )


def _changed_classes(
    old: ModelConfig | None, new: ModelConfig, kept: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Classes that only one of the two networks has, where the predictor is kept at all."""
    if old is None or PREDICTOR[0] not in kept:
        return {}
    return {
        "new_classes": tuple(name for name in new.classes if name not in old.classes),
        "dropped_classes": tuple(name for name in old.classes if name not in new.classes),
    }


def _fitting_predictor(
    own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], old: ModelConfig, new: ModelConfig
) -> dict[str, Tensor]:
    """The predictor's tensors for other classes: ``own`` with the rows that both networks share."""
    if (old.boxes, old.head, old.output) != (new.boxes, new.head, new.output):
        return {}
    if new.head == "fc" and old.grid != new.grid:
        return {}
    boxes = 5 * new.boxes
    shared = [(new.classes.index(c), old.classes.index(c)) for c in new.classes if c in old.classes]
    to = [*range(boxes), *(boxes + i for i, _ in shared)]
    come = [*range(boxes), *(boxes + i for _, i in shared)]
    fitted = {}
    for name in PREDICTOR:
        rows = len(own[name]) // new.channels * old.channels  # the fc head's, of every cell
        if name not in tensors or tensors[name].shape != (rows, *own[name].shape[1:]):
            continue
        result = own[name].clone().unflatten(0, (-1, new.channels))
        given = tensors[name].to(result).unflatten(0, (-1, old.channels))
        result[:, to] = given[:, come]
        fitted[name] = result.flatten(0, 1)
    return fitted
