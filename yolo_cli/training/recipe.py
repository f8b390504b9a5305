"""Hyper-parameters: one documented dataclass, and the two recipes that ship."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from yolo_cli.data.transforms import Augmentation
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.tasks.detect.loss import LossConfig

MAX_COPIES = 1000  # augmented copies of an image; more than anyone has disk for


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the training images.
        share: of the training images that an epoch takes, others in every epoch.
        validate_every: epochs from one validation to the next; the last is always validated.
        batch: images a step.
        optimizer: ``sgd``, or ``adamw`` (Loshchilov & Hutter 2019), whose steps have the same size
            in all layers.
        lr: highest learning rate.
        backbone_rate: learning rate of the backbone, as a share of that of the head.
        momentum: of SGD; of AdamW the first β.
        weight_decay: on weights only; biases and normalisation are not decayed.
        dropout: probability, in the head.
        warmup: epochs in which the rate rises to ``lr``.
        warmup_from: rate at the first step, as a share of ``lr``.
        schedule: after the warm-up, ``cosine`` from ``lr`` to ``floor`` · ``lr``, or ``steps``:
            a tenth at each milestone.
        milestones: shares of ``epochs`` at which ``steps`` divides the rate by ten.
        floor: lowest rate of ``cosine``, as a share of ``lr``.
        ema: decay of the moving average of the weights that is validated and kept; 0 for none.
        clip: largest norm of the gradient; 0 for no limit.
        patience: epochs without a better validation mAP before training stops; 0 for never.
        norm: batch normalisation in the layers that are not VGG-16's.
        output: the network's output activations, see :class:`ModelConfig`.
        loss: weights and forms of the loss terms.
        balance: objects of a class with n of them weigh n^-balance in the loss: 0 weighs every
            object alike, 1 every class.
        augmentation: None to train on the images as they are.
        freeze: leading backbone blocks that are not trained.
        copies: augmented copies of each image whose frozen activations are kept on disk.
        patchwork: probability that a step's cached item is put together from four images, see
            :func:`yolo_cli.training.patchwork.patchwork`.
        unfreeze: how many of the frozen blocks, from the last one on, are trained in a second
            phase, on fresh augmentation.
        unfreeze_at: epoch after which that phase begins.
        unfreeze_rate: learning rate of those blocks, as a share of that of the others.
        seed: of every random choice.
    """

    epochs: int = 40
    share: float = 1.0
    validate_every: int = 1
    batch: int = 16
    optimizer: Literal["sgd", "adamw"] = "adamw"
    lr: float = 0.002
    backbone_rate: float = 0.5
    momentum: float = 0.9
    weight_decay: float = 0.0005
    dropout: float = 0.1
    warmup: float = 1.0
    warmup_from: float = 0.1
    schedule: Literal["cosine", "steps"] = "cosine"
    milestones: tuple[float, ...] = ()
    floor: float = 0.01
    ema: float = 0.998
    clip: float = 10.0
    patience: int = 20
    norm: bool = True
    output: Literal["linear", "sigmoid"] = "sigmoid"
    loss: LossConfig = field(
        default_factory=lambda: LossConfig(
            box="ciou", confidence="cross_entropy", classes="cross_entropy"
        )
    )
    balance: float = 0.5
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    freeze: int = 0
    copies: int = 1
    patchwork: float = 0.5
    unfreeze: int = 0
    unfreeze_at: int = 0
    unfreeze_rate: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (fine, words) in _ALLOWED.items():
            value = getattr(self, name)
            if not fine(value):
                raise UserError(
                    f"--{name.replace('_', '-')} {value}: out of range",
                    f"it must be {words}",
                    ExitCode.USAGE,
                )

    def with_options(self, **options: object) -> Recipe:
        """A copy with the options that are not None."""
        # Names are checked by replace(), ranges by __post_init__.
        return replace(self, **{k: v for k, v in options.items() if v is not None})  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``config.json`` and the weights file."""
        return asdict(self)


_NOT_NEGATIVE = (lambda value: 0 <= value < math.inf, "a number from 0 up")
_BELOW_ONE = (lambda value: 0 <= value < 1, "from 0 to below 1")
_SHARE = (lambda value: 0 <= value <= 1, "from 0 to 1")
_WHOLE = (lambda value: value >= 0, "from 0 up")
_POSITIVE = (lambda value: value >= 1, "at least 1")
_ALLOWED: dict[str, tuple[Callable[[float], bool], str]] = {
    "epochs": _POSITIVE,
    "share": (lambda value: 0 < value <= 1, "above 0, at most 1"),
    "validate_every": _POSITIVE,
    "batch": _POSITIVE,
    "lr": _NOT_NEGATIVE,
    "backbone_rate": _NOT_NEGATIVE,
    "momentum": _BELOW_ONE,
    "weight_decay": _NOT_NEGATIVE,
    "dropout": _BELOW_ONE,
    "balance": _SHARE,
    "patchwork": _SHARE,
    "patience": _WHOLE,
    "freeze": _WHOLE,
    "unfreeze": _WHOLE,
    "unfreeze_at": _WHOLE,
    "copies": (lambda value: 0 <= value <= MAX_COPIES, f"from 0 to {MAX_COPIES}"),
    "seed": (lambda value: 0 <= value < 2**32, "from 0 to below 2^32"),
}
"""What an option may be, and the same in words."""

DEFAULT = Recipe()

# Paper, section 2.2: about 135 epochs, 1e-3 rising to 1e-2, 1e-2 to epoch 75, then 1e-3 for 30
# and 1e-4 for 30. Darknet's gradient is half of this loss's, so Darknet's own rates halve here;
# the paper's rates are stated for its equation 3 and stay.
PAPER = Recipe(
    epochs=135,
    batch=64,
    optimizer="sgd",
    lr=0.01,
    backbone_rate=1.0,
    balance=0.0,
    dropout=0.5,
    warmup=3.0,
    schedule="steps",
    milestones=(75 / 135, 105 / 135),
    ema=0.0,
    clip=0.0,
    patience=0,
    patchwork=0.0,
    norm=False,
    output="linear",
    loss=LossConfig(),
)

RECIPES: dict[str, Recipe] = {"default": DEFAULT, "paper": PAPER}
