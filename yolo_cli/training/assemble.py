"""From everything that is decided of a run to its trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.loader import TrainingImages
from yolo_cli.data.sample import Dataset
from yolo_cli.data.splits import TrainingSplits
from yolo_cli.model.network import Network
from yolo_cli.tasks.task import Task, task_of
from yolo_cli.text import counted
from yolo_cli.training.budget.clock import Budget
from yolo_cli.training.cache.features import default_cache_folder
from yolo_cli.training.cache.opener import SourceOpener
from yolo_cli.training.decide import Decision, Stage
from yolo_cli.training.distill import Distillation
from yolo_cli.training.machine import Machine
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.ranks import ALONE, Ranks
from yolo_cli.training.record import weights_record
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.run.folder import RunFolder
from yolo_cli.training.same import check_shared
from yolo_cli.training.source import Phase, Source
from yolo_cli.training.teacher import load_teacher
from yolo_cli.training.trainer import Trainer


@dataclass(frozen=True)
class Run:
    """What a run has when everything is decided and nothing is trained.

    Attributes:
        options: what the user asked for.
        folder: of the run.
        machine: where it computes.
        splits: its images.
        decision: what it does.
        network: on the CPU.
        note: where the network's tensors are from.
        reporter: what the user sees.
        ranks: the processes that train together.
    """

    options: TrainOptions
    folder: RunFolder
    machine: Machine
    splits: TrainingSplits
    decision: Decision
    network: Network
    note: str
    reporter: Reporter
    ranks: Ranks = ALONE

    @property
    def task(self) -> Task:
        """What the network is for."""
        return task_of(self.network.config)


def _images(run: Run, dataset: Dataset, augmentation: Augmentation | None) -> TrainingImages:
    prepared = run.task.prepare(run.network.config, augmentation)
    return TrainingImages(dataset.samples, prepared, run.decision.recipe.seed)


def make_opener(run: Run) -> SourceOpener:
    """Return what opens the sources of a run; its network goes to its device."""
    return SourceOpener(
        run.network.to(run.machine.device),
        _images(run, run.splits.train, run.decision.recipe.augmentation),
        _images(run, run.splits.val, None),
        run.options.cache_dir or default_cache_folder(),
        run.machine,
        run.reporter,
        run.ranks,
    )


def make_teacher(run: Run, opener: SourceOpener) -> SourceOpener | None:
    """Return the same for the teacher of a run, if it has one."""
    if run.options.teacher is None:
        return None
    network = load_teacher(run.options.teacher, run.splits.train.classes)
    return replace(opener, network=network.to(run.machine.device))


def make_trainer(
    run: Run,
    opener: SourceOpener,
    teacher: SourceOpener | None,
    budget: Budget | None = None,
    settle: Callable[[int], None] = lambda _copies: None,
) -> Trainer:
    """Return the trainer of a run that is new or resumed.

    Raises:
        UserError: if several processes start from different things, or have too little to share.
    """
    check_shared(run.ranks, run.machine, run.network, run.splits, run.decision.recipe)
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
            Distillation(teacher.network, run.network, run.machine.dtype, run.ranks)
            if teacher
            else None
        ),
        ranks=run.ranks,
    )


def _introduce(run: Run) -> None:
    recipe, machine = run.decision.recipe, run.machine
    trained = sum(p.numel() for p in run.network.parameters() if p.requires_grad)
    images = counted(len(run.splits.train), "image")
    frozen = f"first {counted(recipe.freeze, 'block')} frozen" if recipe.freeze else "none frozen"
    processes = f", {run.ranks.size} processes" if run.ranks.size > 1 else ""
    run.reporter.note(f"network   {run.note}")
    run.reporter.note(
        f"training  {counted(recipe.epochs, 'epoch')} of {images}, "
        f"batch {recipe.batch}, {trained / 1e6:.1f} million parameters, {frozen}, "
        f"{machine.device.type} {str(machine.dtype).removeprefix('torch.')}{processes}"
    )
    run.reporter.note(f"run       {run.folder.path}")
