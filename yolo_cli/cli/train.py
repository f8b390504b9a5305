"""``yolo train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from yolo_cli.cli.console import stderr
from yolo_cli.errors import ExitCode, UserError


def train(  # typer calls it by name
    data: Annotated[
        Path | None, typer.Argument(help="Dataset folder: Pascal VOC, YOLO or COCO layout.")
    ] = None,
    weights: Annotated[
        str,
        typer.Option(help="Start from: [b]default[/b], [b]none[/b], [b]imagenet[/b], or a file."),
    ] = "default",
    backbone: Annotated[
        Path | None,
        typer.Option(help="VGG-16 ImageNet convolutions: safetensors or torchvision state dict."),
    ] = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(help="Of --backbone, where the file does not say: caffe or torchvision."),
    ] = None,
    arch: Annotated[str | None, typer.Option(help="vgg16, yolov1 or fast.")] = None,
    head: Annotated[str | None, typer.Option(help="conv or fc.")] = None,
    grid: Annotated[int | None, typer.Option(help="Cells along each side (S).")] = None,
    boxes: Annotated[int | None, typer.Option(help="Boxes a cell (B).")] = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels of the input.")] = None,
    recipe: Annotated[
        str, typer.Option(help="default, or paper: YOLOv1 to the letter.")
    ] = "default",
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Images a step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Of SGD.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="On weights only.")] = None,
    dropout: Annotated[float | None, typer.Option(help="In the head.")] = None,
    augment: Annotated[bool, typer.Option(help="Vary the training images.")] = True,
    freeze: Annotated[
        int | None, typer.Option(min=0, help="Leading backbone blocks that are not trained.")
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option(min=0, help="Augmented copies an image whose frozen activations are cached."),
    ] = None,
    cache_dir: Annotated[Path | None, typer.Option(help="Where that cache is kept.")] = None,
    patience: Annotated[
        int | None, typer.Option(min=0, help="Epochs without a better mAP; 0: never stop.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Split to train on.")] = None,
    val_split: Annotated[str | None, typer.Option(help="Split to validate on.")] = None,
    format: Annotated[str | None, typer.Option(help="voc, yolo or coco.")] = None,  # noqa: A002
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Drop broken labels.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that load images.")] = 2,
    seed: Annotated[int | None, typer.Option(min=0, help="Of every random choice.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run.")] = None,
) -> None:
    """Train a detector on a folder of labelled images.

    [b]Examples[/b]

    yolo train DATA

    yolo train DATA --epochs 60 --copies 4 --out runs/cats

    yolo train DATA --arch fast --weights none --epochs 200

    yolo train --resume runs/train-1
    """
    given = {
        "epochs": epochs,
        "batch": batch,
        "lr": lr,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "dropout": dropout,
        "freeze": freeze,
        "copies": copies,
        "patience": patience,
        "seed": seed,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    if resume is not None and (changed or data is not None or out is not None):
        raise UserError(
            "--resume goes on with a run as it began: leave out the dataset and other options",
            f"yolo train --resume {resume}",
            ExitCode.USAGE,
        )
    if resume is None and data is None:
        raise UserError("which dataset?", "yolo train DATA, or --resume RUN", ExitCode.USAGE)

    from yolo_cli.training.options import TrainOptions
    from yolo_cli.training.reporter import Reporter
    from yolo_cli.training.setup import prepare, prepare_resumed

    with Reporter(stderr()) as reporter:
        if resume is not None:
            trainer = prepare_resumed(resume, reporter)
        else:
            assert data is not None
            options = TrainOptions(
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
                recipe_name=recipe,
                recipe=changed,
                augment=augment,
                device=device,
                precision=precision,
                workers=workers,
                cache_dir=cache_dir,
            )
            trainer = prepare(options, out, reporter)
        position = trainer.fit()
    reporter.note(
        f"best      mAP {position.best:.2f} after epoch {position.best_epoch}: {trainer.run.best}"
    )
    reporter.note(f"next      yolo detect IMAGES --weights {trainer.run.best}")
