"""From the options of ``yolo train`` to a trainer that is ready to run."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision

import yolo_cli
from yolo_cli.data.dataset import open_dataset, refuse_inside
from yolo_cli.data.loader import TrainingImages
from yolo_cli.data.sample import Dataset
from yolo_cli.data.splits import TrainingSplits, training_splits
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import check_folder
from yolo_cli.model.network import Network
from yolo_cli.model.runtime import pick_device, pick_dtype
from yolo_cli.model.weights import weights_path
from yolo_cli.tasks.networks import build_network, load_weights
from yolo_cli.tasks.task import task_of
from yolo_cli.tasks.transfer import transfer
from yolo_cli.text import counted, listed
from yolo_cli.training.budget.plan import SECOND_PHASE, Budget, Plan, Work, make_plan
from yolo_cli.training.budget.speed import measure_speed
from yolo_cli.training.cache.features import default_cache_folder
from yolo_cli.training.cache.opener import SourceOpener
from yolo_cli.training.defaults import choose_grid, choose_recipe
from yolo_cli.training.distill import Distillation
from yolo_cli.training.machine import Machine
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.preview import save_preview
from yolo_cli.training.recipe import RECIPES, Recipe
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.run.checkpoint import load_network, read_checkpoint
from yolo_cli.training.run.folder import RunFolder
from yolo_cli.training.source import Phase, Source
from yolo_cli.training.start import Start, start_network
from yolo_cli.training.trainer import Trainer


def prepare(
    options: TrainOptions, out: Path | None, reporter: Reporter, began: float | None = None
) -> Trainer:
    """Read the dataset, build the network, fill the cache, open the run folder.

    Args:
        options: what the user asked for.
        out: folder of the run; None to choose one.
        reporter: what the user sees.
        began: when a time budget began, by :func:`time.monotonic`; now unless told.

    Raises:
        UserError: for all that can be wrong with the dataset, the weights or the machine.
    """
    began = time.monotonic() if began is None else began
    machine = _machine(options)
    run = RunFolder.create(out)
    recipe = _named_recipe(options)
    splits = _read(options, recipe.seed, reporter)
    _stay_outside(options, splits, run)
    options = choose_grid(options, splits.train, reporter)
    torch.manual_seed(recipe.seed)
    start = start_network(options, splits.train.classes, recipe)
    recipe = choose_recipe(options, recipe, start, len(splits.train), machine.device)
    start.network.freeze(recipe.freeze)
    if options.recipe.get("copies") and not recipe.freeze and options.teacher is None:
        reporter.note("note      --copies: there is no use for them where no block is frozen")
    recipe = _with_second_phase(recipe)
    opener = _opener(options, machine, splits, recipe, start.network, reporter)
    teacher = _teacher(options, opener, splits, recipe)
    budget = None
    if options.time_budget is not None:
        budget = _plan(options, recipe, opener, began)
        recipe = _as_planned(recipe, budget.plan)
        reporter.note(f"plan      {budget.plan.line()}")
    save_preview(run.preview, opener.train, task_of(start.network.config), splits.train.classes)
    record = _record(options, recipe, start, splits)
    if budget is not None:
        record["plan"] = budget.plan.to_json()
    run.write_config(record)

    def settle(copies: int) -> None:
        """Write down how many copies were made in the time."""
        record["recipe"]["copies"] = copies
        run.write_config(record)

    return _trainer(opener, run, splits, recipe, start, teacher, budget, settle)


def prepare_resumed(folder: Path, reporter: Reporter, data: Path | None = None) -> Trainer:
    """As :func:`prepare`, for a run that was stopped, at whatever moment.

    Args:
        folder: of the run.
        reporter: what the user sees.
        data: where the dataset is now; None for where it was.

    Raises:
        UserError: as above, and if the folder holds no run or the dataset has changed since.
    """
    run, config = RunFolder.existing(folder)
    options, recipe = config.options, config.recipe
    if data is not None:
        options = replace(options, data=data)
    elif not options.data.exists():
        raise UserError(
            f"{options.data}: no such folder, and {folder} was trained on it",
            f"if it has moved: yolo train NEW-PLACE --resume {folder}",
        )
    machine = _machine(options)
    splits = _read(options, recipe.seed, reporter)
    for part, dataset, begun in (
        ("train", splits.train, config.train),
        ("validate", splits.val, config.val),
    ):
        same = [sample.id for sample in dataset.samples] == begun.images
        if not same or begun.digest not in ("", _digest(dataset)):
            what = "labels of the images" if same else "images"
            raise UserError(
                f"{options.data}: the {what} to {part} are not those that {folder} began with",
                f"put the dataset back as it was, or start a new run{_onwards(run)}",
            )
    checkpoint = read_checkpoint(run.checkpoint) if run.checkpoint.exists() else None
    if checkpoint is None and run.last.exists():
        raise UserError(
            f"{run.checkpoint}: missing, and without it the run cannot go on",
            f"put it back, or start a new run{_onwards(run)}",
        )
    torch.manual_seed(recipe.seed)
    if checkpoint is None:  # stopped while the cache was filled
        start = start_network(options, splits.train.classes, recipe)
    else:
        network = build_network(run.model(config))
        load_network(run.checkpoint, checkpoint, network)
        start = Start(network, config.start, pretrained=True)
    start.network.freeze(recipe.freeze)
    opener = _opener(options, machine, splits, recipe, start.network, reporter)
    teacher = _teacher(options, opener, splits, recipe)
    trainer = _trainer(opener, run, splits, recipe, start, teacher)
    if checkpoint is not None:
        trainer.resume(checkpoint)
        position = trainer.position
        if trainer.finished:
            epochs = counted(position.epoch, "epoch")
            reporter.note(f"finished  after {epochs}; there is nothing left to do")
        else:
            reporter.note(f"resumed   at epoch {position.epoch + 1}, step {position.step + 1}")
    return trainer


def _onwards(run: RunFolder) -> str:
    """The option with which another run takes up what this one has learned."""
    return f" with --weights {run.best}" if run.best.exists() else ""


def _stay_outside(options: TrainOptions, splits: TrainingSplits, run: RunFolder) -> None:
    """Refuse to write into the dataset, whose next reader would find our pictures in it."""
    folders = {options.data}
    if not options.data.is_dir():  # a file may describe a dataset that lies elsewhere
        samples = (*splits.train.samples, *splits.val.samples)
        folders = {sample.image.parent for sample in samples}
    refuse_inside(folders, run.path, "--out")
    if options.cache_dir is not None:
        refuse_inside(folders, options.cache_dir, "--cache-dir")
        check_folder(options.cache_dir, "--cache-dir")


def _with_second_phase(recipe: Recipe) -> Recipe:
    """Check the second phase, and choose when it begins if that was left open."""
    if not recipe.unfreeze:
        return recipe
    if recipe.unfreeze > recipe.freeze:
        raise UserError(
            f"--unfreeze {recipe.unfreeze}: only {counted(recipe.freeze, 'block')} are frozen",
            "give --freeze a larger number, or --unfreeze a smaller one",
            ExitCode.USAGE,
        )
    at = recipe.unfreeze_at or round(recipe.epochs * SECOND_PHASE)  # a budget's plan counts anew
    return recipe.with_options(unfreeze_at=max(1, at))


def _plan(options: TrainOptions, recipe: Recipe, opener: SourceOpener, began: float) -> Budget:
    """Copies and epochs that fit into the time that is left."""
    assert options.time_budget is not None
    if "epochs" in options.recipe:
        raise UserError(
            "--time-budget plans the epochs itself",
            "leave out --epochs, or give --epochs and --copies instead of the budget",
            ExitCode.USAGE,
        )
    cached = recipe.freeze and recipe.copies
    ready, val_ready = opener.ready() if cached else (0, 0)
    on_cpu = opener.machine.device.type == "cpu"
    val_cached = recipe.freeze and (recipe.copies or on_cpu)
    work = Work(
        images=len(opener.train),
        val_images=len(opener.val),
        copies=options.recipe.get("copies") if recipe.freeze else 0,
        ready=ready,
        val_missing=len(opener.val) - val_ready if val_cached else 0,
        unfreeze=bool(recipe.unfreeze),
        unfreeze_at=options.recipe.get("unfreeze_at", 0),
    )
    speed = measure_speed(opener.network, opener.train, recipe, opener.machine)
    used = time.monotonic() - began
    plan = make_plan(options.time_budget, speed, work, used=used)
    return Budget(plan, began + options.time_budget)


def _as_planned(recipe: Recipe, plan: Plan) -> Recipe:
    return recipe.with_options(
        copies=plan.copies,
        epochs=plan.epochs,
        share=plan.share,
        validate_every=plan.validate_every,
        unfreeze_at=plan.unfreeze_at,
        patience=0,  # the time is there to be used
    )


def _machine(options: TrainOptions) -> Machine:
    device = pick_device(options.device)
    return Machine(device, pick_dtype(options.precision, device), options.workers)


def _images(dataset: Dataset, recipe: Recipe, network: Network) -> TrainingImages:
    prepare = task_of(network.config).prepare(network.config, recipe.augmentation)
    return TrainingImages(dataset.samples, prepare, recipe.seed)


def _opener(
    options: TrainOptions,
    machine: Machine,
    splits: TrainingSplits,
    recipe: Recipe,
    network: Network,
    reporter: Reporter,
) -> SourceOpener:
    return SourceOpener(
        network.to(machine.device),
        _images(splits.train, recipe, network),
        _images(splits.val, replace(recipe, augmentation=None), network),
        options.cache_dir or default_cache_folder(),
        machine,
        reporter,
    )


def _trainer(
    opener: SourceOpener,
    run: RunFolder,
    splits: TrainingSplits,
    recipe: Recipe,
    start: Start,
    teacher: SourceOpener | None,
    budget: Budget | None = None,
    settle: Callable[[int], None] = lambda _copies: None,
) -> Trainer:
    """The trainer of a run that is new or resumed; fills the cache if one is wanted."""
    _introduce(opener.reporter, run, start, recipe, len(splits.train), opener.machine)

    def open_first() -> tuple[Source, Source]:
        if teacher is not None:
            return opener.open_with_teacher(teacher, recipe.copies)
        train, val = opener.open(recipe.copies, budget)
        if train.copies != recipe.copies and train.copies:
            settle(train.copies)
        return train, val

    phases = [Phase(0, recipe.freeze, open_first)]
    if recipe.unfreeze:
        phases.append(
            Phase(recipe.unfreeze_at, recipe.freeze - recipe.unfreeze, partial(opener.open, 0))
        )
    data = {
        "name": splits.train.root.resolve().name,
        "train": len(splits.train),
        "val": len(splits.val),
    }
    info = {
        "data": data,
        "recipe": recipe.to_json(),
        "start": start.note,
        "yolo_cli": yolo_cli.__version__,
    }
    return Trainer(
        opener.network,
        recipe,
        phases,
        images=len(splits.train),
        counts=_counts(splits.train),
        run=run,
        dtype=opener.machine.dtype,
        reporter=opener.reporter,
        info=info,
        budget=budget,
        distillation=(
            Distillation(teacher.network, opener.network, opener.machine.dtype)
            if teacher is not None
            else None
        ),
    )


def _teacher(
    options: TrainOptions, opener: SourceOpener, splits: TrainingSplits, recipe: Recipe
) -> SourceOpener | None:
    """The teacher that was asked for, its backbone frozen."""
    if options.teacher is None:
        return None
    if recipe.unfreeze or not recipe.copies or options.time_budget is not None:
        raise UserError(
            "--teacher: learning from it has one phase, on --copies of each image",
            "leave out --unfreeze, --time-budget and --copies 0",
            ExitCode.USAGE,
        )
    path = weights_path(options.teacher)
    weights = load_weights(path)
    classes = splits.train.classes
    if set(weights.config.classes) != set(classes):
        raise UserError(
            f"--teacher {path}: knows other classes than the dataset",
            "train the teacher on this dataset first",
        )
    network = build_network(replace(weights.config, classes=classes))
    transfer(network, weights.tensors, weights.config)
    network.freeze(network.backbone.blocks)
    return replace(opener, network=network.to(opener.machine.device))


def _read(options: TrainOptions, seed: int, reporter: Reporter) -> TrainingSplits:
    splits = training_splits(
        open_dataset(options.data, format=options.format, skip_bad=options.skip_bad),
        train=options.train_split,
        val=options.val_split,
        seed=seed,
    )
    reporter.note(f"data      {options.data} ({splits.train.format}): {splits.note}")
    for line in (*splits.train.skipped, *splits.val.skipped):
        reporter.note(f"skipped   {line}")
    if not _counts(splits.train).any():
        raise UserError(
            f"{options.data}: no objects to train on in {counted(len(splits.train), 'image')} "
            f"({splits.train.split})",
            "label some, or name another split with --split",
        )
    _point_out(splits, reporter)
    return splits


def _point_out(splits: TrainingSplits, reporter: Reporter) -> None:
    """What may be meant so, and may be a mistake."""
    train = splits.train
    empty = sum(len(sample.labels) == 0 for sample in train.samples)
    if empty:
        reporter.note(
            f"note      {empty} of {counted(len(train), 'training image')} "
            "without an object: taken as background"
        )
    idle = [name for name, n in zip(train.classes, _counts(train), strict=True) if not n]
    if idle:
        reporter.note(f"note      no object to train on: {listed(idle)}")
    if not _counts(splits.val).any():
        reporter.note("note      no object in the validation images: their mAP will stay 0")


def _counts(dataset: Dataset) -> torch.Tensor:
    """``[C]`` objects of each class that count, in training as in scoring."""
    labels = [s.labels[~(s.difficult | s.crowd)] for s in dataset.samples]
    every = torch.from_numpy(np.concatenate([np.zeros(0, dtype=np.int64), *labels]))
    return torch.bincount(every, minlength=len(dataset.classes))


def _named_recipe(options: TrainOptions) -> Recipe:
    recipe = RECIPES.get(options.recipe_name)
    if recipe is None:
        raise UserError(
            f"--recipe {options.recipe_name}: unknown",
            f"use {' or '.join(RECIPES)}",
            ExitCode.USAGE,
        )
    if not options.augment:
        recipe = replace(recipe, augmentation=None)
    return recipe.with_options(**options.recipe)


def _introduce(
    reporter: Reporter,
    run: RunFolder,
    start: Start,
    recipe: Recipe,
    images: int,
    machine: Machine,
) -> None:
    trained = sum(p.numel() for p in start.network.parameters() if p.requires_grad)
    reporter.note(f"network   {start.note}")
    frozen = f"first {counted(recipe.freeze, 'block')} frozen" if recipe.freeze else "none frozen"
    reporter.note(
        f"training  {counted(recipe.epochs, 'epoch')} of {counted(images, 'image')}, "
        f"batch {recipe.batch}, {trained / 1e6:.1f} million parameters, {frozen}, "
        f"{machine.device.type} {str(machine.dtype).removeprefix('torch.')}"
    )
    reporter.note(f"run       {run.path}")


def _record(
    options: TrainOptions, recipe: Recipe, start: Start, splits: TrainingSplits
) -> dict[str, Any]:
    """``config.json``: everything that the run was started with."""
    return {
        "yolo_cli": yolo_cli.__version__,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "command": sys.argv[1:],
        "options": options.to_json(),
        "model": start.network.config.to_json(),
        "recipe": recipe.to_json(),
        "start": start.note,
        "split": splits.note,
        "train": _record_images(splits.train),
        "val": _record_images(splits.val),
    }


def _record_images(dataset: Dataset) -> dict[str, Any]:
    return {
        "root": str(dataset.root.resolve()),
        "format": dataset.format,
        "split": dataset.split,
        "images": [sample.id for sample in dataset.samples],
        "digest": _digest(dataset),
        "skipped": list(dataset.skipped),
    }


def _digest(dataset: Dataset) -> str:
    """Changes with every label, and with an image's size in pixels or bytes."""
    digest = hashlib.sha256()
    for sample in dataset.samples:
        size = f"{sample.width}x{sample.height}, {sample.image.stat().st_size}"
        digest.update(f"{sample.id}: {size}\n".encode(errors="surrogatepass"))
        for array in (sample.boxes, sample.labels, sample.difficult, sample.crowd, sample.area):
            digest.update(array.tobytes())
    return digest.hexdigest()
