"""The output layer for other classes: a class's row goes to the class of its name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from yolo_cli.model.config import ModelConfig
from yolo_cli.model.weights import PREDICTOR


def fit_predictor(
    own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], old: ModelConfig, new: ModelConfig
) -> dict[str, Tensor]:
    """See :meth:`yolo_cli.tasks.task.Task.fit_predictor`."""
    if old.task != new.task:
        return {}
    shared = [(new.classes.index(c), old.classes.index(c)) for c in new.classes if c in old.classes]
    to, come = [i for i, _ in shared], [i for _, i in shared]
    fitted = {}
    for name in PREDICTOR:
        if not shared or name not in tensors or tensors[name].shape[1:] != own[name].shape[1:]:
            continue
        fitted[name] = own[name].clone()
        fitted[name][to] = tensors[name].to(own[name])[come]
    return fitted
