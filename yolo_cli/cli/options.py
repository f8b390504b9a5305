"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from yolo_cli.model.config import Head
from yolo_cli.tasks.detect.thresholds import DETECT, EVAL

DETECT_CONF, DETECT_IOU, MAX_DET = DETECT.conf, DETECT.iou, DETECT.max_det
EVAL_CONF, EVAL_IOU = EVAL.conf, EVAL.iou
VOC_CLASSES = 20  # of a network that is shown without weights
BATCH = 2  # larger batches are no faster on a CPU: their activations leave its caches

# What a command line may say; the functions behind it check again, for those who call them.
FormatName: TypeAlias = Literal["voc", "yolo", "coco", "text"]
BackendName: TypeAlias = Literal["auto", "torch", "onnx", "openvino"]
PrecisionName: TypeAlias = Literal["auto", "fp32", "bf16"]
HeadName: TypeAlias = Head

# Titles under which a command's help groups its options; the others come first.
DATA, TRAINING, SPEED = "Data", "Training", "Speed"

DataFolder = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="Dataset folder in Pascal VOC, YOLO or COCO layout."),
]
Weights = Annotated[
    str,
    typer.Option(metavar="FILE", help="A weights file, or embedded weights by name."),
]
Conf = Annotated[
    float, typer.Option(metavar="X", min=0, max=1, help="Keep detections from this score up.")
]
Iou = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0,
        max=1,
        help="Drop the weaker of two boxes that overlap more than this (NMS).",
    ),
]
MaxDet = Annotated[
    int, typer.Option(metavar="N", min=1, help="Keep at most this many detections an image.")
]
Vote = Annotated[
    bool, typer.Option(help="Let overlapping boxes vote on each box's place and score.")
]
Batch = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Images a forward pass.", rich_help_panel=SPEED),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Run on auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=SPEED
    ),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        help="Compute convolutions in this precision; auto: the fastest here.",
        rich_help_panel=SPEED,
    ),
]
Backend = Annotated[
    BackendName,
    typer.Option(
        help="Run the network by this library; auto: the fastest here.", rich_help_panel=SPEED
    ),
]
Format = Annotated[
    FormatName | None,
    typer.Option(
        help="Layout of the dataset.", show_default="recognised by itself", rich_help_panel=DATA
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Drop broken labels and images, and count them.", rich_help_panel=DATA
    ),
]
