"""What several processes have to start from alike, found before the first step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted
from yolo_cli.training.recipe import Recipe
from yolo_cli.training.record import label_digest
from yolo_cli.training.source import shuffled
from yolo_cli.version import __version__

if TYPE_CHECKING:
    from yolo_cli.training.assemble import Run


def check_shared(run: Run) -> None:
    """Check that every process has the same to start from, and enough to do.

    Raises:
        UserError: in all of them, if one differs, which is named, or a batch is too small.
    """
    if run.ranks.size == 1:
        return
    weights = sum(float(p.detach().double().sum()) for p in run.network.parameters())
    run.ranks.compare(
        {
            "version": __version__,
            "torch": torch.__version__,
            "device": run.machine.device.type,
            "precision": str(run.machine.dtype).removeprefix("torch."),
            "training images or labels": label_digest(run.splits.train),
            "validation images or labels": label_digest(run.splits.val),
            "weights to start from": f"{weights:.6g}",
        }
    )
    check_batches(len(run.splits.train), run.decision.recipe, run.ranks.size)


def check_batches(images: int, recipe: Recipe, processes: int) -> None:
    """Check that there is an image for every process in every batch.

    Raises:
        UserError: if there is not.
    """
    batches = shuffled(images, seed=0, epoch=0, batch=recipe.batch, share=recipe.share)
    least = min(map(len, batches))
    if least < processes:
        raise UserError(
            f"--batch {recipe.batch}: batches of {counted(least, 'image')} are too small for "
            f"{processes} processes",
            f"use --batch {max(2 * processes, 2)} or more, or fewer processes",
            ExitCode.USAGE,
        )
