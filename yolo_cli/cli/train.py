"""``yolo train``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from yolo_cli.cli import options
from yolo_cli.cli.console import silent, stderr
from yolo_cli.cli.early import check_network
from yolo_cli.cli.fields import with_fields
from yolo_cli.cli.several import (
    BEGAN,
    check_restarts,
    launch,
    restarted,
    started_by_torchrun,
    together,
)
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.training.budget.plan import parse_duration
from yolo_cli.training.field import checked, options_of
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.recipe import DEFAULT, Recipe

NO_FILE = ("default", "none", "imagenet")  # what --weights may be besides a file or a name


@with_fields(TrainOptions, Recipe)
def train(
    ctx: typer.Context,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA", help="Folder of the dataset, in a layout that --format names."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the run.", show_default="the next free runs/train-N"
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Go on with the run in this folder, to the same end; DATA only if it has moved.",
        ),
    ] = None,
    format: options.Format = None,  # noqa: A002  # the option's name
    skip_bad: options.SkipBad = False,
    *,
    time_budget: Annotated[
        str | None,
        typer.Option(
            metavar="10m",
            help="Plan copies and epochs to end within this time: 90s, 10m, 1h; 10 is 10m.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    nproc: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Processes that train together, each on a GPU or its share of the cores; "
            "torchrun starts them on several machines.",
            rich_help_panel=options.SPEED,
        ),
    ] = 1,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    **given: Any,
) -> None:
    """Train a network on a folder of labelled images: boxes, a folder a class, masks.

    [b]Examples[/b]
    yolo train DATA
    yolo train DATA --time-budget 10m
    yolo train DATA --epochs 60 --copies 4 --out runs/cats
    yolo train DATA --arch fast --epochs 200
    yolo train DATA --arch fast --teacher runs/train-1/best.safetensors
    yolo train DATA --nproc 4
    yolo train --resume runs/train-1
    """
    began = float(os.environ.get(BEGAN, time.monotonic()))
    stated = _stated(ctx)
    if resume is not None and not stated <= {"resume", "data", "nproc"}:
        raise UserError(
            "--resume goes on with a run as it began: leave out all other options",
            f"yolo train --resume {resume}",
            ExitCode.USAGE,
        )
    if resume is None and data is None:
        raise UserError("which dataset?", "yolo train DATA, or --resume RUN", ExitCode.USAGE)
    asked = None
    if data is not None and resume is None:
        changed = {one.name: given.pop(one.name) for one in options_of(Recipe)}
        asked = TrainOptions(
            data=data,
            format=format,
            skip_bad=skip_bad,
            recipe={name: value for name, value in changed.items() if name in stated},
            device=device,
            precision=precision,
            time_budget=parse_duration(time_budget) if time_budget is not None else None,
            **given,
        )
        _check(asked)  # now, rather than after seconds of imports

    if nproc > 1:
        if started_by_torchrun():
            raise UserError(
                "--nproc: torchrun has started the processes", "leave it out", ExitCode.USAGE
            )
        raise typer.Exit(launch(nproc, resume or out, resumed=resume is not None, began=began))
    if resume is None:
        check_restarts(out)
    if resume is None and out is not None and restarted() and (out / "config.json").exists():
        resume = out  # a process has died, and torchrun has started all again

    from yolo_cli.training.prepare import prepare, prepare_resumed
    from yolo_cli.training.reporter import Reporter

    with together(device) as ranks, Reporter(stderr() if ranks.first else silent()) as reporter:
        if resume is not None:
            trainer = prepare_resumed(resume, reporter, data if asked is None else None, ranks)
        else:
            assert asked is not None
            trainer = prepare(asked, out, reporter, began, ranks)
        position = trainer.fit()
        if not ranks.first:
            return
    score = f"{trainer.task.score_label} {position.best:.2f}"
    reporter.note(f"kept      {score} after epoch {position.best_epoch}: {trainer.run.best}")
    if position.kept:
        reporter.note(f"why       {position.kept}")
    reporter.note(f"next      yolo {trainer.task.name} IMAGES --weights {trainer.run.best}")


def _check(asked: TrainOptions) -> None:
    checked(asked)
    DEFAULT.with_options(**asked.recipe)
    check_network(None if asked.weights in NO_FILE else asked.weights, asked.device)


def _stated(ctx: typer.Context) -> set[str]:
    """Return the names of the options and arguments that stand on the command line."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
