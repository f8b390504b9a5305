"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

import typer

from yolo_cli.data.task_names import TaskName
from yolo_cli.model.config import Head
from yolo_cli.tasks.detect.thresholds import DETECT, EVAL, LEAST_MAX_DET, RANGES

DETECT_CONF, DETECT_IOU, MAX_DET = DETECT.conf, DETECT.iou, DETECT.max_det
EVAL_CONF, EVAL_IOU = EVAL.conf, EVAL.iou
VOC_CLASSES = 20  # of a network that is shown without weights
BATCH = 2  # larger batches are no faster on a CPU: their activations leave its caches

# What a command line may say; the functions behind it check again, for those who call them.
FormatName: TypeAlias = Literal[
    "voc", "yolo", "coco", "csv", "via", "labelme", "cvat", "createml", "supervisely",
    "labelstudio", "text", "masks", "folders",
]  # fmt: skip
BackendName: TypeAlias = Literal["auto", "torch", "ncnn", "onnx", "openvino"]
PrecisionName: TypeAlias = Literal["auto", "fp32", "bf16"]
HeadName: TypeAlias = Head

# Titles under which a command's help groups its options; the others come first.
DATA, TRAINING, SPEED = "Data", "Training", "Speed"

DataFolder = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="Folder of the dataset, in a layout that --format names."),
]
Weights = Annotated[
    str,
    typer.Option(metavar="FILE", help="Weights file or export, or the name of embedded weights."),
]
Conf = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=RANGES["conf"][0],
        max=RANGES["conf"][1],
        help="Keep boxes with at least this score.",
    ),
]
Iou = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=RANGES["iou"][0],
        max=RANGES["iou"][1],
        help="Of two boxes that overlap more than this, drop the one with the lower score (NMS).",
    ),
]
MaxDet = Annotated[
    int,
    typer.Option(metavar="N", min=LEAST_MAX_DET, help="Keep at most this many boxes per image."),
]
Vote = Annotated[
    bool, typer.Option(help="Let overlapping boxes vote on the place and score of each box.")
]
Batch = Annotated[
    int,
    typer.Option(
        metavar="N", min=1, help="Process this many images per forward pass.", rich_help_panel=SPEED
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Run on cpu, cuda, cuda:1 or mps; auto takes CUDA, else MPS, else the CPU.",
        rich_help_panel=SPEED,
    ),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        help="Compute convolutions in this precision; auto takes what is fast on this machine.",
        rich_help_panel=SPEED,
    ),
]
Backend = Annotated[
    BackendName,
    typer.Option(
        help="Run the network with this library; auto takes what is fastest here (50 images and "
        "more: measured, once for each kind of network).",
        rich_help_panel=SPEED,
    ),
]
Format = Annotated[
    FormatName | None,
    typer.Option(
        metavar="LAYOUT",
        help=f"Read DATA in this layout: {', '.join(get_args(FormatName))}.",
        show_default="recognised",
        rich_help_panel=DATA,
    ),
]
Task = Annotated[
    TaskName | None,
    typer.Option(
        help="What the dataset is read for.",
        show_default="what it is labelled for",
        rich_help_panel=DATA,
    ),
]
ClassAttribute = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Attribute (VIA) or column (CSV) that names the class.",
        show_default="found out",
        rich_help_panel=DATA,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Skip broken labels and images, and count them.", rich_help_panel=DATA
    ),
]
