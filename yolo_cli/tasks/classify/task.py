"""Classification as a task: the parts of this folder under the names that a task's parts have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image
from torch import Tensor

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.sample import Dataset
from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.balance import class_weights
from yolo_cli.tasks.classify import parity
from yolo_cli.tasks.classify import target as classes
from yolo_cli.tasks.classify.head import build_head
from yolo_cli.tasks.classify.loss import ClassLoss
from yolo_cli.tasks.classify.output import Classification, ClassMap, Listed, classify, listed_of
from yolo_cli.tasks.classify.predictor import fit_predictor
from yolo_cli.tasks.classify.result import ClassifyResult
from yolo_cli.tasks.classify.score import TOP1, ClassScorer, difference, score_outputs
from yolo_cli.tasks.classify.writers import WRITERS
from yolo_cli.tasks.contract.training import LossRecipe
from yolo_cli.tasks.detect.loss_config import LossConfig
from yolo_cli.tasks.result import Document, ImageWriter, Origin
from yolo_cli.tasks.task import Task

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx

    from yolo_cli.tasks.classify.augment import Preparation

_NO_GRID = "a classifier has no grid of boxes"


class Classify:
    """See :class:`yolo_cli.tasks.task.Task`."""

    name: TaskName = "classify"
    unit = "image"
    heads: tuple[str, ...] = ("pool", "fc")
    model: Mapping[str, Any] = {"head": "pool", "image_size": 224}
    terms: tuple[str, ...] = ("class",)
    score_key = "top1"
    score_label = "top-1"
    score_title = TOP1
    recipe: Mapping[str, Any] = {
        "loss": LossConfig(smoothing=0.1),
        "dropout": 0.5,
        "patchwork": 0.25,
    }
    start: str | None = None
    least_classes = 2
    unsupported: Mapping[str, str] = {
        "grid": _NO_GRID,
        "boxes": _NO_GRID,
        "teacher": "a classifier learns from labels alone",
        "upsample": "a classifier has no decoder",
    }
    writers: Mapping[str, ImageWriter | Document] = WRITERS
    scoring = Listed()

    # The network.
    build_head = staticmethod(build_head)
    fit_predictor = staticmethod(fit_predictor)

    def output_shape(self, config: ModelConfig) -> tuple[int, ...]:
        """Return ``(C,)``."""
        return (len(config.classes),)

    def describe(self, config: ModelConfig) -> dict[str, str]:
        """Describe the output."""
        return {"output": f"probabilities of {len(config.classes)} classes"}

    def recorded(self, record: Mapping[str, Any]) -> str:
        """Return top-1 and top-5."""
        if "top1" not in record:
            return ""
        return f"{TOP1} {record['top1']}, top-5 {record.get('top5', '?')}"

    # Training.
    scene = staticmethod(classes.scene)
    encode = staticmethod(classes.encode)
    counts = staticmethod(classes.counts)
    draw_target = staticmethod(classes.draw_target)
    difference = staticmethod(difference)
    score_outputs = staticmethod(score_outputs)

    def prepare(self, config: ModelConfig, augmentation: Augmentation | None) -> Preparation:
        """Stretch, or crop at random."""
        from yolo_cli.tasks.classify.augment import Preparation  # torchvision takes a while

        return Preparation(config.image_size, augmentation)

    def criterion(self, config: ModelConfig, recipe: LossRecipe, counts: Tensor) -> ClassLoss:
        """Return cross-entropy."""
        return ClassLoss(class_weights(counts, recipe.balance), recipe.loss.smoothing)

    def typical_size(self, dataset: Dataset) -> float | None:
        """Return None: there is no object but the image."""
        return None

    def check_teacher(self, student: ModelConfig, teacher: ModelConfig) -> None:
        """Refuse: see :attr:`unsupported`."""
        raise UserError("--teacher: a classifier learns from labels alone", code=ExitCode.USAGE)

    def soft_loss(self, config: ModelConfig, raw: Tensor, teacher: Tensor) -> Tensor:
        """Return the divergence from the teacher's probabilities, summed over the batch."""
        raise NotImplementedError

    def scorer(self, config: ModelConfig) -> ClassScorer:
        """Return a scorer by top-1 accuracy."""
        return ClassScorer()

    # Inference.
    def thresholds(
        self, config: ModelConfig, changes: Mapping[str, Any], base: Listed | None = None
    ) -> Listed:
        """Take how many classes are listed: ``top``."""
        return listed_of(changes, base)

    def decode(
        self,
        raw: Tensor,
        config: ModelConfig,
        sizes: Sequence[tuple[int, int]],
        thresholds: Listed | None = None,
    ) -> list[Classification]:
        """Return probabilities."""
        return classify(raw, thresholds or Listed())

    def result(
        self,
        output: Classification,
        config: ModelConfig,
        size: tuple[int, int],
        origin: Origin,
        image: Image.Image | None,
    ) -> ClassifyResult:
        """Return the class of one picture."""
        return ClassifyResult(
            **output,
            names=config.classes,
            width=size[0],
            height=size[1],
            origin=origin,
            image=image,
        )

    def output(self, result: ClassifyResult) -> Classification:
        """Return the probabilities."""
        return result.output

    def match(self, config: ModelConfig, dataset: Dataset) -> ClassMap:
        """Match classes by name."""
        return ClassMap.between(config.classes, dataset.classes)

    # Exports.

    def add_results(
        self, model: onnx.ModelProto, raw: str, config: ModelConfig, thresholds: Any
    ) -> None:
        """Refuse: what a classifier says is its raw output."""
        raise UserError("--nms is for detectors", "leave it out", ExitCode.USAGE)

    def compare_raw(
        self, config: ModelConfig, expected: Tensor, found: Tensor, *, int8: bool
    ) -> parity.Deviation:
        """Compare the probabilities."""
        if int8:
            return parity.compare(expected, found, parity.INT8, parity.LEAST_ALIKE)
        return parity.compare(expected, found, parity.FLOAT)

    def agree(self, config: ModelConfig, expected: Tensor, found: Tensor) -> bool:
        """Compare the probabilities: within 0.005."""
        return parity.compare(expected, found, parity.SAME).passed

    def compare_results(
        self,
        config: ModelConfig,
        raw: Tensor,
        outputs: Sequence[Mapping[str, npt.NDArray[Any]]],
        thresholds: Any,
    ) -> parity.Deviation:
        """Never called, as :meth:`add_results` refuses."""
        raise NotImplementedError


TASK: Task = Classify()
