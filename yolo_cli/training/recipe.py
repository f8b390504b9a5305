"""Hyper-parameters: one documented dataclass, and the two recipes that ship."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, Lt

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.tasks.detect.loss_config import LossConfig
from yolo_cli.training.field import DETAILS, SPEED, TRAINING, Option, checked

MAX_COPIES = 1000  # augmented copies of an image; more than anyone has disk for
BY_IMAGES = "depends on the number of images"


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    What a field means stands with it. Those with an :class:`Option` are options of ``yolo train``;
    the others are set by a named recipe.
    """

    epochs: Annotated[
        int, Ge(1), Option("Passes over the training images.", TRAINING, default=BY_IMAGES)
    ] = 40
    # Share of the training images that an epoch takes, others in every epoch.
    share: Annotated[float, Gt(0), Le(1)] = 1.0
    # Epochs from one validation to the next; the last is always validated.
    validate_every: Annotated[int, Ge(1)] = 1
    batch: Annotated[int, Ge(1), Option("Images a step.", TRAINING, default=BY_IMAGES)] = 16
    # AdamW (Loshchilov & Hutter 2019) takes steps of the same size in all layers.
    optimizer: Annotated[
        Literal["sgd", "adamw"], Option("Train with AdamW, or with the paper's SGD.", DETAILS)
    ] = "adamw"
    lr: Annotated[float, Ge(0), Option("Highest learning rate.", TRAINING)] = 0.002
    backbone_rate: Annotated[
        float,
        Ge(0),
        Option(
            "Learning rate of the backbone, as a share of --lr.",
            DETAILS,
            default="0.5; 0.03 with blocks that are kept otherwise; 1 from scratch",
        ),
    ] = 0.5
    momentum: Annotated[
        float, Ge(0), Lt(1), Option("Momentum of SGD, first β of AdamW.", DETAILS)
    ] = 0.9
    # Biases and normalisation are not decayed.
    weight_decay: Annotated[
        float, Ge(0), Option("Decay of the weights, at each step.", DETAILS)
    ] = 0.0005
    dropout: Annotated[
        float,
        Ge(0),
        Lt(1),
        Option("Probability of dropout, in the head.", DETAILS, default="0.1, classifiers 0.5"),
    ] = 0.1
    warmup: Annotated[
        float, Ge(0), Option("Epochs in which the learning rate rises to --lr.", DETAILS)
    ] = 1.0
    warmup_from: Annotated[
        float, Ge(0), Le(1), Option("Learning rate of the first step, as a share of --lr.", DETAILS)
    ] = 0.1
    # After the warm-up: a cosine from lr to floor · lr, or a tenth at each milestone.
    schedule: Literal["cosine", "steps"] = "cosine"
    # Shares of the epochs at which ``steps`` divides the rate by ten.
    milestones: tuple[float, ...] = ()
    floor: Annotated[
        float,
        Ge(0),
        Le(1),
        Option("Learning rate at the end of its cosine, as a share of --lr.", DETAILS),
    ] = 0.01
    ema: Annotated[
        float,
        Ge(0),
        Lt(1),
        Option("Decay of the average of weights that is validated and kept; 0: none.", DETAILS),
    ] = 0.998
    clip: Annotated[float, Ge(0), Option("Largest norm of the gradient; 0: no limit.", DETAILS)] = (
        10.0
    )
    patience: Annotated[
        int,
        Ge(0),
        Option(
            "Stop after this many epochs without a better mAP; 0: never.",
            TRAINING,
            default="20; 0 with --time-budget",
        ),
    ] = 20
    # Validations in a row, worse than the best by more than chance, that end a run; 0: none do.
    setbacks: Annotated[int, Ge(0)] = 0
    # Batch normalisation, in the head and in a backbone whose architecture allows it.
    norm: bool = True
    # The network's output activations, see :class:`ModelConfig`.
    output: Literal["linear", "sigmoid"] = "sigmoid"
    loss: LossConfig = field(
        default_factory=lambda: LossConfig(
            box="ciou", confidence="cross_entropy", classes="cross_entropy"
        )
    )
    # Objects of a class with n of them weigh n^-balance in the loss.
    balance: Annotated[
        float,
        Ge(0),
        Le(1),
        Option(
            "Weight of rare classes: 0 weighs every object alike, 1 every class.",
            DETAILS,
            default="0.5, segmenters 0.25",
        ),
    ] = 0.5
    # None to train on the images as they are.
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    freeze: Annotated[
        int,
        Ge(0),
        Option(
            "Leading backbone blocks that are not trained.",
            TRAINING,
            default="depends on the network and the device",
        ),
    ] = 0
    copies: Annotated[
        int,
        Ge(0),
        Le(MAX_COPIES),
        Option(
            "Augmented copies of an image whose frozen activations are cached; 0: no cache.",
            SPEED,
            default=BY_IMAGES,
        ),
    ] = 1
    # See :func:`yolo_cli.training.patchwork.patchwork`.
    patchwork: Annotated[
        float,
        Ge(0),
        Le(1),
        Option(
            "Probability of putting a cached item together from four images.",
            DETAILS,
            default="0.5, classifiers 0.25",
        ),
    ] = 0.5
    # The last of the frozen blocks, on fresh augmentation.
    unfreeze: Annotated[
        int,
        Ge(0),
        Option("Train the last N of the frozen blocks as well, in a second phase.", TRAINING),
    ] = 0
    unfreeze_at: Annotated[
        int,
        Ge(0),
        Option(
            "Epoch after which that phase begins.", TRAINING, default="three quarters of --epochs"
        ),
    ] = 0
    unfreeze_rate: Annotated[
        float,
        Ge(0),
        Option("Learning rate of those blocks, as a share of the others'.", DETAILS),
    ] = 0.1
    seed: Annotated[int, Ge(0), Lt(2**32), Option("Seed of every random choice.", TRAINING)] = 0

    __pydantic_config__: ClassVar[dict[str, Any]] = {"allow_inf_nan": False}

    def with_options(self, **options: object) -> Recipe:
        """Return a copy with the options that are not None.

        Raises:
            UserError: for a value out of its range.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return checked(replace(self, **given))  # type: ignore[arg-type]  # checked then

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``config.json`` and the weights file."""
        return asdict(self)


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

if TYPE_CHECKING:
    RecipeName: TypeAlias = str
else:
    RecipeName = Literal[tuple(RECIPES)]
