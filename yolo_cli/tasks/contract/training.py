"""What a task says while a network is trained: from labelled images to a loss and a score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor, nn

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.data.target import Target
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network

if TYPE_CHECKING:
    from yolo_cli.data.loader import Prepare  # brings all formats of datasets along


class Window(NamedTuple):
    """A part of an image and its place in a scene, all in pixels of the network's input.

    Attributes:
        left: of the part in its image.
        top: of the part in its image.
        x: left edge of its place in the scene.
        y: top edge of its place in the scene.
        width: of both.
        height: of both.
    """

    left: float
    top: float
    x: float
    y: float
    width: float
    height: float


class Encoded(Protocol):
    """The targets of a batch in the form that the criterion compares with the raw output."""

    def to(self, device: torch.device) -> Encoded:
        """Return a copy on ``device``."""


class LossRecipe(Protocol):
    """What a criterion reads of a recipe."""

    @property
    def loss(self) -> Any:
        """Weights and forms of the task's terms."""

    @property
    def balance(self) -> float:
        """Exponent of the weights of rare classes, 0 to 1."""


@dataclass(frozen=True)
class Score:
    """How good a network is on the validation images.

    Attributes:
        value: 0 to 100, larger is better; 0 if there was nothing to find.
        record: the same for the weights file: plain values by name.
        finish: turns the network into the one that reached the score (a calibrated copy, say).
        outputs: what the network found in the images, for :meth:`TrainingTask.difference`.
    """

    value: float
    record: dict[str, Any] = field(default_factory=dict)
    finish: Callable[[Network], Network] = lambda network: network
    outputs: Mapping[str, Tensor] = field(default_factory=dict, repr=False)


class Scorer(Protocol):
    """Collects raw outputs for validation images, and scores them together."""

    def add(self, raw: Tensor, samples: Sequence[Sample]) -> None:
        """Take the raw outputs of a batch of images."""

    def score(self) -> Score:
        """Score everything that was added."""


@runtime_checkable
class Proportioned(Protocol):
    """A criterion that is a mean over something else than the images of a batch."""

    def amount(self, target: Any) -> Tensor:
        """Return how much of it a part of a batch has, a scalar: its share of the whole mean.

        Args:
            target: encoded, of the part.
        """


class TrainingTask(Protocol):
    """The part of a task that training uses.

    Attributes:
        terms: names of the loss terms, in the order in which they are shown.
        score_key: the validation score's name in ``metrics.csv``.
        score_label: the same for people, short.
        score_title: the same for people, in full.
        recipe: fields of the default recipe that are others for this task.
        start: embedded weights that it begins with where the user names neither weights nor an
            architecture; None for the default ones.
        least_classes: with fewer in the training images there is nothing to learn.
        unsupported: options of ``yolo train`` that mean nothing to it, by field, and why.
    """

    terms: tuple[str, ...]
    score_key: str
    score_label: str
    score_title: str
    recipe: Mapping[str, Any]
    start: str | None
    least_classes: int
    unsupported: Mapping[str, str]

    def prepare(self, config: ModelConfig, augmentation: Augmentation | None) -> Prepare:
        """Return what makes the network's input and a target of a labelled image."""

    def scene(self, parts: Sequence[tuple[Target, Window]]) -> Target:
        """Return the target of a scene that is put together from windows of several images."""

    def encode(self, targets: Sequence[Target], config: ModelConfig) -> Encoded:
        """Return the targets of a batch in the form that the criterion takes."""

    def criterion(self, config: ModelConfig, recipe: LossRecipe, counts: Tensor) -> nn.Module:
        """Return the loss: (raw output, encoded targets) to a dict of named scalars.

        ``loss`` is the sum that is minimised, :attr:`terms` are its parts.

        Args:
            config: of the network.
            recipe: weights and forms of the terms.
            counts: ``[C]`` training objects of each class.
        """

    def counts(self, dataset: Dataset) -> Tensor:
        """Count the objects of each class, ``[C]``, that matter in training and in scoring."""

    def typical_size(self, dataset: Dataset) -> float | None:
        """Return the median side of an object as a share of its image's; None without objects."""

    def check_teacher(self, student: ModelConfig, teacher: ModelConfig) -> None:
        """Check that the raw outputs of two networks mean the same.

        Raises:
            UserError: if they do not.
        """

    def soft_loss(self, config: ModelConfig, raw: Tensor, teacher: Tensor) -> Tensor:
        """Return the distance of a network's raw output from its teacher's, summed over a batch."""

    def draw_target(self, pixels: Tensor, target: Target, classes: Sequence[str]) -> Image.Image:
        """Draw a target on the input, ``[3, S, S]`` uint8, that it belongs to."""

    def difference(
        self,
        first: Mapping[str, Tensor],
        second: Mapping[str, Tensor],
        samples: Sequence[Sample],
        config: ModelConfig,
    ) -> tuple[float, float]:
        """Return in which interval the second network's score exceeds the first's.

        It holds 95 % of the differences when the images are drawn again (paired bootstrap).

        Args:
            first: :attr:`Score.outputs` of one network.
            second: those of another one, for the same images.
            samples: the images.
            config: of both.

        Returns:
            Lower and upper end; nan where nothing can be compared.
        """

    def scorer(self, config: ModelConfig) -> Scorer:
        """Return a scorer of a network's raw outputs."""
