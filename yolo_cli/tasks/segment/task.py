"""Semantic segmentation as a task: the parts of this folder under a task's names for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.data.target import Target
from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.evaluation.plain import PlainScores
from yolo_cli.evaluation.segmentation import SCORE, score_masks
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.weights import PREDICTOR
from yolo_cli.tasks.contract.export import Deviation
from yolo_cli.tasks.contract.training import LossRecipe
from yolo_cli.tasks.result import Document, ImageWriter, Origin
from yolo_cli.tasks.segment import parity
from yolo_cli.tasks.segment import target as masks
from yolo_cli.tasks.segment.batch import Pixels
from yolo_cli.tasks.segment.classes import MaskClasses
from yolo_cli.tasks.segment.decoder import Decoder, output_side
from yolo_cli.tasks.segment.loss import PixelLoss, class_weights
from yolo_cli.tasks.segment.postprocess import Output, postprocess
from yolo_cli.tasks.segment.result import SegmentResult
from yolo_cli.tasks.segment.score import SegmentScorer, difference
from yolo_cli.tasks.segment.worst import draw_worst
from yolo_cli.tasks.segment.writers import WRITERS
from yolo_cli.tasks.task import Task

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx

    from yolo_cli.tasks.segment.augment import Preparation

_NO_GRID = "a segmenter has no grid of cells"


class Segment:
    """See :class:`yolo_cli.tasks.task.Task`."""

    name: TaskName = "segment"
    unit = "pixel"
    heads: tuple[str, ...] = ("conv",)
    model: Mapping[str, Any] = {"upsample": "unpool"}
    terms: tuple[str, ...] = ("pixel",)
    score_key = "miou"
    score_label = "mIoU"
    score_title = SCORE
    # Full balance finds more of rare classes, and as much that is none of theirs.
    recipe: Mapping[str, Any] = {"balance": 0.25}
    # Its steps take half the time, and masks need more of them than boxes do.
    start: str | None = "lean-voc"
    least_classes = 2
    unsupported: Mapping[str, str] = {
        "head": "a segmenter's head is its decoder, see --upsample",
        "grid": _NO_GRID,
        "boxes": _NO_GRID,
        "teacher": "segmenters do not learn from one so far",
    }
    writers: Mapping[str, ImageWriter | Document] = WRITERS
    scoring = None

    # The network.

    def build_head(self, config: ModelConfig, channels: int, stride: int) -> Decoder:
        """Build the decoder."""
        return Decoder(config, channels, stride)

    def output_shape(self, config: ModelConfig) -> tuple[int, ...]:
        """Return ``(H, W, C)``."""
        side = output_side(config)
        return side, side, len(config.classes)

    def describe(self, config: ModelConfig) -> dict[str, str]:
        """Describe the decoder."""
        side = output_side(config)
        return {"decoder": f"{config.upsample}, {side}×{side} cells, then bilinear"}

    def recorded(self, record: Mapping[str, Any]) -> str:
        """Return the mean IoU."""
        scores = record.get("segment")
        value = scores.get("mIoU") if isinstance(scores, dict) else None
        return "" if value is None else f"{SCORE} {value}"

    def fit_predictor(
        self,
        own: Mapping[str, Tensor],
        tensors: Mapping[str, Tensor],
        old: ModelConfig,
        new: ModelConfig,
    ) -> dict[str, Tensor]:
        """Give each class that both know its row."""
        shared = [(new.classes.index(c), i) for i, c in enumerate(old.classes) if c in new.classes]
        to, come = [a for a, _ in shared], [b for _, b in shared]
        fitted = {}
        for name in PREDICTOR if shared else ():
            shape = (len(old.classes), *own[name].shape[1:])
            if name in tensors and tensors[name].shape == shape:
                fitted[name] = own[name].clone()
                fitted[name][to] = tensors[name].to(own[name])[come]
        return fitted

    # Training.
    scene = staticmethod(masks.scene)
    draw_target = staticmethod(masks.draw_target)

    def prepare(self, config: ModelConfig, augmentation: Augmentation | None) -> Preparation:
        """Stretch or augment, the mask along with the image."""
        # It imports torchvision, which takes seconds, and finding classes does without.
        from yolo_cli.tasks.segment.augment import Preparation

        return Preparation(config.image_size, augmentation)

    def encode(self, targets: Sequence[Target], config: ModelConfig) -> Pixels:
        """Put the masks together."""
        return masks.encode(targets)

    def criterion(self, config: ModelConfig, recipe: LossRecipe, counts: Tensor) -> PixelLoss:
        """Return the cross-entropy of pixels, weighted by class."""
        return PixelLoss(class_weights(counts, recipe.balance))

    def counts(self, dataset: Dataset) -> Tensor:
        """Return the share of each class in the labelled pixels of the images that have it."""
        return masks.shares(dataset)

    def typical_size(self, dataset: Dataset) -> float | None:
        """Return None: there are no objects."""
        return None

    def check_teacher(self, student: ModelConfig, teacher: ModelConfig) -> None:
        """Refuse any.

        Raises:
            UserError: always.
        """
        raise UserError("--teacher: segmenters do not learn from one so far", code=ExitCode.USAGE)

    def soft_loss(self, config: ModelConfig, raw: Tensor, teacher: Tensor) -> Tensor:
        """Return the divergence of the classes of each cell, summed over the batch."""
        expected = teacher.log_softmax(dim=-1)
        ratio = expected - raw.log_softmax(dim=-1)
        return (expected.exp() * ratio).sum() / math.prod(raw.shape[1:3])

    def difference(
        self,
        first: Mapping[str, Tensor],
        second: Mapping[str, Tensor],
        samples: Sequence[Sample],
        config: ModelConfig,
    ) -> tuple[float, float]:
        """Compare mean IoU."""
        return difference(first, second)

    def scorer(self, config: ModelConfig) -> SegmentScorer:
        """Return a scorer by mean IoU."""
        return SegmentScorer(config)

    # Inference.

    def thresholds(self, config: ModelConfig, changes: Mapping[str, Any], base: Any = None) -> None:
        """Return None: every pixel has a class."""
        if changes:
            raise TypeError(f"a segmenter has no thresholds, as {', '.join(changes)}")

    def decode(
        self,
        raw: Tensor,
        config: ModelConfig,
        sizes: Sequence[tuple[int, int]],
        thresholds: Any = None,
    ) -> list[Output]:
        """Return the mask of each image, at its own size."""
        return postprocess(raw, sizes)

    def result(
        self,
        output: Output,
        config: ModelConfig,
        size: tuple[int, int],
        origin: Origin,
        image: Image.Image | None,
    ) -> SegmentResult:
        """Return the mask of one picture."""
        return SegmentResult(
            mask=output,
            names=config.classes,
            width=size[0],
            height=size[1],
            origin=origin,
            image=image,
        )

    def output(self, result: SegmentResult) -> Output:
        """Return the mask."""
        return result.mask

    def match(self, config: ModelConfig, dataset: Dataset) -> MaskClasses:
        """Match classes by name."""
        return MaskClasses.between(config.classes, dataset.classes)

    def score_outputs(
        self, outputs: Sequence[Output], samples: Sequence[Sample], classes: tuple[str, ...]
    ) -> PlainScores:
        """Score masks."""
        pairs = (
            (masks.mask_of(sample), np.asarray(found))
            for sample, found in zip(samples, outputs, strict=True)
        )
        scores = score_masks(pairs, classes).plain()
        return replace(scores, worst=partial(draw_worst, outputs, samples, classes))

    # Exports.

    def add_results(
        self, model: onnx.ModelProto, raw: str, config: ModelConfig, thresholds: Any
    ) -> None:
        """Refuse.

        Raises:
            UserError: always.
        """
        raise UserError(
            "--nms: a segmenter has no boxes to suppress", "leave out --nms", ExitCode.USAGE
        )

    def compare_raw(
        self, config: ModelConfig, expected: Tensor, found: Tensor, *, int8: bool
    ) -> Deviation:
        """Compare the classes of the cells."""
        return parity.compare(expected, found, parity.INT8 if int8 else parity.EXACT)

    def agree(self, config: ModelConfig, expected: Tensor, found: Tensor) -> bool:
        """Compare the classes of the cells: all but one of 200 are the same."""
        return parity.compare(expected, found, parity.SAME).passed

    def compare_results(
        self,
        config: ModelConfig,
        raw: Tensor,
        outputs: Sequence[Mapping[str, npt.NDArray[Any]]],
        thresholds: Any,
    ) -> Deviation:
        """Compare nothing: there are no results beside the raw output."""
        return parity.compare(raw, raw, parity.EXACT)


TASK: Task = Segment()
