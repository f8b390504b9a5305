"""Networks for ncnn in the user's cache: each weights file is converted once."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import torch

from yolo_cli.errors import UserError
from yolo_cli.files import atomic_path, cache_folder
from yolo_cli.inference.backends.description import Description
from yolo_cli.inference.backends.ncnn_backend import NcnnBackend
from yolo_cli.inference.backends.ncnn_folder import digest, read_folder, write_folder
from yolo_cli.inference.backends.ncnn_graph import GRAPH_VERSION, to_ncnn
from yolo_cli.inference.backends.ncnn_net import library
from yolo_cli.model.weights import Weights
from yolo_cli.tasks.networks import network_of

MOST_KEPT = 8


def ncnn_of(path: Path, weights: Weights, precision: torch.dtype) -> NcnnBackend:
    """Return the network of a weights file in ncnn.

    It is read from the cache, under the digest of the file. What is not there, or is damaged, is
    made and kept for the next time; where nothing can be kept, this one does without.

    Args:
        path: of the file.
        weights: what is in it.
        precision: of the activations.

    Raises:
        UserError: ncnn is not there.
    """
    library()
    kept = folder_for(path)
    if kept is not None and kept.is_dir():
        with suppress(UserError):
            graph, description = read_folder(kept)
            with suppress(OSError):
                os.utime(kept)
            return NcnnBackend(graph, description, precision, path)
    graph = to_ncnn(network_of(weights))
    if kept is not None:
        with suppress(UserError), atomic_path(kept) as temporary:
            write_folder(temporary, graph, weights.config, weights.info)
        _forget(kept.parent)
    return NcnnBackend(graph, Description(weights.config, weights.info), precision, path)


def _forget(parent: Path) -> None:
    """Remove all but the networks that were used last: training makes ever more of them."""
    with suppress(OSError):
        folders = sorted(parent.iterdir(), key=lambda folder: folder.stat().st_mtime)
        for folder in folders[:-MOST_KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


def folder_for(weights: Path) -> Path | None:
    """Return where the converted form of a weights file is kept; None for nowhere."""
    try:
        return cache_folder("ncnn") / f"{digest(weights.read_bytes())}-{GRAPH_VERSION}"
    except (OSError, RuntimeError):  # the file has gone; a user without a home
        return None
