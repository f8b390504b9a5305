"""What several processes have to start from alike, found before the first step."""

from __future__ import annotations

import torch
from torch import nn

from yolo_cli.data.splits import TrainingSplits
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted
from yolo_cli.training.machine import Machine
from yolo_cli.training.ranks import Ranks
from yolo_cli.training.recipe import Recipe
from yolo_cli.training.record import label_digest
from yolo_cli.training.source import shuffled
from yolo_cli.version import __version__


def check_shared(
    ranks: Ranks, machine: Machine, network: nn.Module, splits: TrainingSplits, recipe: Recipe
) -> None:
    """Check that every process has the same to start from, and enough to do.

    Args:
        ranks: the processes.
        machine: where this one computes.
        network: that it starts with.
        splits: its images.
        recipe: which the first has told the others.

    Raises:
        UserError: in all of them, if one differs, which is named, or a batch is too small.
    """
    if ranks.size == 1:
        return
    weights = sum(float(p.detach().double().sum()) for p in network.parameters())
    ranks.compare(
        {
            "version": __version__,
            "torch": torch.__version__,
            "device": machine.device.type,
            "precision": str(machine.dtype).removeprefix("torch."),
            "training images or labels": label_digest(splits.train),
            "validation images or labels": label_digest(splits.val),
            "weights to start from": f"{weights:.6g}",
        }
    )
    check_batches(len(splits.train), recipe, ranks.size)


def check_batches(images: int, recipe: Recipe, processes: int) -> None:
    """Check that there is an image for every process in every batch.

    Raises:
        UserError: if there is not.
    """
    batches = shuffled(images, recipe, epoch=0)
    least = min(map(len, batches))
    if least < processes:
        raise UserError(
            f"--batch {recipe.batch}: batches of {counted(least, 'image')} are too small for "
            f"{processes} processes",
            f"use --batch {max(2 * processes, 2)} or more, or fewer processes",
            ExitCode.USAGE,
        )
