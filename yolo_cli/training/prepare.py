"""From the options of ``yolo train`` to a trainer that is ready to run.

Downwards: the dataset is read, everything is decided, the network is built, the sources are named,
and the trainer opens them when it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.loader import TrainingImages
from yolo_cli.data.sample import Dataset
from yolo_cli.data.splits import TrainingSplits
from yolo_cli.errors import UserError
from yolo_cli.model.network import Network
from yolo_cli.tasks.networks import build_network
from yolo_cli.tasks.task import Task, task_named, task_of
from yolo_cli.text import counted
from yolo_cli.training.budget.clock import Budget
from yolo_cli.training.budget.estimate import estimate_speed
from yolo_cli.training.budget.speed import measure_speed
from yolo_cli.training.cache.features import default_cache_folder
from yolo_cli.training.cache.opener import SourceOpener
from yolo_cli.training.decide import Decision, Facts, Measured, Stage, decide, named_recipe
from yolo_cli.training.distill import Distillation
from yolo_cli.training.machine import Machine
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.preview import save_preview
from yolo_cli.training.read import check_unchanged, read_splits, stay_outside
from yolo_cli.training.record import run_record, weights_record
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.run.checkpoint import load_network, read_checkpoint
from yolo_cli.training.run.config import RunConfig
from yolo_cli.training.run.folder import RunFolder
from yolo_cli.training.source import Phase, Source
from yolo_cli.training.start import find_start, start_network
from yolo_cli.training.teacher import load_teacher
from yolo_cli.training.trainer import Trainer

SURE = 0.8  # of an estimated time that is needed at least: what is refused at once is hopeless


@dataclass(frozen=True)
class _Run:
    """What a run has when everything is decided and nothing is trained."""

    options: TrainOptions
    folder: RunFolder
    machine: Machine
    splits: TrainingSplits
    decision: Decision
    network: Network
    note: str
    reporter: Reporter

    @property
    def task(self) -> Task:
        return task_of(self.network.config)


def prepare(
    options: TrainOptions, out: Path | None, reporter: Reporter, began: float | None = None
) -> Trainer:
    """Read the dataset, decide, build the network, open the run folder.

    Args:
        options: what the user asked for.
        out: folder of the run; None to choose one.
        reporter: what the user sees.
        began: when a time budget began, by :func:`time.monotonic`; None for now.

    Raises:
        UserError: for all that can be wrong with the dataset, the weights or the machine.
    """
    began = time.monotonic() if began is None else began
    machine = Machine.pick(options.device, options.precision, options.workers)
    folder = RunFolder.choose(out)
    seed = named_recipe(options).seed
    splits = read_splits(options, options.task, seed, reporter, begun=None)
    task = task_named(splits.train.task)
    stay_outside(options, splits, folder)
    start = find_start(options)
    facts = Facts(
        images=len(splits.train),
        val_images=len(splits.val),
        object_size=task.typical_size(splits.train),
        arch=start.arch,
        pretrained=start.pretrained,
        device=machine.device.type,
        task=task.name,
    )
    decision = decide(options, facts)
    _say(decision, reporter)
    torch.manual_seed(seed)
    network, note = start_network(
        start, options, task, splits.train.classes, decision.recipe, decision.grid
    )
    options = replace(options, grid=decision.grid)
    network.freeze(decision.recipe.freeze)
    run = _Run(options, folder, machine, splits, decision, network, note, reporter)
    opener = _opener(run).with_runtime()
    facts = replace(facts, runtime=opener.machine.runtime)
    run = replace(run, machine=opener.machine)
    teacher = _teacher(run, opener)
    budget = None
    if options.time_budget is not None:
        decision = _planned(run, facts, opener, began)
        _say(decision, reporter)
        run = replace(run, decision=decision)
        assert decision.plan is not None
        budget = Budget(decision.plan, began + options.time_budget)
    folder.claim()
    with folder.held_until_released():
        folder.refuse_taken()  # another run may have begun there meanwhile
        save_preview(folder.preview, opener.train, run.task, splits.train.classes)
        record = run_record(options, facts, decision, network.config, note, splits)
        folder.write_config(record)
        return _trainer(run, opener, teacher, budget, partial(_settle_copies, folder, record))


def prepare_resumed(folder: Path, reporter: Reporter, data: Path | None = None) -> Trainer:
    """Do as :func:`prepare`, for a run that was stopped, at whatever moment.

    Args:
        folder: of the run.
        reporter: what the user sees.
        data: where the dataset is now; None for where it was.

    Raises:
        UserError: as above, and if the folder holds no run or the dataset has changed since.
    """
    run_folder, config = RunFolder.existing(folder)
    with run_folder.held_until_released():
        return _prepare_resumed(run_folder, config, reporter, data)


def _prepare_resumed(
    run_folder: RunFolder, config: RunConfig, reporter: Reporter, data: Path | None
) -> Trainer:
    options = _options(config, run_folder.path, data)
    machine = Machine.pick(options.device, options.precision, options.workers)
    machine = replace(machine, runtime=config.facts.runtime)
    model = run_folder.model(config)
    task = task_of(model)
    splits = read_splits(options, task.name, config.recipe.seed, reporter, begun=config)
    check_unchanged(options, run_folder, config, splits)
    checkpoint = _checkpoint(run_folder)
    decision = decide(options, config.facts, settled=config.recipe)
    torch.manual_seed(decision.recipe.seed)
    if checkpoint is None:  # stopped while the cache was filled
        start, classes = find_start(options), splits.train.classes
        network, note = start_network(start, options, task, classes, decision.recipe, decision.grid)
    else:
        network, note = build_network(model), config.start
        load_network(run_folder.checkpoint, checkpoint, network)
    network.freeze(decision.recipe.freeze)
    run = _Run(options, run_folder, machine, splits, decision, network, note, reporter)
    opener = _opener(run)
    trainer = _trainer(run, opener, _teacher(run, opener))
    if checkpoint is not None:
        trainer.resume(checkpoint)
        _say_where(trainer, reporter)
    return trainer


def _say(decision: Decision, reporter: Reporter) -> None:
    for line in decision.lines:
        reporter.note(line)


def _say_where(trainer: Trainer, reporter: Reporter) -> None:
    position = trainer.position
    if trainer.finished:
        epochs = counted(position.epoch, "epoch")
        reporter.note(f"finished  after {epochs}; there is nothing left to do")
    else:
        reporter.note(f"resumed   at epoch {position.epoch + 1}, step {position.step + 1}")


def _options(config: RunConfig, folder: Path, data: Path | None) -> TrainOptions:
    options = config.options
    if data is not None:
        return replace(options, data=data)
    if not options.data.exists():
        raise UserError(
            f"{options.data}: no such folder, and {folder} was trained on it",
            f"if it has moved: yolo train NEW-PLACE --resume {folder}",
        )
    return options


def _checkpoint(run: RunFolder) -> dict[str, Any] | None:
    """Read the checkpoint; None for a run that has not begun to train."""
    if run.checkpoint.exists():
        return read_checkpoint(run.checkpoint)
    if run.last.exists():
        raise UserError(
            f"{run.checkpoint}: missing, and without it the run cannot go on",
            f"put it back, or start a new run{run.onwards()}",
        )
    return None


def _settle_copies(folder: RunFolder, record: dict[str, Any], copies: int) -> None:
    """Write down how many copies were made in the time."""
    record["recipe"]["copies"] = copies
    folder.write_config(record)


def _planned(run: _Run, facts: Facts, opener: SourceOpener, began: float) -> Decision:
    """Decide on a time budget: by an estimate that refuses the hopeless, then by measurement."""
    recipe = run.decision.recipe
    ready = opener.ready() if recipe.freeze and recipe.copies else (0, 0)

    def used() -> float:
        return time.monotonic() - began

    guess = estimate_speed(opener.network, recipe, run.machine).times(SURE)
    decide(run.options, facts, measured=Measured(guess, used(), *ready))
    speed = measure_speed(opener.network, opener.train, recipe, run.machine)
    return decide(run.options, facts, measured=Measured(speed, used(), *ready))


def _images(run: _Run, dataset: Dataset, augmentation: Augmentation | None) -> TrainingImages:
    prepared = run.task.prepare(run.network.config, augmentation)
    return TrainingImages(dataset.samples, prepared, run.decision.recipe.seed)


def _opener(run: _Run) -> SourceOpener:
    return SourceOpener(
        run.network.to(run.machine.device),
        _images(run, run.splits.train, run.decision.recipe.augmentation),
        _images(run, run.splits.val, None),
        run.options.cache_dir or default_cache_folder(),
        run.machine,
        run.reporter,
    )


def _teacher(run: _Run, opener: SourceOpener) -> SourceOpener | None:
    if run.options.teacher is None:
        return None
    network = load_teacher(run.options.teacher, run.splits.train.classes)
    return replace(opener, network=network.to(run.machine.device))


def _trainer(
    run: _Run,
    opener: SourceOpener,
    teacher: SourceOpener | None,
    budget: Budget | None = None,
    settle: Callable[[int], None] = lambda _copies: None,
) -> Trainer:
    """Return the trainer of a run that is new or resumed."""
    _introduce(run)

    def open_stage(stage: Stage) -> tuple[Source, Source]:
        if teacher is not None:
            return opener.open_with_teacher(teacher, stage.copies)
        train, val = opener.open(stage.copies, budget)
        if train.copies != stage.copies and train.copies:
            settle(train.copies)
        return train, val

    stages = run.decision.stages
    return Trainer(
        run.network,
        run.decision.recipe,
        [Phase(stage.first, stage.frozen, partial(open_stage, stage)) for stage in stages],
        images=len(run.splits.train),
        counts=run.task.counts(run.splits.train),
        run=run.folder,
        machine=run.machine,
        reporter=run.reporter,
        info=weights_record(run.decision, run.note, run.splits),
        budget=budget,
        distillation=(
            Distillation(teacher.network, run.network, run.machine.dtype) if teacher else None
        ),
    )


def _introduce(run: _Run) -> None:
    recipe, machine = run.decision.recipe, run.machine
    trained = sum(p.numel() for p in run.network.parameters() if p.requires_grad)
    images = counted(len(run.splits.train), "image")
    frozen = f"first {counted(recipe.freeze, 'block')} frozen" if recipe.freeze else "none frozen"
    run.reporter.note(f"network   {run.note}")
    run.reporter.note(
        f"training  {counted(recipe.epochs, 'epoch')} of {images}, "
        f"batch {recipe.batch}, {trained / 1e6:.1f} million parameters, {frozen}, "
        f"{machine.device.type} {str(machine.dtype).removeprefix('torch.')}"
    )
    run.reporter.note(f"run       {run.folder.path}")
