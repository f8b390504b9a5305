"""What a task says of a network's raw output: from numbers to results, and what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from PIL import Image
from torch import Tensor

from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.evaluation.plain import PlainScores
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.result import Document, ImageWriter, Origin, Result


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


class InferenceTask(Protocol):
    """The part of a task that inference uses.

    Attributes:
        writers: what results are written as, by the names of ``--save``.
        scoring: thresholds with which a network is scored on a dataset.
    """

    writers: Mapping[str, ImageWriter | Document]
    scoring: Any

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

    def score_outputs(
        self, outputs: Sequence[Any], samples: Sequence[Sample], classes: tuple[str, ...]
    ) -> PlainScores:
        """Score what :meth:`decode` returned, with the thresholds of :attr:`scoring`.

        Args:
            outputs: for each image.
            samples: the images.
            classes: names that the labels of both index.
        """
