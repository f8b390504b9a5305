"""``yolo train``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from yolo_cli.cli import options
from yolo_cli.cli.console import stderr
from yolo_cli.errors import ExitCode, UserError


def train(  # typer calls it by name
    ctx: typer.Context,
    data: Annotated[
        Path | None,
        typer.Argument(metavar="DATA", help="Dataset folder in Pascal VOC, YOLO or COCO layout."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run folder; the next free runs/train-N unless told."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Go on with the run in this folder, to the same end; DATA only if it has moved.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Split to train on.", rich_help_panel=options.DATA),
    ] = None,
    val_split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Split to validate on.", rich_help_panel=options.DATA),
    ] = None,
    format: options.Format = None,  # noqa: A002  # the option's name
    skip_bad: options.SkipBad = False,
    weights: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Start from: default, none, imagenet, or a weights file.",
            rich_help_panel=options.NETWORK,
        ),
    ] = "default",
    backbone: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Start from VGG-16's ImageNet convolutions: safetensors or state dict.",
            rich_help_panel=options.NETWORK,
        ),
    ] = None,
    preprocessing: Annotated[
        options.PreprocessingName | None,
        typer.Option(
            help="Of --backbone, if the file does not say.", rich_help_panel=options.NETWORK
        ),
    ] = None,
    arch: Annotated[
        options.ArchName | None,
        typer.Option(help="Unless told that of the weights.", rich_help_panel=options.NETWORK),
    ] = None,
    head: Annotated[
        options.HeadName | None,
        typer.Option(help="Convolutions, or the paper's.", rich_help_panel=options.NETWORK),
    ] = None,
    grid: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Cells along each side (S); 7, or 14 for small objects, unless told.",
            rich_help_panel=options.NETWORK,
        ),
    ] = None,
    boxes: Annotated[
        int | None,
        typer.Option(metavar="N", help="Boxes a cell (B).", rich_help_panel=options.NETWORK),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Pixels along each side of the input.",
            rich_help_panel=options.NETWORK,
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Weights of a larger network, trained on the same data, to learn from.",
            rich_help_panel=options.NETWORK,
        ),
    ] = None,
    recipe: Annotated[
        options.RecipeName,
        typer.Option(help="paper: YOLOv1 to the letter.", rich_help_panel=options.TRAINING),
    ] = "default",
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Passes over the images.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Images a step.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    optimizer: Annotated[
        options.OptimizerName | None,
        typer.Option(help="AdamW, or the paper's SGD.", rich_help_panel=options.TRAINING),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(metavar="X", help="Highest learning rate.", rich_help_panel=options.TRAINING),
    ] = None,
    backbone_rate: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="The backbone's, as a share of it.", rich_help_panel=options.TRAINING
        ),
    ] = None,
    momentum: Annotated[
        float | None,
        typer.Option(metavar="X", help="Of SGD.", rich_help_panel=options.TRAINING),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(metavar="X", help="On weights only.", rich_help_panel=options.TRAINING),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(metavar="X", help="In the head.", rich_help_panel=options.TRAINING),
    ] = None,
    balance: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Weight of rare classes: 0 as often as they occur, 1 all classes alike.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    augment: Annotated[
        bool,
        typer.Option(help="Vary the training images.", rich_help_panel=options.TRAINING),
    ] = True,
    time_budget: Annotated[
        str | None,
        typer.Option(
            metavar="10m",
            help="Plan copies and epochs to end within this time: 90s, 10m, 1h; 10 is 10m.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    freeze: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Leading backbone blocks that are not trained.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    unfreeze: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Train the last N of the frozen blocks as well, in a second phase.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    unfreeze_at: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Epoch after which that phase begins; three quarters of them unless told.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Stop after so many epochs without a better mAP; 0: never.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Of every random choice.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Augmented copies an image whose frozen activations are cached; 0: no cache.",
            rich_help_panel=options.SPEED,
        ),
    ] = None,
    patchwork: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Probability that a cached item is put together from four images.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where that cache is kept.", rich_help_panel=options.SPEED
        ),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    workers: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=256,
            help="Processes that load images.",
            rich_help_panel=options.SPEED,
        ),
    ] = 2,
) -> None:
    """Train a detector on a folder of labelled images.

    [b]Examples[/b]
    yolo train DATA
    yolo train DATA --time-budget 10m
    yolo train DATA --epochs 60 --copies 4 --out runs/cats
    yolo train DATA --arch fast --epochs 200
    yolo train DATA --arch fast --teacher runs/train-1/best.safetensors
    yolo train --resume runs/train-1
    """
    began = time.monotonic()
    given = {
        "epochs": epochs,
        "batch": batch,
        "optimizer": optimizer,
        "lr": lr,
        "backbone_rate": backbone_rate,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "dropout": dropout,
        "balance": balance,
        "freeze": freeze,
        "copies": copies,
        "patchwork": patchwork,
        "unfreeze": unfreeze,
        "unfreeze_at": unfreeze_at,
        "patience": patience,
        "seed": seed,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    if resume is not None and not _told(ctx) <= {"resume", "data"}:
        raise UserError(
            "--resume goes on with a run as it began: leave out all other options",
            f"yolo train --resume {resume}",
            ExitCode.USAGE,
        )
    if resume is None and data is None:
        raise UserError("which dataset?", "yolo train DATA, or --resume RUN", ExitCode.USAGE)

    from yolo_cli.training.budget.plan import parse_duration
    from yolo_cli.training.options import TrainOptions
    from yolo_cli.training.prepare import prepare, prepare_resumed
    from yolo_cli.training.reporter import Reporter

    with Reporter(stderr()) as reporter:
        if resume is not None:
            trainer = prepare_resumed(resume, reporter, data)
        else:
            assert data is not None
            asked = TrainOptions(
                data=data,
                format=format,
                train_split=split,
                val_split=val_split,
                skip_bad=skip_bad,
                arch=arch,
                head=head,
                grid=grid,
                boxes=boxes,
                image_size=image_size,
                weights=weights,
                backbone=backbone,
                preprocessing=preprocessing,
                teacher=teacher,
                recipe_name=recipe,
                recipe=changed,
                augment=augment,
                device=device,
                precision=precision,
                workers=workers,
                cache_dir=cache_dir,
                time_budget=parse_duration(time_budget) if time_budget is not None else None,
            )
            trainer = prepare(asked, out, reporter, began)
        position = trainer.fit()
    reporter.note(
        f"best      mAP {position.best:.2f} after epoch {position.best_epoch}: {trainer.run.best}"
    )
    reporter.note(f"next      yolo detect IMAGES --weights {trainer.run.best}")


def _told(ctx: typer.Context) -> set[str]:
    """Names of the options and arguments that stand on the command line."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
