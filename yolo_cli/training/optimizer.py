"""The optimiser, its learning-rate schedule and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from yolo_cli.model.network import Network
from yolo_cli.training.recipe import Recipe


def build_optimizer(
    network: Network, recipe: Recipe, frozen: Sequence[int], extra: nn.Module | None = None
) -> Optimizer:
    """Build SGD or AdamW over all that is ever trained; decay on weights alone.

    Neither biases nor normalisation decay. The backbone learns at ``recipe.backbone_rate`` times
    the head's rate, those of its blocks that a later phase sets free at ``recipe.unfreeze_rate``.

    Args:
        network: whose parameters are trained.
        recipe: rate, momentum, decay.
        frozen: number of leading frozen blocks in each phase of the run.
        extra: learns at the head's rate.
    """
    backbone = network.backbone
    first, least = frozen[0], min(frozen)
    paces = [
        (network.head.parameters(), 1.0),
        (backbone.block(first, backbone.blocks).parameters(), recipe.backbone_rate),
        (backbone.block(least, max(first, least)).parameters(), recipe.unfreeze_rate),
        (extra.parameters() if extra else (), 1.0),
    ]
    groups: list[dict[str, Any]] = []
    for parameters, pace in paces:
        together = list(parameters)
        for is_weight in (True, False):
            chosen = [p for p in together if (p.ndim > 1) == is_weight]
            decay = recipe.weight_decay if is_weight else 0.0
            if chosen:
                groups.append({"params": chosen, "lr": recipe.lr * pace, "weight_decay": decay})
    if recipe.optimizer == "adamw":
        return AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999), fused=True)
    return SGD(groups, lr=recipe.lr, momentum=recipe.momentum, fused=True)


def learning_rate_factor(progress: float, recipe: Recipe, epochs: int) -> float:
    """Return the learning rate as a share of ``recipe.lr``.

    Args:
        progress: epochs done, with fraction.
        recipe: the schedule.
        epochs: in all.
    """
    if progress < recipe.warmup:
        return recipe.warmup_from + (1 - recipe.warmup_from) * progress / recipe.warmup
    if recipe.schedule == "steps":
        passed = sum(progress >= share * epochs for share in recipe.milestones)
        return float(0.1**passed)
    done = (progress - recipe.warmup) / max(epochs - recipe.warmup, 1e-9)
    cosine = (1 + math.cos(math.pi * min(done, 1.0))) / 2
    return recipe.floor + (1 - recipe.floor) * cosine


def build_schedule(
    optimizer: Optimizer, recipe: Recipe, steps_per_epoch: int, epochs: Callable[[], int]
) -> LambdaLR:
    """Build the recipe's schedule, to be stepped after every optimiser step.

    Args:
        optimizer: whose rates it sets.
        recipe: form and bounds.
        steps_per_epoch: optimiser steps.
        epochs: gives the number of epochs in all as it stands.
    """
    return LambdaLR(
        optimizer, lambda step: learning_rate_factor(step / steps_per_epoch, recipe, epochs())
    )


def build_average(network: nn.Module, decay: float) -> AveragedModel:
    """Build the exponential moving average of weights and statistics.

    The decay rises with the number of steps, so that the random start is soon forgotten.
    """

    def average(means: Sequence[Tensor], values: Sequence[Tensor], steps: Tensor | int) -> None:
        rising = (1 + float(steps)) / (10 + float(steps))
        for mean, value in zip(means, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - min(decay, rising))
            else:
                mean.copy_(value)

    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)


def clip_gradient(network: nn.Module, limit: float) -> None:
    """Scale the gradient down to a norm of ``limit``; 0 leaves it."""
    if limit:
        nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], limit)
