"""From a batch to the terms of the loss: forward pass, criterion, teacher."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from yolo_cli.data.loader import Batch, Key
from yolo_cli.data.target import Target
from yolo_cli.model.network import Network
from yolo_cli.tasks.task import task_of
from yolo_cli.training.distill import Distillation
from yolo_cli.training.machine import Machine
from yolo_cli.training.patchwork import patchwork
from yolo_cli.training.recipe import Recipe
from yolo_cli.training.source import Source


class Step:
    """Computes the loss of batches.

    Args:
        network: on its device.
        recipe: loss, balance, patchwork and seed.
        counts: ``[C]`` training objects of each class.
        machine: device, and precision of the convolutions.
        distillation: of a teacher, whose activations the sources then hold.
    """

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        counts: Tensor,
        machine: Machine,
        distillation: Distillation | None,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.machine = machine
        self.distillation = distillation
        self.task = task_of(network.config)
        self.criterion: nn.Module = self.task.criterion(network.config, recipe, counts)
        self.criterion.to(machine.device)

    def terms(self, source: Source, batch: Batch, keys: list[Key]) -> dict[str, Tensor]:
        """Return the loss of a batch, ``loss``, and its terms.

        Args:
            source: that the batch is from.
            batch: inputs and targets.
            keys: of its items.
        """
        (inputs, *activations), targets = self._varied(source, batch, keys)
        target = self.task.encode(targets, self.network.config).to(self.machine.device)
        if self.distillation is None:
            raw = self.forward(self.network, inputs, source.depth)
            return cast("dict[str, Tensor]", self.criterion(raw, target))
        answer = self.distillation.ask(activations[0])
        with self.machine.autocast():
            ready = self._ready(inputs, source.depth)
            mine = self.distillation.run(self.network, ready, source.depth)
        terms = {**self.criterion(mine.raw, target), **self.distillation(mine, answer)}
        terms["loss"] = terms["loss"] + terms["soft"] + terms["hint"]
        return terms

    def forward(self, network: Network, inputs: Tensor, depth: int) -> Tensor:
        """Run a network on inputs that have passed ``depth`` of its blocks."""
        with self.machine.autocast():
            result: Tensor = network(self._ready(inputs, depth), depth)
        return result

    def _varied(
        self, source: Source, batch: Batch, keys: list[Key]
    ) -> tuple[list[Tensor], list[Target]]:
        """Return a batch, with the teacher's activations if there is one.

        What comes from a cache is put together to new scenes; fresh images stay as they are.
        """
        inputs, targets = batch
        forms = [inputs]
        if source.teacher is not None:
            forms.append(torch.stack([source.teacher[key][0] for key in keys]))
        if not source.copies or not self.recipe.patchwork:
            return forms, targets
        size, probability = self.network.config.image_size, self.recipe.patchwork
        rng = np.random.default_rng((self.recipe.seed, *keys[0], 0x9A7C))
        return patchwork(forms, targets, size, probability, rng, self.task.scene)

    def _ready(self, inputs: Tensor, depth: int) -> Tensor:
        """Return images or activations on the device, in the form that it likes best."""
        inputs = inputs.to(self.machine.device)
        if depth == 0:
            return inputs.contiguous(memory_format=torch.channels_last)
        return inputs.to(self.machine.dtype)
