"""The training loop: steps, validation, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from yolo_cli.data.loader import Batch, Key, batches
from yolo_cli.model.network import Network
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.contract.training import Score
from yolo_cli.tasks.task import task_of
from yolo_cli.text import counted
from yolo_cli.training.budget.clock import Budget
from yolo_cli.training.distill import Distillation
from yolo_cli.training.interrupt import Stop, stop_on_interrupt
from yolo_cli.training.keep import Choice, choose, keep_weights, stopped_line
from yolo_cli.training.machine import Machine
from yolo_cli.training.optimizer import (
    build_average,
    build_optimizer,
    build_schedule,
    clip_gradient,
)
from yolo_cli.training.ranks import ALONE, Ranks
from yolo_cli.training.recipe import Recipe
from yolo_cli.training.reporter import Reporter, loss_line
from yolo_cli.training.run.checkpoint import Position, Trained, restore, save_checkpoint
from yolo_cli.training.run.folder import RunFolder
from yolo_cli.training.source import Phase, Source, shuffled
from yolo_cli.training.step import Step, not_finite
from yolo_cli.training.validation import validate

CHECKPOINT_SECONDS = 300.0  # between checkpoints within an epoch


class Trainer:
    """Trains a network phase by phase and keeps its run folder up to date.

    Args:
        network: on its device.
        recipe: hyper-parameters.
        phases: in order, the first from epoch 0.
        images: how many there are to train on.
        counts: ``[C]`` objects of each class among them.
        run: where everything is written.
        machine: precision of the convolutions; weights and sums are float32.
        reporter: what the user sees.
        info: stored in the weights files.
        budget: for which the number of epochs is corrected on the way.
        distillation: of a teacher, whose activations the sources then hold.
        ranks: the processes that train together; the first alone writes.
    """

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        phases: Sequence[Phase],
        *,
        images: int,
        counts: Tensor,
        run: RunFolder,
        machine: Machine,
        reporter: Reporter,
        info: dict[str, Any],
        budget: Budget | None = None,
        distillation: Distillation | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.ranks = ranks
        self.network = network.to(memory_format=torch.channels_last)
        self.task = task_of(network.config)
        self.recipe = recipe
        self.phases = phases
        self.images = images
        self.run = run
        self.reporter = reporter
        self.info = info
        self.budget = budget
        self.step = Step(network, recipe, counts, machine, distillation, ranks)
        self.position = Position()
        self._last_score: Score | None = None
        self.train: Source
        self.val: Source
        projection = distillation.projections if distillation else None
        optimizer = build_optimizer(network, recipe, [p.frozen for p in phases], projection)
        steps = len(shuffled(images, recipe, epoch=0))
        self.state = Trained(
            network=network,
            average=build_average(network, recipe.ema) if recipe.ema else None,
            optimizer=optimizer,
            schedule=build_schedule(optimizer, recipe, steps, lambda: self.epochs),
            extra=projection,
        )
        self._phase: Phase | None = None
        self._saved = time.monotonic()  # when the last checkpoint was written
        self._counted = self._saved  # up to when the position's seconds are counted
        torch.manual_seed(recipe.seed)  # dropout

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Go back to what :func:`read_checkpoint` has read from the run's folder."""
        self.position = restore(self.run.checkpoint, checkpoint, self.state)

    def _enter_phase(self) -> None:
        """Open the sources of the phase that the next epoch belongs to, unless they are open."""
        phase = [p for p in self.phases if p.first <= self.position.epoch][-1]
        if phase is self._phase:
            return
        self.network.freeze(phase.frozen)
        self.step.share_gradients()
        if phase is not self.phases[0]:
            self.reporter.note(f"from epoch {phase.first + 1} on {phase.frozen} blocks are frozen")
        try:
            self.train, self.val = phase.open()
        except KeyboardInterrupt:
            self.reporter.interrupted(self.run.path)
            raise
        if self._phase is None:
            if self.budget is not None:
                plan = self.budget.plan
                self._plan_epochs(self.position.epoch, plan.train_seconds / plan.epochs)
            self.position.epochs = self.ranks.agree(self.position.epochs)
            self.reporter.header(self.task)
        self._phase = phase

    @property
    def averaged(self) -> Network:
        """The network that is validated and kept: the moving average where there is one."""
        average = self.state.average
        if isinstance(average, AveragedModel):
            module: Network = average.module  # type: ignore[assignment]  # a copy of self.network
            return module
        return self.network

    @property
    def epochs(self) -> int:
        """Passes in all."""
        return self.position.epochs or self.recipe.epochs

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, patience has run out, or what follows is only worse."""
        position, recipe = self.position, self.recipe
        waited = position.waited(recipe.patience, self.task.score_key)
        return waited or position.over(self.epochs, recipe.setbacks)

    def fit(self) -> Position:
        """Train to the end.

        Raises:
            KeyboardInterrupt: after Ctrl-C, when the checkpoint is written.
            UserError: if the loss is not finite any more.
        """
        try:
            while not self.finished:
                self._enter_phase()
                with stop_on_interrupt() as stop:
                    self._run_epoch(stop)
            if self.position.over(self.epochs, self.recipe.setbacks) and not self.position.kept:
                self._settle()
        finally:
            self.run.release()
        return self.position

    def _run_epoch(self, stop: Stop) -> None:
        if not self.run.checkpoint.exists():  # if there is no room for it, better known now
            self._save()
        self._counted = time.monotonic()
        self._train_epoch(stop)
        self._finish_epoch(stop)
        if self.ranks.any(stop.asked) and not self.finished:
            self._interrupt()

    def _count_seconds(self) -> None:
        now = time.monotonic()
        self.position.seconds += now - self._counted
        self._counted = now

    def _train_epoch(self, stop: Stop) -> None:
        epoch, position = self.position.epoch, self.position
        keys = shuffled(self.images, self.recipe, epoch)[position.step :]
        self.network.train()
        self.reporter.begin(
            f"epoch {epoch + 1}/{self.epochs}",
            position.images + sum(map(len, keys)),
            position.images,
        )
        parts = self.step.parts(self.train, keys)
        for batch_keys, batch in zip(
            keys, batches(self.train.dataset, parts, self.train.workers), strict=True
        ):
            terms = self._take_step(batch, batch_keys)
            size = len(batch_keys)
            for name, value in terms.items():
                position.sums[name] = position.sums.get(name, 0.0) + value * size
            position.images += size
            position.step += 1
            self._count_seconds()
            self.reporter.advance(size, loss_line(terms, self.task.terms))
            late = time.monotonic() - self._saved > CHECKPOINT_SECONDS
            urgency = self.ranks.most(2 if stop.asked else int(late))
            if urgency > 1:
                self._interrupt()
            elif urgency:
                self._save()

    def _save(self) -> None:
        if self.ranks.first:
            save_checkpoint(self.run.checkpoint, self.state, self.position)
        self._saved = time.monotonic()

    def _interrupt(self) -> None:
        self._save()
        self.reporter.interrupted(self.run.path)
        raise KeyboardInterrupt

    def _take_step(self, batch: Batch, keys: list[Key]) -> dict[str, float]:
        """Take one optimiser step; return the loss terms."""
        self.ranks.seed(self.recipe.seed, self.position.epoch, self.position.step)
        terms = self.step.terms(self.train, batch, keys)
        values = self.ranks.means(terms)
        if not math.isfinite(values["loss"]):
            kept = f"; the last good weights are {self.run.last}" if self.position.epoch else ""
            raise not_finite(
                values["loss"],
                f"epoch {self.position.epoch + 1}, step {self.position.step + 1}",
                [str(self.train.samples[i].image) for _, i in keys],
                f"lower the rate (--lr {self.recipe.lr / 3:.2g}){kept}",
            )
        self.state.optimizer.zero_grad()
        terms["loss"].backward()
        clip_gradient(self.network, self.recipe.clip)
        self.state.optimizer.step()
        self.state.schedule.step()
        if isinstance(self.state.average, AveragedModel):
            self.state.average.update_parameters(self.network)
        return values

    def _finish_epoch(self, stop: Stop) -> None:
        """Validate if it is time to, keep weights, write the row and the checkpoint.

        Args:
            stop: whether Ctrl-C has been pressed.
        """
        position = self.position
        trained = position.seconds - (position.history[-1]["seconds"] if position.history else 0.0)
        self._keep_to_budget()
        done = self.position.epoch + 1
        due = done % self.recipe.validate_every == 0 or done >= self.epochs
        self._last_score = score = self.validate(stop) if due else None
        position.epoch += 1
        value = math.nan if score is None else score.value
        best = value > position.best
        if best:
            position.best, position.best_epoch = value, position.epoch
        if score is not None:
            self._count_setbacks(score)
        self._count_seconds()
        rate = self.state.optimizer.param_groups[0]["lr"]
        row = position.end_epoch(rate, {self.task.score_key: value}, trained)
        if score is not None and self.ranks.first:
            self._write(row, score, best=best)
        self.reporter.epoch(row, self.epochs, best=best)

    def _keep_to_budget(self) -> None:
        """Correct the number of epochs where the measured speed is not what was planned."""
        position = self.position
        if self.budget is not None and self._phase is self.phases[-1]:
            each = position.pace(self._phase.first, 2 * self.recipe.validate_every)
            self._plan_epochs(position.epoch + 1, each)
        position.epochs = self.ranks.agree(position.epochs)

    def _plan_epochs(self, done: int, seconds: float) -> None:
        """After ``done`` epochs, do as many more, of ``seconds`` each, as there is time for."""
        assert self.budget is not None
        epochs = self.budget.epochs(done, self.epochs, seconds)
        if epochs != self.epochs:
            self.reporter.note(f"plan      {counted(epochs, 'epoch')} instead of {self.epochs}")
            self.position.epochs = epochs

    def _write(self, row: dict[str, float], score: Score, *, best: bool) -> None:
        """Write weights first, the checkpoint last: what it says is on disk is there."""
        info = {
            **self.info,
            "epoch": int(row["epoch"]),
            "minutes": round(row["seconds"] / 60, 1),
            "val": score.record,
        }
        network = score.finish(self.averaged)
        save_weights(self.run.last, network, info)
        if best:
            save_weights(self.run.best, network, info)
            self.state.best.update(score.outputs)
        self.run.write_history(self.position.history, self.task)
        self._save()

    def _settle(self) -> None:
        """Keep the end of the schedule, unless an earlier epoch is better by more than chance."""
        position = self.position
        position.kept = "the end of the schedule, which has the highest score"
        if position.best_epoch != position.epoch:
            if self._last_score is None:
                self._enter_phase()
            last = self._last_score or self.validate()
            choice = self._choice(last)
            position.kept = choice.why
            if position.epoch < self.epochs:
                self.reporter.note(stopped_line(position))
            if choice.last:
                position.best, position.best_epoch = last.value, position.epoch
        if self.ranks.first:
            keep_weights(self.run, position, self.task)
            self._save()

    def _choice(self, last: Score) -> Choice:
        position = self.position
        interval = self.task.difference(
            last.outputs, self.state.best, self.val.samples, self.network.config
        )
        more = position.best - last.value
        return self.ranks.agree(choose(position.best_epoch, more, interval))

    def _count_setbacks(self, last: Score) -> None:
        position = self.position
        if self.recipe.setbacks and self._phase is self.phases[-1]:
            worse = position.best_epoch != position.epoch and not self._choice(last).last
            position.setbacks = position.setbacks + 1 if worse else 0

    def validate(self, stop: Stop | None = None) -> Score:
        """Return the score of the network that is kept, on the validation source.

        Args:
            stop: whether Ctrl-C has been pressed, which ends the run after a batch.
        """

        def look_up() -> None:
            if self.ranks.any(stop is not None and stop.asked):
                self._interrupt()

        return validate(
            self.averaged.eval(), self.val, self.recipe.batch, self.step, self.reporter, look_up
        )
