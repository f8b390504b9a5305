"""Learning from a teacher: a small network is shown what a larger one makes of the same images.

Hinton et al. 2015 (soft targets), Romero et al. 2015 (hints: the student's features, projected,
shall be the teacher's), Mehta & Ozturk 2018 (in a one-stage detector the teacher's boxes and
classes count as much as it believes that there is an object).

The teacher's frozen blocks are read from the feature cache that its own training has left, so it
costs its last block and its head. Scenes are put together from four images both in pixels and in
the teacher's activations (:mod:`yolo_cli.training.patchwork`): there are as many as one likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.grid import Grid
from yolo_cli.model.network import Network

COORD = 5.0  # weight of the teacher's boxes, as λcoord is of the true ones
HINT = 20.0  # weight of the hint, which starts near 1 and is small beside the other terms


class Distillation(nn.Module):
    """A teacher and the loss between it and its student.

    Args:
        teacher: on its device, its first blocks frozen.
        student: whose features are compared with the teacher's; its head is convolutional.
        dtype: precision of the teacher's convolutions.

    Raises:
        UserError: if their outputs cannot be compared.
    """

    def __init__(self, teacher: Network, student: Network, dtype: torch.dtype) -> None:
        super().__init__()
        check_match(teacher, student)
        self.teacher = teacher.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.dtype = dtype
        self.grid = Grid.of(student.config)
        # Nothing of it is kept: it translates the student's features for the teacher.
        self.projection = nn.Conv2d(_features(student), _features(teacher), 1)

    def train(self, mode: bool = True) -> Distillation:
        """Set training mode; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def ask(self, activations: Tensor) -> Answer:
        """What the teacher makes of a batch.

        Args:
            activations: ``[N, C, H, W]`` of its frozen blocks.
        """
        device = self.teacher.mean.device
        with (
            torch.inference_mode(),
            torch.autocast(device.type, self.dtype, enabled=self.dtype != torch.float32),
        ):
            inputs = activations.to(device, self.dtype)
            features = self.teacher.head.layers(self.teacher.backbone(inputs, self.teacher.frozen))
            raw = self.teacher.head.predict(features)
        return Answer(raw.float().clone(), features.float().clone())

    def run(self, student: Network, images: Tensor) -> tuple[Tensor, Tensor]:
        """The student's output, and what its predictor was given.

        Args:
            student: in the precision that it is trained in.
            images: ``[N, 3, H, W]`` uint8.
        """
        features = student.head.layers(student.backbone(student.normalise(images)))
        return student.head.predict(features), features

    def forward(self, raw: Tensor, features: Tensor, answer: Answer) -> dict[str, Tensor]:
        """Distance between student and teacher, by terms; each is zero where they agree.

        Args:
            raw: ``[N, S, S, 5B + C]`` the student's output.
            features: ``[N, F, S, S]`` what the student's predictor is given.
            answer: the teacher's.

        Returns:
            Scalars ``soft`` (outputs) and ``hint`` (features), weighted, means over the batch.
        """
        return {
            "soft": soft_loss(self.grid, raw, answer.raw) / len(raw),
            "hint": HINT * hint_loss(self.projection(features.float()), answer.features),
        }


@dataclass(frozen=True)
class Answer:
    """What a teacher says of a batch.

    Attributes:
        raw: ``[N, S, S, 5B + C]`` its outputs.
        features: ``[N, F, S, S]`` what its predictor is given.
    """

    raw: Tensor
    features: Tensor


def soft_loss(grid: Grid, raw: Tensor, teacher: Tensor) -> Tensor:
    """Distance of two outputs, summed over cells, boxes and images.

    Confidences everywhere; boxes as far as the teacher is confident of them; classes as far as it
    is of any of the cell's boxes.

    Args:
        grid: of both networks.
        raw: ``[N, S, S, 5B + C]`` the student's.
        teacher: the same of the teacher.
    """
    mine, theirs = grid.unpack(raw), grid.unpack(teacher)
    confidence = theirs.confidence
    surprise = F.binary_cross_entropy_with_logits(
        mine.raw_confidence, confidence, reduction="none"
    ) - F.binary_cross_entropy(confidence, confidence, reduction="none")
    boxes = (mine.xy - theirs.xy).square() + (mine.root_wh - theirs.root_wh).square()
    classes = F.kl_div(mine.raw_classes.log_softmax(-1), theirs.classes, reduction="none").sum(
        dim=-1
    )
    return (
        surprise.sum()
        + COORD * (boxes.sum(dim=-1) * confidence).sum()
        + (classes * confidence.amax(dim=-1)).sum()
    )


def hint_loss(features: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of features, in units of each channel's variance.

    Args:
        features: ``[N, F, S, S]`` the student's, projected.
        teacher: the same of the teacher.
    """
    variance = teacher.var(dim=(0, 2, 3), keepdim=True).clamp(min=1e-4)
    return ((features - teacher).square() / variance).mean()


def check_match(teacher: Network, student: Network) -> None:
    """Whether the outputs of two networks mean the same.

    Raises:
        UserError: if they do not.
    """
    ours, theirs = student.config, teacher.config
    for what, a, b in (
        ("classes", ours.classes, theirs.classes),
        ("grid", ours.grid, theirs.grid),
        ("boxes", ours.boxes, theirs.boxes),
        ("image size", ours.image_size, theirs.image_size),
        ("output", ours.output, theirs.output),
    ):
        if a != b:
            raise UserError(
                f"--teacher: its {what} ({_short(b)}) are not those of the network ({_short(a)})",
                "train the teacher on the same dataset with the same --grid and --boxes",
                ExitCode.USAGE,
            )
    if ours.output != "sigmoid" or "fc" in (ours.head, theirs.head):
        raise UserError(
            "--teacher: both networks need --head conv and the default recipe's outputs",
            "leave out --teacher, --head or --recipe",
            ExitCode.USAGE,
        )


def _features(network: Network) -> int:
    weight = network.head.predictor.layer.weight
    return int(weight.shape[1])


def _short(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
