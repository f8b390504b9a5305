"""Inputs and outputs of a loaded network, checked against its description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.task import task_of

Run = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def check_shapes(
    path: Path | str,
    config: ModelConfig,
    images: Sequence[int | None],
    raw: Sequence[int | None] | None,
) -> int | None:
    """Return how many images the network takes at once; None for any number.

    Args:
        path: named in errors.
        config: what the file says of itself.
        images: shape of its input; None for axes of any length.
        raw: shape of its output; None if it has none of that name.

    Raises:
        UserError: the shapes are not those of the network described.
    """
    batch = images[0] if images else None
    side = config.image_size
    expected = ([batch, 3, side, side], [batch, *task_of(config).output_shape(config)])
    if raw is None or [list(images), [batch, *raw[1:]]] != list(expected) or batch == 0:
        raise UserError(
            f"{path}: the network's input {list(images)} or output {raw} is not what the file's "
            "description says",
            "export the weights again",
        )
    return batch


def run_in_parts(run: Run, batch: int | None, images: Tensor) -> Tensor:
    """Run a network that takes ``batch`` images at once on any number of images.

    Args:
        run: the network.
        batch: images it takes; None for any number.
        images: ``[N, 3, S, S]`` uint8.
    """
    pixels: npt.NDArray[np.uint8] = np.ascontiguousarray(images.cpu().numpy())
    if batch is None or len(pixels) == batch:
        return torch.from_numpy(run(pixels))
    parts = []
    for start in range(0, len(pixels), batch):
        part = pixels[start : start + batch]
        full = np.concatenate([part, np.repeat(part[-1:], batch - len(part), axis=0)])
        parts.append(torch.from_numpy(run(full))[: len(part)])
    return torch.cat(parts)
