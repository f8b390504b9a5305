"""Weights that were trained for one network as the start of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.model.weights import PREDICTOR
from yolo_cli.tasks.task import task_of
from yolo_cli.text import counted, listed


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
        """Return one line for people."""
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
        fitted = task_of(network.config).fit_predictor(own, tensors, config, network.config)
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
    """Return the classes that only one network has, where the predictor is kept at all."""
    if old is None or PREDICTOR[0] not in kept:
        return {}
    return {
        "new_classes": tuple(name for name in new.classes if name not in old.classes),
        "dropped_classes": tuple(name for name in old.classes if name not in new.classes),
    }
