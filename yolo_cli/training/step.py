"""From a batch to the terms of the loss: forward pass, criterion, teacher."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from yolo_cli.data.loader import Batch, Key
from yolo_cli.data.target import Target
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.network import Network
from yolo_cli.tasks.contract.training import Encoded, Proportioned
from yolo_cli.tasks.task import task_of
from yolo_cli.training.distill import Distillation
from yolo_cli.training.machine import Machine
from yolo_cli.training.norm import synchronise_norms
from yolo_cli.training.objective import Objective, scaled, share_gradients
from yolo_cli.training.patchwork import patchwork
from yolo_cli.training.ranks import ALONE, Ranks
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
        ranks: the processes that share each batch; if there are several, the network's batch
            norms take the statistics of all its images from now on.
    """

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        counts: Tensor,
        machine: Machine,
        distillation: Distillation | None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.machine = machine
        self.distillation = distillation
        self.ranks = ranks
        if ranks.size > 1:
            synchronise_norms(network)
        self.task = task_of(network.config)
        self.criterion: nn.Module = self.task.criterion(network.config, recipe, counts)
        self.criterion.to(machine.device)
        self._plain = Objective(network, self.criterion, machine, distillation)
        self._objective: nn.Module = self._plain

    def share_gradients(self) -> None:
        """Let several processes have the same gradients; to be called when others are trained."""
        if self.ranks.size > 1:
            self._objective = self._plain
            gc.collect()  # the wrapper that has gone listens to gradients until it is freed
            self._objective = share_gradients(self._plain)

    def parts(self, source: Source, keys: list[list[Key]]) -> list[Sequence[Key]]:
        """Return which items of each batch this process reads."""
        return [batch if self._mixes(source) else self.ranks.share(batch) for batch in keys]

    def terms(self, source: Source, batch: Batch, keys: list[Key]) -> dict[str, Tensor]:
        """Return the loss of a batch, ``loss``, and its terms.

        Of several processes each returns its part of them: their mean is that of the whole batch.

        Args:
            source: that the batch is from.
            batch: inputs and targets of what :meth:`parts` says.
            keys: of all its items.
        """
        (inputs, *activations), targets = self._own(source, batch, keys)
        target = self.task.encode(targets, self.network.config).to(self.machine.device)
        answer = self.distillation.ask(activations[0]) if self.distillation else None
        ready = self._ready(inputs, source.depth)
        terms, taught = self._objective(ready, source.depth, target, answer)
        if self.ranks.size > 1:
            images = len(targets) * self.ranks.size / len(keys)
            terms, taught = scaled(terms, self._weight(target, images)), scaled(taught, images)
        if taught:
            terms = {**terms, **taught, "loss": terms["loss"] + taught["soft"] + taught["hint"]}
        result: dict[str, Tensor] = terms
        return result

    def _weight(self, target: Encoded, images: float) -> Tensor | float:
        """Return what this process's part of a batch counts for; 1 on average."""
        if not isinstance(self.criterion, Proportioned):
            return images
        amount = self.criterion.amount(target)
        whole = self.ranks.total(amount).clamp(min=torch.finfo(torch.float32).eps)
        return amount * self.ranks.size / whole

    def forward(self, network: Network, inputs: Tensor, depth: int) -> Tensor:
        """Run a network on inputs that have passed ``depth`` of its blocks."""
        with self.machine.autocast():
            result: Tensor = network(self._ready(inputs, depth), depth)
        return result

    def _own(
        self, source: Source, batch: Batch, keys: list[Key]
    ) -> tuple[list[Tensor], Sequence[Target]]:
        """Return this process's items, with the teacher's activations if there is one.

        What comes from a cache is put together to new scenes; fresh images stay as they are.
        """
        inputs, targets = batch
        mixes = self._mixes(source)
        forms = [inputs]
        if source.teacher is not None:
            read = keys if mixes else self.ranks.share(keys)
            forms.append(torch.stack([source.teacher[key][0] for key in read]))
        if not mixes:
            return forms, targets
        size, probability = self.network.config.image_size, self.recipe.patchwork
        rng = np.random.default_rng((self.recipe.seed, *keys[0], 0x9A7C))
        forms, targets = patchwork(forms, targets, size, probability, rng, self.task.scene)
        return [self.ranks.share_tensor(form) for form in forms], self.ranks.share(targets)

    def _mixes(self, source: Source) -> bool:
        """Return whether an item is made of others: all processes then read the whole batch."""
        return bool(source.copies and self.recipe.patchwork)

    def _ready(self, inputs: Tensor, depth: int) -> Tensor:
        """Return images or activations on the device, in the form that it likes best."""
        inputs = inputs.to(self.machine.device)
        if depth == 0:
            return inputs.contiguous(memory_format=torch.channels_last)
        return inputs.to(self.machine.dtype)


def not_finite(loss: float, where: str, images: Sequence[str], hint: str) -> UserError:
    """Return the error that ends a run whose loss is infinite, or no number.

    Args:
        loss: of the batch.
        where: epoch and step.
        images: of the batch.
        hint: the way out.
    """
    some = ", ".join(images[:4])
    message = f"the loss is {loss} in {where} ({some}, …): training stopped"
    return UserError(message, hint, ExitCode.FAILURE)
