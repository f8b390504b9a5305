"""Object detection as a task: the parts of this folder under the names that a task's parts have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PIL import Image
from torch import Tensor

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.sample import Dataset
from yolo_cli.data.target import Target
from yolo_cli.data.task_names import TaskName
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.balance import class_weights
from yolo_cli.tasks.classes import class_indices
from yolo_cli.tasks.contract.export import Deviation
from yolo_cli.tasks.contract.training import LossRecipe
from yolo_cli.tasks.detect import parity
from yolo_cli.tasks.detect import target as objects
from yolo_cli.tasks.detect.classes import ClassMap
from yolo_cli.tasks.detect.grid import Grid, GridTarget
from yolo_cli.tasks.detect.head import build_head
from yolo_cli.tasks.detect.postprocess import Detection, postprocess
from yolo_cli.tasks.detect.predictor import fit_predictor
from yolo_cli.tasks.detect.result import DetectResult
from yolo_cli.tasks.detect.score import SCORE, DetectScorer, difference, score_outputs
from yolo_cli.tasks.detect.soft import check_teacher, soft_loss
from yolo_cli.tasks.detect.tail import add_detections, detection_of
from yolo_cli.tasks.detect.thresholds import DETECT, EVAL, VOTE, Thresholds
from yolo_cli.tasks.detect.writers import WRITERS
from yolo_cli.tasks.result import Document, ImageWriter, Origin
from yolo_cli.tasks.task import Task

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx

    from yolo_cli.tasks.detect.augment import Preparation
    from yolo_cli.tasks.detect.loss import YoloLoss


class Detect:
    """See :class:`yolo_cli.tasks.task.Task`."""

    name: TaskName = "detect"
    unit = "object"
    heads: tuple[str, ...] = ("conv", "fc")
    model: Mapping[str, Any] = {}
    terms: tuple[str, ...] = ("box", "object", "noobject", "class")
    score_key = "map"
    score_label = "mAP"
    score_title = SCORE
    recipe: Mapping[str, Any] = {}
    start: str | None = None
    least_classes = 1
    unsupported: Mapping[str, str] = {"upsample": "a detector has no decoder"}
    writers: Mapping[str, ImageWriter | Document] = WRITERS
    scoring = EVAL
    result_type: type[DetectResult] = DetectResult

    # The network.
    build_head = staticmethod(build_head)
    fit_predictor = staticmethod(fit_predictor)

    def output_shape(self, config: ModelConfig) -> tuple[int, ...]:
        """Return ``(S, S, 5B + C)``."""
        grid = Grid.of(config)
        return grid.size, grid.size, grid.channels

    def describe(self, config: ModelConfig) -> dict[str, str]:
        """Describe the grid."""
        cells = f"{config.grid}×{config.grid} cells, {config.boxes} boxes each"
        return {"grid": f"{cells}, {config.output} output"}

    def recorded(self, record: Mapping[str, Any]) -> str:
        """Return the mAP."""
        voc07 = record.get("voc07")
        value = voc07.get("mAP") if isinstance(voc07, dict) else None
        return "" if value is None else f"{SCORE} {value}"

    # Training. What imports torchvision is imported when it is needed: detection starts without.
    scene = staticmethod(objects.scene)
    counts = staticmethod(objects.counts)
    typical_size = staticmethod(objects.typical_size)
    check_teacher = staticmethod(check_teacher)
    draw_target = staticmethod(objects.draw_target)
    difference = staticmethod(difference)
    score_outputs = staticmethod(score_outputs)

    def prepare(self, config: ModelConfig, augmentation: Augmentation | None) -> Preparation:
        """Stretch or augment, boxes along with the image."""
        from yolo_cli.tasks.detect.augment import Preparation

        return Preparation(config.image_size, augmentation)

    def encode(self, targets: Sequence[Target], config: ModelConfig) -> GridTarget:
        """Assign every object to its cell."""
        return Grid.of(config).encode(targets, config.image_size)

    def criterion(self, config: ModelConfig, recipe: LossRecipe, counts: Tensor) -> YoloLoss:
        """Return equation 3, or its variation."""
        from yolo_cli.tasks.detect.loss import YoloLoss

        return YoloLoss(Grid.of(config), recipe.loss, class_weights(counts, recipe.balance))

    def soft_loss(self, config: ModelConfig, raw: Tensor, teacher: Tensor) -> Tensor:
        """Compare confidences, boxes and classes."""
        return soft_loss(Grid.of(config), raw, teacher)

    def scorer(self, config: ModelConfig) -> DetectScorer:
        """Return a scorer by VOC07 mAP."""
        return DetectScorer(config)

    # Inference.
    def thresholds(
        self, config: ModelConfig, changes: Mapping[str, Any], base: Thresholds | None = None
    ) -> Thresholds:
        """Take classes by name, and True or False for voting."""
        values = dict(changes)
        if values.get("classes") is not None:
            values["classes"] = class_indices(values["classes"], config.classes)
        if isinstance(values.get("vote"), bool):
            values["vote"] = VOTE if values["vote"] else None
        return replace(base or DETECT, **values)

    def decode(
        self,
        raw: Tensor,
        config: ModelConfig,
        sizes: Sequence[tuple[int, int]],
        thresholds: Thresholds | None = None,
    ) -> list[Detection]:
        """Decode, threshold, suppress and vote."""
        return postprocess(raw, Grid.of(config), sizes, thresholds or DETECT)

    def result(
        self,
        output: Detection,
        config: ModelConfig,
        size: tuple[int, int],
        origin: Origin,
        image: Image.Image | None,
    ) -> DetectResult:
        """Return the objects of one picture."""
        return self.result_type(
            **output,
            names=config.classes,
            width=size[0],
            height=size[1],
            origin=origin,
            image=image,
        )

    def output(self, result: DetectResult) -> Detection:
        """Return boxes, scores and labels."""
        return result.detection

    def match(self, config: ModelConfig, dataset: Dataset) -> ClassMap:
        """Match classes by name."""
        return ClassMap.between(config.classes, dataset.classes)

    # Exports.

    def add_results(
        self, model: onnx.ModelProto, raw: str, config: ModelConfig, thresholds: Thresholds
    ) -> None:
        """Add boxes, scores and labels, after non-maximum suppression."""
        add_detections(model, raw, Grid.of(config), thresholds)

    def compare_raw(
        self, config: ModelConfig, expected: Tensor, found: Tensor, *, int8: bool
    ) -> Deviation:
        """Compare box by box, before suppression."""
        tolerance = parity.INT8 if int8 else parity.FLOAT
        return parity.compare(expected, found, Grid.of(config), tolerance)

    def agree(self, config: ModelConfig, expected: Tensor, found: Tensor) -> bool:
        """Compare box by box, before suppression: within half a pixel and 0.005 of the score."""
        same = parity.Tolerance(parity.SAME_PIXELS / config.image_size, parity.SAME_SCORE, 1.0)
        return parity.compare(expected, found, Grid.of(config), same).passed

    def compare_results(
        self,
        config: ModelConfig,
        raw: Tensor,
        outputs: Sequence[Mapping[str, npt.NDArray[Any]]],
        thresholds: Thresholds,
    ) -> Deviation:
        """Compare the objects that are left after suppression."""
        ours = postprocess(raw, Grid.of(config), [(1, 1)] * len(raw), thresholds)
        theirs = [detection_of(one) for one in outputs]
        return parity.compare_detections(ours, theirs, thresholds.conf, parity.FLOAT)


TASK: Task = Detect()
