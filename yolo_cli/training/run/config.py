"""What a resumed run reads of ``config.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yolo_cli.training.decide import Facts
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.recipe import Recipe


@dataclass(frozen=True)
class ImageList:
    """The images of a dataset.

    Attributes:
        images: their ids, in order.
        digest: of their labels and sizes; "" in runs that older versions began.
    """

    images: list[str]
    digest: str = ""


@dataclass(frozen=True)
class RunConfig:
    """What a resume needs of ``config.json``.

    Attributes:
        options: what the user asked for.
        facts: what the run found.
        recipe: what was decided.
        model: the network, see :class:`ModelConfig`.
        start: where its tensors came from, one line.
        train: what it is trained on.
        val: what it is validated on.
    """

    options: TrainOptions
    facts: Facts
    recipe: Recipe
    model: dict[str, Any]
    start: str
    train: ImageList
    val: ImageList
