"""What a detector learns from the outputs of another one: soft targets.

Hinton et al. 2015; in a one-stage detector the teacher's boxes and classes count as much as it
believes that there is an object (Mehta & Ozturk 2018).
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  # the name that every torch programmer reads
from torch import Tensor

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.detect.grid import Grid

COORD = 5.0  # weight of the teacher's boxes, as λcoord is of the true ones


def soft_loss(grid: Grid, raw: Tensor, teacher: Tensor) -> Tensor:
    """Return the distance of two outputs, summed over cells, boxes and images.

    Confidences count everywhere; boxes as far as the teacher is confident of them; classes as far
    as it is of any of the cell's boxes.

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


def check_teacher(student: ModelConfig, teacher: ModelConfig) -> None:
    """Check that the outputs of two networks mean the same.

    Raises:
        UserError: if they do not.
    """
    for what, ours, theirs in (
        ("classes", student.classes, teacher.classes),
        ("grid", student.grid, teacher.grid),
        ("boxes", student.boxes, teacher.boxes),
        ("image size", student.image_size, teacher.image_size),
        ("output", student.output, teacher.output),
    ):
        if ours != theirs:
            raise UserError(
                f"--teacher: its {what} ({_short(theirs)}) differ from those of the network "
                f"({_short(ours)})",
                "train the teacher on the same dataset with the same --grid and --boxes",
                ExitCode.USAGE,
            )
    if student.output != "sigmoid" or "fc" in (student.head, teacher.head):
        raise UserError(
            "--teacher: both networks need --head conv and the default recipe's outputs",
            "leave out --teacher, --head or --recipe",
            ExitCode.USAGE,
        )


def _short(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
