"""The training loop: steps, validation, checkpoints."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from yolo_cli.data.loader import Batch, Key, batches
from yolo_cli.data.target import Target
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.evaluation.voc import VocScore, evaluate_voc
from yolo_cli.model.network import Network
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.detect.calibration import calibrated, confidence_shift, shifted
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.loss import YoloLoss, class_weights
from yolo_cli.tasks.detect.postprocess import Detection, postprocess
from yolo_cli.tasks.detect.thresholds import EVAL
from yolo_cli.text import counted
from yolo_cli.training.budget.plan import Budget
from yolo_cli.training.distill import Distillation
from yolo_cli.training.optimizer import (
    build_average,
    build_optimizer,
    build_schedule,
    clip_gradient,
)
from yolo_cli.training.patchwork import patchwork
from yolo_cli.training.recipe import Recipe
from yolo_cli.training.reporter import Reporter, loss_line
from yolo_cli.training.run.checkpoint import Position, Trained, restore, save_checkpoint
from yolo_cli.training.run.folder import RunFolder
from yolo_cli.training.source import Phase, Source, in_order, shuffled

CHECKPOINT_SECONDS = 300.0  # between checkpoints within an epoch


@dataclass
class _Stop:
    """Whether Ctrl-C was pressed."""

    asked: bool = False


@contextmanager
def _stop_on_interrupt() -> Iterator[_Stop]:
    """Let the step in progress finish on the first Ctrl-C; the second one ends at once."""
    stop = _Stop()
    before = signal.getsignal(signal.SIGINT)

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.asked = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class Trainer:
    """Trains a network phase by phase and keeps its run folder up to date.

    Args:
        network: on its device.
        recipe: hyper-parameters.
        phases: in order, the first from epoch 0.
        images: how many there are to train on.
        counts: ``[C]`` objects of each class among them.
        run: where everything is written.
        dtype: precision of the convolutions; weights and sums are float32.
        reporter: what the user sees.
        info: stored in the weights files.
        budget: for which the number of epochs is corrected on the way.
        distillation: of a teacher, whose activations the sources then hold.
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
        dtype: torch.dtype,
        reporter: Reporter,
        info: dict[str, Any],
        budget: Budget | None = None,
        distillation: Distillation | None = None,
    ) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.device = network.mean.device
        self.recipe = recipe
        self.phases = phases
        self.images = images
        self.run = run
        self.dtype = dtype
        self.reporter = reporter
        self.info = info
        self.budget = budget
        self.distillation = distillation
        self.grid = Grid.of(network.config)
        weights = class_weights(counts, recipe.balance)
        self.criterion = YoloLoss(self.grid, recipe.loss, weights).to(self.device)
        self.position = Position()
        self.train: Source
        self.val: Source
        projection = distillation.projections if distillation else None
        optimizer = build_optimizer(network, recipe, [p.frozen for p in phases], projection)
        steps = len(self._epoch_keys(0))
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

    def _epoch_keys(self, epoch: int) -> list[list[Key]]:
        recipe = self.recipe
        return shuffled(
            self.images, seed=recipe.seed, epoch=epoch, batch=recipe.batch, share=recipe.share
        )

    def _enter_phase(self) -> None:
        """Open the sources of the phase that the next epoch belongs to, unless they are open."""
        phase = [p for p in self.phases if p.first <= self.position.epoch][-1]
        if phase is self._phase:
            return
        self.network.freeze(phase.frozen)
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
            self.reporter.header()
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
        """Whether all epochs are done, or patience has run out."""
        done, patience = self.position.epoch, self.recipe.patience
        return done >= self.epochs or bool(patience and done - self.position.best_epoch >= patience)

    def fit(self) -> Position:
        """Train to the end.

        Raises:
            KeyboardInterrupt: after Ctrl-C, when the checkpoint is written.
            UserError: if the loss is not finite any more.
        """
        while not self.finished:
            self._enter_phase()
            with _stop_on_interrupt() as stop:
                if not self.run.checkpoint.exists():  # if there is no room for it, better known now
                    self._save()
                self._counted = time.monotonic()
                self._train_epoch(stop)
                self._finish_epoch(stop)
                if stop.asked and not self.finished:
                    self._interrupt_or_save(stop)
        return self.position

    def _count_seconds(self) -> None:
        now = time.monotonic()
        self.position.seconds += now - self._counted
        self._counted = now

    def _train_epoch(self, stop: _Stop) -> None:
        epoch, position = self.position.epoch, self.position
        keys = self._epoch_keys(epoch)[position.step :]
        self.network.train()
        self.reporter.begin(
            f"epoch {epoch + 1}/{self.epochs}",
            position.images + sum(map(len, keys)),
            position.images,
        )
        for batch_keys, batch in zip(
            keys, batches(self.train.dataset, keys, self.train.workers), strict=True
        ):
            terms = self._step(batch, batch_keys)
            size = len(batch_keys)
            for name, value in terms.items():
                position.sums[name] = position.sums.get(name, 0.0) + value * size
            position.images += size
            position.step += 1
            self._count_seconds()
            self.reporter.advance(size, loss_line(terms))
            if stop.asked or time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                self._interrupt_or_save(stop)

    def _save(self) -> None:
        save_checkpoint(self.run.checkpoint, self.state, self.position)
        self._saved = time.monotonic()

    def _interrupt_or_save(self, stop: _Stop) -> None:
        self._save()
        if stop.asked:
            self.reporter.interrupted(self.run.path)
            raise KeyboardInterrupt

    def _step(self, batch: Batch, keys: list[Key]) -> dict[str, float]:
        """One optimiser step; returns the loss terms."""
        terms = self._terms(batch, keys)
        values = {name: value.item() for name, value in terms.items()}
        if not math.isfinite(values["loss"]):
            images = ", ".join(str(self.train.samples[i].image) for _, i in keys[:4])
            kept = f"; the last good weights are {self.run.last}" if self.position.epoch else ""
            raise UserError(
                f"the loss is {values['loss']} in epoch {self.position.epoch + 1}, "
                f"step {self.position.step + 1} ({images}, …): training stopped",
                f"lower the rate (--lr {self.recipe.lr / 3:.2g}){kept}",
                ExitCode.FAILURE,
            )
        self.state.optimizer.zero_grad()
        terms["loss"].backward()
        clip_gradient(self.network, self.recipe.clip)
        self.state.optimizer.step()
        self.state.schedule.step()
        if isinstance(self.state.average, AveragedModel):
            self.state.average.update_parameters(self.network)
        return values

    def _terms(self, batch: Batch, keys: list[Key]) -> dict[str, Tensor]:
        """The loss of a batch and its terms."""
        (inputs, *activations), targets = self._varied(batch, keys)
        target = self.grid.encode(targets, self.network.config.image_size).to(self.device)
        terms: dict[str, Tensor]
        if self.distillation is None:
            raw = self._forward(self.network, inputs, self.train.start)
            terms = self.criterion(raw, target)
            return terms
        answer = self.distillation.ask(activations[0])
        with self._autocast():
            start = self.train.start
            mine = self.distillation.run(self.network, self._ready(inputs, start), start)
        terms = {**self.criterion(mine.raw, target), **self.distillation(mine, answer)}
        terms["loss"] = terms["loss"] + terms["soft"] + terms["hint"]
        return terms

    def _varied(self, batch: Batch, keys: list[Key]) -> tuple[list[Tensor], list[Target]]:
        """A batch, with the teacher's activations if there is one.

        What comes from a cache is put together anew; images that are fresh stay as they are.
        """
        inputs, targets = batch
        forms = [inputs]
        if self.train.teacher is not None:
            forms.append(torch.stack([self.train.teacher[key][0] for key in keys]))
        if not self.train.copies or not self.recipe.patchwork:
            return forms, targets
        rng = np.random.default_rng((self.recipe.seed, *keys[0], 0x9A7C))
        return patchwork(forms, targets, self.network.config.image_size, self.recipe.patchwork, rng)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def _forward(self, network: Network, inputs: Tensor, start: int) -> Tensor:
        with self._autocast():
            result: Tensor = network(self._ready(inputs, start), start)
        return result

    def _ready(self, inputs: Tensor, start: int) -> Tensor:
        """Images, or with ``start`` activations, on the device and in the form that it likes."""
        inputs = inputs.to(self.device)
        if start == 0:
            return inputs.contiguous(memory_format=torch.channels_last)
        return inputs.to(self.dtype)

    def _finish_epoch(self, stop: _Stop) -> None:
        """Validate if it is time to, keep weights, write the row and the checkpoint.

        Args:
            stop: whether Ctrl-C has been pressed.
        """
        position = self.position
        trained = position.seconds - (position.history[-1]["seconds"] if position.history else 0.0)
        self._keep_to_budget()
        score, shift = self._validated(stop)
        self._count_seconds()
        position.epoch += 1
        mean_ap = math.nan if score is None else 0.0 if math.isnan(score.mean_ap) else score.mean_ap
        best = mean_ap > position.best
        if best:
            position.best, position.best_epoch = mean_ap, position.epoch
        row = {
            "epoch": float(position.epoch),
            "lr": self.state.optimizer.param_groups[0]["lr"],
            **{name: value / position.images for name, value in position.sums.items()},
            "map": mean_ap,
            "images_per_second": position.images / max(trained, 1e-9),
            "seconds": position.seconds,
        }
        position.history.append(row)
        position.step, position.images, position.sums = 0, 0, {}
        if score is not None:
            self._write(row, shift, best=best)
        self.reporter.epoch(row, self.epochs, best=best)

    def _validated(self, stop: _Stop) -> tuple[VocScore | None, float]:
        """As :meth:`validate`, after this epoch; None where it is not due."""
        done = self.position.epoch + 1
        if done % self.recipe.validate_every and done < self.epochs:
            return None, 0.0
        return self.validate(lambda: self._interrupt_or_save(stop) if stop.asked else None)

    def _keep_to_budget(self) -> None:
        """Correct the number of epochs where the measured speed is not what was planned."""
        if self.budget is None or self._phase is not self.phases[-1]:
            return
        done = self.position.epoch + 1
        count = min(done - self._phase.first, 2 * self.recipe.validate_every)
        ends = [0.0, *(row["seconds"] for row in self.position.history)]
        each = (self.position.seconds - ends[-count]) / count
        self._plan_epochs(done, each)

    def _plan_epochs(self, done: int, seconds: float) -> None:
        """After ``done`` epochs, do as many more, of ``seconds`` each, as there is time for."""
        assert self.budget is not None
        epochs = self.budget.epochs(done, self.epochs, seconds)
        if epochs != self.epochs:
            self.reporter.note(f"plan      {counted(epochs, 'epoch')} instead of {self.epochs}")
            self.position.epochs = epochs

    def _write(self, row: dict[str, float], shift: float, *, best: bool) -> None:
        """Weights first, the checkpoint last: what it says is on disk is there."""
        info = {
            **self.info,
            "epoch": int(row["epoch"]),
            "minutes": round(row["seconds"] / 60, 1),
            "val": {"voc07": {"mAP": round(row["map"], 2)}},
        }
        network = calibrated(self.averaged, shift)
        save_weights(self.run.last, network, info)
        if best:
            save_weights(self.run.best, network, info)
        self.run.write_history(self.position.history)
        self._save()

    def validate(self, after_batch: Callable[[], None] = lambda: None) -> tuple[VocScore, float]:
        """The VOC07 score of the network that is kept, on the validation source.

        Returns:
            The score, and the shift of confidence with which it is reached and the network kept.
        """
        network, config = self.averaged.eval(), self.network.config
        keys = in_order(len(self.val), batch=self.recipe.batch)
        self.reporter.begin("validation", len(self.val))
        outputs: list[tuple[Tensor, list[tuple[int, int]]]] = []
        detections: list[Detection] = []
        with torch.inference_mode():
            for part, (inputs, _) in zip(
                keys, batches(self.val.dataset, keys, self.val.workers), strict=True
            ):
                raw = self._forward(network, inputs, self.val.start)
                samples = [self.val.samples[i] for _, i in part]
                sizes = [(s.width, s.height) for s in samples]
                outputs.append((raw, sizes))
                detections += postprocess(raw, self.grid, sizes, EVAL)
                self.reporter.advance(len(part))
                after_batch()
            self.reporter.end()
            score = evaluate_voc(self.val.samples, detections, config.classes)
            shift = confidence_shift(config, score)
            if shift:
                detections = [
                    detection
                    for raw, sizes in outputs
                    for detection in postprocess(
                        shifted(raw, config, shift), self.grid, sizes, EVAL
                    )
                ]
                score = evaluate_voc(self.val.samples, detections, config.classes)
        return score, shift
