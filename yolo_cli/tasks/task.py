"""What a task is: all that makes a network out of a backbone, and a result out of its output.

A task is the only seam between the stages of training and inference, which are the same for every
task, and what a network is for. To add one is to add a folder beside ``detect/`` and a row in
:data:`TASKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.data.target import Target
from yolo_cli.errors import UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.head import Head
from yolo_cli.model.network import Network
from yolo_cli.tasks.result import Document, ImageWriter, Origin, Result

if TYPE_CHECKING:
    from yolo_cli.data.loader import Prepare  # brings all formats of datasets along

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx

# A task is imported when it is asked for: none pays for the others.
TASKS = {"detect": "yolo_cli.tasks.detect.task"}


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
    """

    value: float
    record: dict[str, Any] = field(default_factory=dict)
    finish: Callable[[Network], Network] = lambda network: network


class Scorer(Protocol):
    """Collects raw outputs for validation images, and scores them together."""

    def add(self, raw: Tensor, samples: Sequence[Sample]) -> None:
        """Take the raw outputs of a batch of images."""

    def score(self) -> Score:
        """Score everything that was added."""


class Matching(Protocol):
    """What a network and a labelled dataset have in common, and both in terms of that."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that both know, in the dataset's order."""

    @property
    def only_weights(self) -> tuple[str, ...]:
        """Classes that the dataset does not have."""

    @property
    def only_dataset(self) -> tuple[str, ...]:
        """Classes that the network does not know."""

    def sample(self, sample: Sample) -> Sample:
        """Return a sample of the dataset, its labels indices into :attr:`classes`."""

    def output(self, output: Any) -> Any:
        """Return an output of :meth:`Task.decode`, its labels indices into :attr:`classes`."""


class Difference(Protocol):
    """How far an export is from torch."""

    @property
    def passed(self) -> bool:
        """Whether it is within the tolerance."""

    def summary(self, side: int) -> str:
        """Return one line for people; ``side`` is the pixels along each side of the input."""

    def to_json(self) -> dict[str, object]:
        """Return plain values for ``json``."""


class Task(Protocol):
    """A task by its parts; each is used by one stage of training or inference.

    Attributes:
        name: in configurations and weights files.
        terms: names of the loss terms, in the order in which they are shown.
        score_key: the validation score's name in ``metrics.csv``.
        score_label: the same for people, short.
        score_title: the same for people, in full.
        writers: what a run can leave beside annotated pictures and JSON, by the name of the format.
    """

    name: str
    terms: tuple[str, ...]
    score_key: str
    score_label: str
    score_title: str
    writers: Mapping[str, ImageWriter | Document]

    # The network.

    def build_head(self, config: ModelConfig, channels: int, stride: int) -> Head:
        """Build the head of a network.

        Args:
            config: of the network.
            channels: of the backbone's feature map.
            stride: pixels of the input that a cell of the feature map covers along each side.
        """

    def output_shape(self, config: ModelConfig) -> tuple[int, ...]:
        """Return the shape of a network's raw output for one image."""

    def fit_predictor(
        self,
        own: Mapping[str, Tensor],
        tensors: Mapping[str, Tensor],
        old: ModelConfig,
        new: ModelConfig,
    ) -> dict[str, Tensor]:
        """Return the output layer's tensors for a network with other classes.

        Args:
            own: state dict of the network that is to have them.
            tensors: state dict of the network that they come from.
            old: configuration of the latter.
            new: configuration of the former.

        Returns:
            ``own``'s tensors with the rows that both networks share; none where nothing is shared.
        """

    # Training: from labelled images to a loss.

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

    # Inference: from a raw output to results.

    def thresholds(self, config: ModelConfig, changes: Mapping[str, Any], base: Any = None) -> Any:
        """Return what :meth:`decode` keeps.

        Args:
            config: of the network.
            changes: values by name, as a Python program gives them.
            base: thresholds that are changed; None for the defaults of detection.

        Raises:
            UserError: for a value beyond its range, or a class that the network does not know.
            TypeError: for a name that is no threshold.
        """

    def decode(
        self,
        raw: Tensor,
        config: ModelConfig,
        sizes: Sequence[tuple[int, int]],
        thresholds: Any = None,
    ) -> list[Any]:
        """Return what a network says of each image, in a form of the task's own, on the CPU.

        Args:
            raw: output for a batch.
            config: of the network.
            sizes: (width, height) of each upright image in pixels.
            thresholds: what to keep; None for the defaults of detection.
        """

    def result(
        self,
        output: Any,
        config: ModelConfig,
        size: tuple[int, int],
        origin: Origin,
        image: Image.Image | None,
    ) -> Result:
        """Return an output of :meth:`decode` together with the picture that it is about.

        Args:
            output: for one image.
            config: of the network.
            size: width and height of the upright picture in pixels.
            origin: where the picture is from.
            image: the upright picture, where it is kept.
        """

    def output(self, result: Any) -> Any:
        """Return the output that a result was made of."""

    def match(self, config: ModelConfig, dataset: Dataset) -> Matching:
        """Match the classes of a network and of a dataset by name.

        Raises:
            UserError: if they have none in common.
        """

    # Exports.

    def add_results(
        self, model: onnx.ModelProto, raw: str, config: ModelConfig, thresholds: Any
    ) -> None:
        """Give an ONNX model the results as outputs, beside the raw one.

        Args:
            model: changed in place.
            raw: name of its raw output.
            config: of the network.
            thresholds: of the task: which results are kept.
        """

    def compare_raw(
        self, config: ModelConfig, expected: Tensor, found: Tensor, *, int8: bool
    ) -> Difference:
        """Compare raw outputs of an export with those of torch in float32.

        Args:
            config: of the network.
            expected: of torch.
            found: of the export.
            int8: whether the export multiplies in eight bits, and may differ by more.
        """

    def compare_results(
        self,
        config: ModelConfig,
        raw: Tensor,
        outputs: Sequence[Mapping[str, npt.NDArray[Any]]],
        thresholds: Any,
    ) -> Difference:
        """Compare the results in an export's outputs with ours from the same raw outputs.

        Args:
            config: of the network.
            raw: the export's own, one for each image.
            outputs: all outputs of the export by name, for one image each.
            thresholds: as given to :meth:`add_results`.
        """

    # Scoring.

    def scorer(self, config: ModelConfig) -> Scorer:
        """Return a scorer of a network's raw outputs."""


def task_named(name: str) -> Task:
    """Return a task by its name.

    Raises:
        UserError: for a task that this version does not know.
    """
    if name not in TASKS:
        raise UserError(
            f"unknown task {name!r}",
            f"this version knows: {', '.join(TASKS)}; a newer one may know more",
        )
    task: Task = import_module(TASKS[name]).TASK
    return task


def task_of(config: ModelConfig) -> Task:
    """Return the task of a network, as :func:`task_named`."""
    return task_named(config.task)
