"""A network for ncnn in a folder: the two files that ncnn reads, and one that says what they are.

``yolo export --format ncnn`` writes it, and the user's cache holds networks in the same form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.backends.description import Description
from yolo_cli.inference.backends.graph import FORMAT, INPUT, RAW
from yolo_cli.inference.backends.ncnn_graph import NcnnGraph
from yolo_cli.model.config import ModelConfig

PARAM, WEIGHTS, ABOUT = "model.param", "model.bin", "model.json"


def folder_of(path: Path) -> Path | None:
    """Return the folder of a network for ncnn, of which ``path`` may name a file; else None."""
    folder = path.parent if path.suffix in (".param", ".bin") else path
    return folder if (folder / PARAM).is_file() else None


def write_folder(
    folder: Path, graph: NcnnGraph, config: ModelConfig, info: Mapping[str, Any]
) -> None:
    """Write a graph and what is known of it into a new folder.

    Args:
        folder: made here.
        graph: of a whole network.
        config: of the network.
        info: what its weights file says of the training.

    Raises:
        OSError: it cannot be written.
    """
    param = graph.param.encode()
    about = {
        "format": FORMAT,
        "input": INPUT,  # RGB of 0 to 255, [3, S, S]
        "output": RAW,  # [S, S, 5B + C]
        "model": config.to_json(),
        "info": dict(info),
        "digests": {PARAM: digest(param), WEIGHTS: digest(graph.weights)},
    }
    folder.mkdir()
    (folder / PARAM).write_bytes(param)
    (folder / WEIGHTS).write_bytes(graph.weights)
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")


def read_folder(folder: Path) -> tuple[NcnnGraph, Description]:
    """Read what :func:`write_folder` has written.

    Raises:
        UserError: a file is missing or damaged, or belongs to other files than those beside it.
    """
    about = folder / ABOUT
    try:
        values = json.loads(about.read_bytes())
        param, weights = (folder / PARAM).read_bytes(), (folder / WEIGHTS).read_bytes()
    except FileNotFoundError as error:
        raise UserError(
            f"{folder}: {Path(str(error.filename)).name} is missing", "export the weights again"
        ) from error
    except OSError as error:
        code = ExitCode.FAILURE if isinstance(error, PermissionError) else ExitCode.BAD_INPUT
        raise UserError(f"{folder}: {error.strerror or error}", code=code) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{about}: the metadata is damaged: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{about}: the metadata is damaged: no fields in it")
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
    description = Description.read(about, texts)
    written = {PARAM: digest(param), WEIGHTS: digest(weights)}
    if values.get("digests") != written:
        raise UserError(
            f"{folder}: {PARAM} or {WEIGHTS} is damaged, or is not the file that was exported here",
            "export the weights again",
        )
    return NcnnGraph(param.decode(), weights), description


def digest(content: bytes) -> str:
    """Return what tells some content from any other."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
