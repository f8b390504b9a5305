"""The name of a feature cache: a digest of all that its activations depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import torch

from yolo_cli.data.loader import TrainingImages
from yolo_cli.data.sample import Sample
from yolo_cli.model.network import Network
from yolo_cli.training.machine import Runtime

CACHE_VERSION = 2  # to be raised whenever the same inputs would give other activations


def cache_key(
    network: Network,
    samples: Sequence[Sample],
    images: TrainingImages,
    dtype: torch.dtype,
    depth: int,
    runtime: Runtime = "torch",
) -> str:
    """Return a name that changes with everything that the activations depend on.

    The images' bytes, the labels, the frozen weights, the preprocessing, the augmentation and its
    seed, the precision, the runtime, and :data:`CACHE_VERSION`; not the number of copies.

    Args:
        network: whose activations they are.
        samples: what is read.
        images: how it is augmented.
        dtype: precision of the convolutions.
        depth: how many of the network's blocks they have passed.
        runtime: what computes them; ncnn does so in float32, whatever the precision.
    """
    part = network.backbone.block(0, depth)
    digest = hashlib.sha256()
    augmentation = images.prepare.augmentation
    settings: dict[str, Any] = {
        "version": CACHE_VERSION,
        "task": network.config.task,
        "size": images.prepare.image_size,
        "augmentation": asdict(augmentation) if augmentation else None,
        "seed": images.seed if augmentation else None,
        "mean": network.config.mean,
        "std": network.config.std,
        "dtype": str(dtype),
    }
    if network.backbone.carries:
        settings["switches"] = True
    if runtime != "torch":  # the keys of torch's are those of versions that knew no other
        settings = {**settings, "dtype": str(torch.float32), "runtime": runtime}
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for name, tensor in part.state_dict().items():
        values = tensor.detach().cpu().float() + 0.0  # -0.0, which averaging makes 0.0, is the same
        digest.update(name.encode() + values.numpy().tobytes())
    for sample in samples:
        digest.update(_file_digest(sample.image))
        digest.update(sample.fingerprint())
    return digest.hexdigest()[:16]


def _file_digest(path: Path) -> bytes:
    """Return a digest of a file's bytes; read again only if its size or time has changed."""
    stat = path.stat()
    return _digest_once(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest_once(path: Path, _size: int, _time: int) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
