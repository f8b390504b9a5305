"""The output layer for other classes: a class's rows go to the class of its name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from yolo_cli.model.config import ModelConfig
from yolo_cli.model.weights import PREDICTOR
from yolo_cli.tasks.detect.grid import Grid


def fit_predictor(
    own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], old: ModelConfig, new: ModelConfig
) -> dict[str, Tensor]:
    """See :meth:`yolo_cli.tasks.task.Task.fit_predictor`; boxes go to boxes."""
    if (old.boxes, old.head, old.output) != (new.boxes, new.head, new.output):
        return {}
    if new.head == "fc" and old.grid != new.grid:
        return {}
    mine, theirs = Grid.of(new), Grid.of(old)
    boxes, _ = mine.parts
    shared = [(new.classes.index(c), old.classes.index(c)) for c in new.classes if c in old.classes]
    to = [*range(boxes), *(boxes + i for i, _ in shared)]
    come = [*range(boxes), *(boxes + i for _, i in shared)]
    fitted = {}
    for name in PREDICTOR:
        rows = len(own[name]) // mine.channels * theirs.channels  # the fc head's, of every cell
        if name not in tensors or tensors[name].shape != (rows, *own[name].shape[1:]):
            continue
        result = own[name].clone().unflatten(0, (-1, mine.channels))
        given = tensors[name].to(result).unflatten(0, (-1, theirs.channels))
        result[:, to] = given[:, come]
        fitted[name] = result.flatten(0, 1)
    return fitted
