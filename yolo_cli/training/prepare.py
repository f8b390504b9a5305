"""From the options of ``yolo train`` to a trainer that is ready to run.

Downwards: the dataset is read, everything is decided, the network is built, the sources are named,
and the trainer opens them when it runs.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from yolo_cli.data.splits import TrainingSplits
from yolo_cli.errors import UserError
from yolo_cli.tasks.networks import build_network
from yolo_cli.tasks.task import Task, task_named, task_of
from yolo_cli.text import counted
from yolo_cli.training.assemble import Run, make_opener, make_teacher, make_trainer
from yolo_cli.training.budget.clock import Budget
from yolo_cli.training.budget.estimate import estimate_speed
from yolo_cli.training.budget.speed import measure_speed
from yolo_cli.training.cache.opener import SourceOpener
from yolo_cli.training.decide import Decision, Facts, Measured, decide, named_recipe
from yolo_cli.training.machine import Machine
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.preview import save_preview
from yolo_cli.training.ranks import ALONE, Ranks, cores
from yolo_cli.training.read import check_unchanged, read_splits, stay_outside
from yolo_cli.training.record import run_record
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.run.checkpoint import load_network, read_checkpoint
from yolo_cli.training.run.config import RunConfig
from yolo_cli.training.run.folder import RunFolder
from yolo_cli.training.same import check_batches
from yolo_cli.training.start import Start, find_start, start_network
from yolo_cli.training.trainer import Trainer

SURE = 0.8  # of an estimated time that is needed at least: what is refused at once is hopeless


def prepare(
    options: TrainOptions,
    out: Path | None,
    reporter: Reporter,
    began: float | None = None,
    ranks: Ranks = ALONE,
) -> Trainer:
    """Read the dataset, decide, build the network, open the run folder.

    Args:
        options: what the user asked for.
        out: folder of the run; None to choose one.
        reporter: what the user sees.
        began: when a time budget began, by :func:`time.monotonic`; None for now.
        ranks: the processes that train together; the others do as the first decides.

    Raises:
        UserError: for all that can be wrong with the dataset, the weights or the machine.
    """
    began = time.monotonic() if began is None else began
    machine = _machine(options, ranks)
    if not ranks.first:
        return _follow(options, reporter, ranks)
    _warn(machine, reporter, ranks)
    folder = RunFolder.choose(out)
    seed = named_recipe(options).seed
    splits = read_splits(options, options.task, seed, reporter, begun=None)
    task = task_named(splits.train.task)
    stay_outside(options, splits, folder)
    start = find_start(options, task)
    facts = _facts(splits, start, machine)
    decision = decide(options, facts)
    _say(decision, reporter)
    options, start = _with_grid(options, start, decision, task)
    torch.manual_seed(seed)
    network, note = start_network(
        start, options, task, splits.train.classes, decision.recipe, decision.grid
    )
    network.freeze(decision.recipe.freeze)
    run = Run(options, folder, machine, splits, decision, network, note, reporter, ranks)
    opener = make_opener(run).with_runtime()
    facts = replace(facts, runtime=opener.machine.runtime)
    run = replace(run, machine=opener.machine)
    teacher = make_teacher(run, opener)
    budget = None
    if options.time_budget is not None:
        decision = _planned(run, facts, opener, began)
        _say(decision, reporter)
        run = replace(run, decision=decision)
        assert decision.plan is not None
        budget = Budget(decision.plan, began + options.time_budget)
    check_batches(len(splits.train), decision.recipe, ranks.size)
    folder.claim()
    with folder.held_until_released():
        folder.refuse_taken()  # another run may have begun there meanwhile
        save_preview(folder.preview, opener.train, run.task, splits.train.classes)
        record = run_record(options, facts, decision, network.config, note, splits)
        folder.write_config(record)
        _tell(ranks, folder, None)
        return make_trainer(run, opener, teacher, budget, partial(_settle_copies, folder, record))


def _with_grid(
    options: TrainOptions, start: Start, decision: Decision, task: Task
) -> tuple[TrainOptions, Start]:
    """Write the grid that was chosen into the options; it may have embedded weights of its own."""
    if decision.grid == options.grid:
        return options, start
    options = replace(options, grid=decision.grid)
    return options, find_start(options, task)


def _facts(splits: TrainingSplits, start: Start, machine: Machine) -> Facts:
    task = task_named(splits.train.task)
    return Facts(
        images=len(splits.train),
        val_images=len(splits.val),
        object_size=task.typical_size(splits.train),
        arch=start.arch,
        pretrained=start.pretrained,
        device=machine.device.type,
        task=task.name,
    )


def prepare_resumed(
    folder: Path, reporter: Reporter, data: Path | None = None, ranks: Ranks = ALONE
) -> Trainer:
    """Do as :func:`prepare`, for a run that was stopped, at whatever moment.

    Args:
        folder: of the run.
        reporter: what the user sees.
        data: where the dataset is now; None for where it was.
        ranks: the processes that train together, as many as you like.

    Raises:
        UserError: as above, and if the folder holds no run or the dataset has changed since.
    """
    if not ranks.first:
        return _follow(None, reporter, ranks, data)
    run_folder, config = RunFolder.existing(folder)
    with run_folder.held_until_released():
        options = _options(config, run_folder.path, data)
        _warn(_machine(options, ranks), reporter, ranks)
        checkpoint = _checkpoint(run_folder)
        _tell(ranks, run_folder, checkpoint)
        return _begun(options, run_folder, config, checkpoint, reporter, ranks)


def _tell(ranks: Ranks, folder: RunFolder, checkpoint: dict[str, Any] | None) -> None:
    """Tell the other processes what the first has decided or read, for :func:`_follow`."""
    if ranks.size > 1:
        ranks.agree((str(folder.path), folder.config.read_bytes(), checkpoint))


def _follow(
    options: TrainOptions | None, reporter: Reporter, ranks: Ranks, data: Path | None = None
) -> Trainer:
    """Do as the first process does, which alone chooses and writes.

    Args:
        options: of a new run; None for one that is resumed.
        reporter: silent.
        ranks: this process and the others.
        data: where the dataset of a resumed run is now.
    """
    nothing: tuple[str, bytes, dict[str, Any] | None] = ("", b"", None)
    path, text, checkpoint = ranks.agree(nothing)
    folder = RunFolder(Path(path))
    config = folder.parse(text)
    if options is None:
        options = _options(config, folder.path, data)
    options = replace(options, grid=config.options.grid)
    return _begun(options, folder, config, checkpoint, reporter, ranks)


def _machine(options: TrainOptions, ranks: Ranks) -> Machine:
    return Machine.pick(ranks.place(options.device), options.precision, options.workers)


def _begun(
    options: TrainOptions,
    run_folder: RunFolder,
    config: RunConfig,
    checkpoint: dict[str, Any] | None,
    reporter: Reporter,
    ranks: Ranks,
) -> Trainer:
    """Return the trainer of a run whose configuration is written."""
    machine = replace(_machine(options, ranks), runtime=config.facts.runtime)
    model = run_folder.model(config)
    task = task_of(model)
    splits = read_splits(options, task.name, config.recipe.seed, reporter, begun=config)
    if ranks.first:  # the others' are compared with its own
        check_unchanged(options, run_folder, config, splits)
    decision = decide(options, config.facts, settled=config.recipe)
    torch.manual_seed(decision.recipe.seed)
    if checkpoint is None:  # stopped while the cache was filled, or not begun
        start, classes = find_start(options, task), splits.train.classes
        network, note = start_network(start, options, task, classes, decision.recipe, decision.grid)
        if network.config != model:
            raise UserError(
                f"{run_folder.path}: the weights that the run began with are others now "
                f"({config.start.partition(':')[0]})",
                "put them back, or start a new run",
            )
    else:
        network, note = build_network(model), config.start
        load_network(run_folder.checkpoint, checkpoint, network)
    network.freeze(decision.recipe.freeze)
    run = Run(options, run_folder, machine, splits, decision, network, note, reporter, ranks)
    opener = make_opener(run)
    trainer = make_trainer(run, opener, make_teacher(run, opener))
    if checkpoint is not None:
        trainer.resume(checkpoint)
        _say_where(trainer, reporter)
    return trainer


def _warn(machine: Machine, reporter: Reporter, ranks: Ranks) -> None:
    """Say where there are more processes than a machine has room for."""
    cuda = machine.device.type == "cuda"
    count = torch.cuda.device_count() if cuda else cores()
    if ranks.local_size > max(count, 1):
        there = counted(count, "GPU" if cuda else "core")
        reporter.note(
            f"warning   {ranks.local_size} processes and {there}: they will wait for each other"
        )


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


def _planned(run: Run, facts: Facts, opener: SourceOpener, began: float) -> Decision:
    """Decide on a time budget: by an estimate that refuses the hopeless, then by measurement."""
    recipe = run.decision.recipe
    ready = opener.ready() if recipe.freeze and recipe.copies else (0, 0)

    def used() -> float:
        return time.monotonic() - began

    together = 1 / run.ranks.size  # measured by one, which has its share of the machine
    guess = estimate_speed(opener.network, recipe, run.machine).times(SURE * together)
    decide(run.options, facts, measured=Measured(guess, used(), *ready))
    speed = measure_speed(opener.network, opener.train, recipe, run.machine).times(together)
    return decide(run.options, facts, measured=Measured(speed, used(), *ready))
