"""The network that another one learns from."""

from __future__ import annotations

from dataclasses import replace

from yolo_cli.errors import UserError
from yolo_cli.model.embedded import weights_path
from yolo_cli.model.network import Network
from yolo_cli.tasks.networks import build_network, load_weights
from yolo_cli.tasks.transfer import transfer


def load_teacher(name: str, classes: tuple[str, ...]) -> Network:
    """Read a teacher for a dataset's classes, its whole backbone frozen.

    Args:
        name: of embedded weights, or a path.
        classes: names of the dataset's.

    Raises:
        UserError: if the weights cannot be read, or know other classes.
    """
    path = weights_path(name)
    weights = load_weights(path)
    if set(weights.config.classes) != set(classes):
        raise UserError(
            f"--teacher {path}: knows other classes than the dataset",
            "train the teacher on this dataset first",
        )
    network = build_network(replace(weights.config, classes=classes))
    transfer(network, weights.tensors, weights.config)
    network.freeze(network.backbone.blocks)
    return network
