"""ImageNet convolutions of an architecture, from a local file or from torchvision."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES, Architecture, Pretrained, architecture_of
from yolo_cli.model.preprocessing import PREPROCESSING, Preprocessing
from yolo_cli.model.weights import read_safetensors

CONNECTED = (1, 4)  # places of the connected layers among those of a classifier's ``fc`` head


@dataclass(frozen=True)
class PretrainedBackbone:
    """Tensors named as in :class:`Network`, and the preprocessing that they were trained with.

    Attributes:
        tensors: of the convolutions.
        preprocessing: that they expect.
        origin: where they are from.
        connected: of the hidden connected layers of the published classifier, named as those of
            the ``fc`` head of one; empty where the file has none.
    """

    tensors: Mapping[str, Tensor]
    preprocessing: Preprocessing
    origin: str
    connected: Mapping[str, Tensor] = field(default_factory=dict)


def imagenet_backbone(arch: str) -> PretrainedBackbone:
    """Return torchvision's convolutions, which it downloads if it does not have them yet.

    Args:
        arch: a name of :data:`ARCHITECTURES`.

    Raises:
        UserError: without a network, or for an architecture that has none.
    """
    from torchvision.models import get_weight

    architecture, pretrained = _pretrained(arch)
    weights = get_weight(pretrained.weights)
    try:
        with redirect_stdout(sys.stderr):  # torch announces the download
            state = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except (OSError, HTTPException, RuntimeError, UnpicklingError, EOFError) as error:
        raise UserError(
            f"{weights.url}: cannot be downloaded ({_first_line(error)})",
            "fetch that file on a machine with a network and name it: "
            f"--backbone FILE --preprocessing {pretrained.preprocessing}",
            ExitCode.FAILURE,
        ) from error
    features = _features(state, weights.url, architecture)
    return PretrainedBackbone(
        features, PREPROCESSING[pretrained.preprocessing], weights.url, _connected(state)
    )


def backbone_from_file(path: Path, preprocessing: str | None, arch: str) -> PretrainedBackbone:
    """Read convolutions from a safetensors file or a torchvision state dict.

    Args:
        path: tensors named ``features.N.weight`` and ``features.N.bias``.
        preprocessing: a name of :data:`PREPROCESSING`; None to read it from the metadata.
        arch: a name of :data:`ARCHITECTURES`.

    Raises:
        UserError: if the file cannot be read, holds no such convolutions, or does not say which
            preprocessing it expects and neither does the caller; for an architecture whose
            published networks have other layers than ours.
    """
    if preprocessing is not None and preprocessing not in PREPROCESSING:
        raise UserError(
            f"--preprocessing {preprocessing}: unknown",
            f"use {' or '.join(PREPROCESSING)}",
            ExitCode.USAGE,
        )
    architecture, _ = _pretrained(arch)
    if path.suffix == ".safetensors":
        tensors, metadata = read_safetensors(path)
    else:
        tensors, metadata = _state_dict(path), {}
    features = _features(tensors, str(path), architecture)
    used = PREPROCESSING[preprocessing] if preprocessing else _stated_preprocessing(metadata)
    if used is None:
        raise UserError(
            f"{path} does not say how its images were normalised",
            "add --preprocessing caffe (mean pixel subtracted, values to 255) or torchvision "
            "(mean .485 .456 .406, std .229 .224 .225); the wrong one trains badly in silence",
            ExitCode.USAGE,
        )
    origin = metadata.get("origin", path.name)
    return PretrainedBackbone(features, used, origin, _connected(tensors))


def _pretrained(arch: str) -> tuple[Architecture, Pretrained]:
    architecture = architecture_of(arch)
    if architecture.pretrained is None:
        able = [name for name, one in ARCHITECTURES.items() if one.pretrained is not None]
        raise UserError(
            f"--arch {arch}: there are no ImageNet weights for {architecture.title}",
            f"use --arch {' or '.join(able)}, or leave out --backbone and --weights imagenet",
            ExitCode.USAGE,
        )
    return architecture, architecture.pretrained


def _first_line(error: Exception) -> str:
    if isinstance(error, UnpicklingError):  # its first line advises to unpickle all the same
        return "it is damaged, or holds other things than tensors"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _state_dict(path: Path) -> dict[str, Tensor]:
    if path.is_dir():
        raise UserError(f"{path}: a folder, not a file of weights")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged file makes torch raise a dozen different ones
        raise UserError(
            f"{path}: not a state dict that can be read safely ({_first_line(error)})",
            "save plain tensors: torch.save(model.state_dict(), FILE)",
        ) from error
    if not isinstance(state, dict):
        raise UserError(f"{path}: holds a {type(state).__name__}, not a state dict")
    return {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, Tensor)}


def _features(
    tensors: Mapping[str, Tensor], origin: str, architecture: Architecture
) -> dict[str, Tensor]:
    """Select the convolutions, under this project's names."""
    found = {
        f"backbone.{name}": value
        for name, value in tensors.items()
        if re.fullmatch(r"features\.\d+\.(weight|bias)", name)
    }
    if "backbone.features.0.weight" not in found:
        raise UserError(
            f"{origin}: no {architecture.title} convolutions (features.0.weight …) in it",
            "weights that yolo-cli has trained are read with --weights",
        )
    return found


def _connected(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select torchvision's connected layers but the last, whose classes are ImageNet's.

    AlexNet has a dropout before each of them, VGG behind: they go by their order.
    """
    found = (re.fullmatch(r"classifier\.(\d+)\.weight", name) for name in tensors)
    places = sorted(int(one[1]) for one in found if one)[:-1]
    named = {}
    for place, own in zip(places, CONNECTED, strict=False):
        for part in ("weight", "bias"):
            name = f"classifier.{place}.{part}"
            if name in tensors:
                named[f"head.layers.{own}.{part}"] = tensors[name]
    return named


def _stated_preprocessing(metadata: Mapping[str, str]) -> Preprocessing | None:
    """Find mean and std in the metadata: ``mean=(a, b, c) std=(1/255, …)``."""
    text = " ".join(f"{name}={value}" for name, value in metadata.items())
    found = [re.search(rf"\b{word}\s*=\s*[(\[]([^)\]]*)[)\]]", text) for word in ("mean", "std")]
    if not all(found):
        return None
    try:
        mean, std = (tuple(_number(v) for v in m.group(1).split(",")) for m in found if m)
    except (ValueError, ZeroDivisionError):
        return None
    # Others are of images in another range, of 0 to 255 say.
    usable = all(0 <= v <= 1 for v in mean) and all(0 < v <= 1 for v in std)
    return Preprocessing(mean, std) if len(mean) == len(std) == 3 and usable else None


def _number(text: str) -> float:
    """Read ``0.5`` or ``1/255``."""
    numerator, _, denominator = text.partition("/")
    return float(numerator) / float(denominator or 1)
