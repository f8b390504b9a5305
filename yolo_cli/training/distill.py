"""Learning from a teacher: a small network is shown what a larger one makes of the same images.

Hinton et al. 2015 (soft targets), Romero et al. 2015 (hints: the student's features, projected,
shall be the teacher's, here at every resolution that both have). What is learned from the outputs
depends on the task.

The output of the teacher's backbone is kept in a feature cache, made from the one that its own
training has left, so all it costs is its head; first blocks of the student that are frozen are
cached in the same way. Scenes are put together from four images both in what the student is given
and in the teacher's activations (:mod:`yolo_cli.training.patchwork`): there are as many as one
likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import torch
import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor, nn

from yolo_cli.model.network import Network
from yolo_cli.tasks.networks import shapes_of
from yolo_cli.tasks.task import task_of
from yolo_cli.training.ranks import ALONE, Ranks

HINT = 20.0  # weight of each hint, which starts near 1 and is small beside the other terms

Features = dict[int, Tensor]  # ``[N, C, size, size]`` by size


class Distillation(nn.Module):
    """A teacher and the loss between it and its student.

    Args:
        teacher: on its device, its first blocks frozen.
        student: whose features are compared with the teacher's, as far as they are not frozen;
            its head is convolutional.
        dtype: precision of the teacher's convolutions.
        ranks: the processes that share each batch.

    Raises:
        UserError: if their outputs cannot be compared.
    """

    def __init__(
        self,
        teacher: Network,
        student: Network,
        dtype: torch.dtype,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__()
        self.task = task_of(student.config)
        self.task.check_teacher(student.config, teacher.config)
        self.config = student.config
        self.teacher = teacher.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.dtype = dtype
        self.ranks = ranks
        # Nothing of it is kept: it translates the student's features for the teacher.
        self.projections = _projections(teacher, student).to(student.mean.device)

    def train(self, mode: bool = True) -> Distillation:
        """Set training mode; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def ask(self, activations: Tensor) -> Answer:
        """Return what the teacher makes of a batch.

        Args:
            activations: ``[N, C, H, W]`` of its frozen blocks.
        """
        device = self.teacher.mean.device
        with (
            torch.inference_mode(),
            torch.autocast(device.type, self.dtype, enabled=self.dtype != torch.float32),
        ):
            inputs = activations.to(device, self.dtype)
            features, last = teacher_features(self.teacher, inputs)
            raw = self.teacher.head.predict(last)
        return Answer(raw.float().clone(), {s: f.float().clone() for s, f in features.items()})

    def run(self, student: Network, inputs: Tensor, depth: int = 0) -> Answer:
        """Return the student's output, and its features translated for the teacher.

        Args:
            student: in the precision that it is trained in.
            inputs: ``[N, 3, H, W]`` uint8, or what its first ``depth`` blocks make of that.
            depth: blocks that the inputs have passed.
        """
        x = inputs if depth else student.normalise(inputs)
        features, last = student_features(student, x, depth)
        hints = {int(s): project(features[int(s)]) for s, project in self.projections.items()}
        return Answer(student.head.predict(last), hints)

    def forward(self, student: Answer, teacher: Answer) -> dict[str, Tensor]:
        """Return the distance of student and teacher, by terms; each is zero where they agree.

        Args:
            student: of :meth:`run`.
            teacher: of :meth:`ask`, about the same images.

        Returns:
            Scalars ``soft`` (outputs) and ``hint`` (features, summed over the sizes that both
            have), weighted, means over the batch.
        """
        hints = [
            hint_loss(f.float(), teacher.features[s], self.ranks)
            for s, f in student.features.items()
        ]
        return {
            "soft": self.task.soft_loss(self.config, student.raw, teacher.raw) / len(student.raw),
            "hint": HINT * torch.stack(hints).sum(),
        }


@dataclass(frozen=True)
class Answer:
    """What a network says of a batch.

    Attributes:
        raw: its raw output.
        features: ``[N, F, size, size]`` by size, what is compared of its features.
    """

    raw: Tensor
    features: Features


def teacher_features(teacher: Network, inputs: Tensor) -> tuple[Features, Tensor]:
    """Return what each block and the head's layers make of the frozen blocks' output.

    Args:
        teacher: its first blocks frozen.
        inputs: ``[N, C, H, W]`` output of those blocks, compared like the others.

    Returns:
        Features by size, and what the predictor is given.
    """
    features, x = {inputs.shape[-1]: inputs}, inputs
    for block in range(teacher.frozen, teacher.backbone.blocks):
        x = teacher.backbone.block(block, block + 1)(x)
        features[x.shape[-1]] = x
    x = teacher.head.layers(x)
    return {**features, x.shape[-1]: x}, x


def student_features(student: Network, x: Tensor, depth: int = 0) -> tuple[Features, Tensor]:
    """Return the last features of each size: a small network needs every layer that it has.

    Args:
        student: with a convolutional head.
        x: ``[N, 3, H, W]`` normalised images, or the output of its first ``depth`` blocks.
        depth: blocks that ``x`` has passed.

    Returns:
        Features by size, and what the predictor is given.
    """
    features: Features = {}
    blocks = student.backbone.block(depth, student.backbone.blocks)
    for layer in chain(blocks, student.head.layers):
        x = layer(x)
        features[x.shape[-1]] = x
    return features, x


def _projections(teacher: Network, student: Network) -> nn.ModuleDict:
    """Build 1×1 convolutions from the student's channels to the teacher's, by features' size.

    Only of layers that are trained.
    """
    side = student.config.image_size
    taught, learning = shapes_of(teacher.config), shapes_of(student.config)
    taught.freeze(teacher.frozen)
    images = torch.zeros(1, 3, side, side, device="meta")
    inputs = taught.backbone.block(0, taught.frozen)(images)
    theirs, _ = teacher_features(taught, inputs)
    images = learning.backbone.block(0, student.frozen)(images)
    ours, _ = student_features(learning, images, student.frozen)
    return nn.ModuleDict(
        {
            str(size): nn.Conv2d(ours[size].shape[1], features.shape[1], 1)
            for size, features in theirs.items()
            if size in ours
        }
    )


def hint_loss(features: Tensor, teacher: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Return the mean squared difference of features, in units of the teacher's variance.

    Of all channels together: many a channel of a ReLU is silent in a batch, and a small error
    there would outweigh everything.

    Args:
        features: ``[N, F, S, S]`` the student's, projected.
        teacher: the same of the teacher.
        ranks: the processes that share the batch, over which the variance is taken.
    """
    return F.mse_loss(features, teacher) / ranks.variance(teacher).clamp(min=1e-4)
