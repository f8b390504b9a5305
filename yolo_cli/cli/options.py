"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from yolo_cli.model.architectures import ArchName as _ArchName
from yolo_cli.model.config import Head
from yolo_cli.model.preprocessing import PreprocessingName as _PreprocessingName
from yolo_cli.tasks.detect.thresholds import DETECT, EVAL

DETECT_CONF, DETECT_IOU, MAX_DET = DETECT.conf, DETECT.iou, DETECT.max_det
EVAL_CONF, EVAL_IOU = EVAL.conf, EVAL.iou
VOC_CLASSES = 20  # of a network that is shown without weights
BATCH = 2  # larger batches are no faster on a CPU: their activations leave its caches

# What a command line may say; the functions behind it check again, for those who call them.
FormatName: TypeAlias = Literal["voc", "yolo", "coco", "text"]
BackendName: TypeAlias = Literal["auto", "torch", "onnx", "openvino"]
PrecisionName: TypeAlias = Literal["auto", "fp32", "bf16"]
ArchName = _ArchName
PreprocessingName = _PreprocessingName
HeadName: TypeAlias = Head
RecipeName: TypeAlias = Literal["default", "paper"]
OptimizerName: TypeAlias = Literal["sgd", "adamw"]

# Titles under which a command's help groups its options; the others come first.
DATA, NETWORK, TRAINING, SPEED = "Data", "Network", "Training", "Speed"

DataFolder = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="Dataset folder in Pascal VOC, YOLO or COCO layout."),
]
Weights = Annotated[
    str,
    typer.Option(metavar="FILE", help="A weights file, or the name of weights that come along."),
]
Conf = Annotated[float, typer.Option(metavar="X", min=0, max=1, help="Lowest score that is kept.")]
Iou = Annotated[
    float,
    typer.Option(
        metavar="X", min=0, max=1, help="Of two boxes that overlap more, the weaker goes (NMS)."
    ),
]
MaxDet = Annotated[int, typer.Option(metavar="N", min=1, help="Most detections an image.")]
Vote = Annotated[
    bool, typer.Option(help="Let overlapping boxes vote on each box's place and score.")
]
Batch = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Images a forward pass.", rich_help_panel=SPEED),
]
Device = Annotated[
    str,
    typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=SPEED),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(help="Of the convolutions; auto: what is fast here.", rich_help_panel=SPEED),
]
Backend = Annotated[
    BackendName,
    typer.Option(help="What runs the network; auto: the fastest here.", rich_help_panel=SPEED),
]
Format = Annotated[
    FormatName | None,
    typer.Option(help="Its layout; recognised by itself unless told.", rich_help_panel=DATA),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Drop broken labels and images, and count them.", rich_help_panel=DATA
    ),
]
