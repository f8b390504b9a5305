"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from yolo_cli.model.thresholds import DETECT, EVAL

DETECT_CONF, DETECT_IOU, MAX_DET = DETECT.conf, DETECT.iou, DETECT.max_det
EVAL_CONF, EVAL_IOU = EVAL.conf, EVAL.iou
VOC_CLASSES = 20  # of a network that is shown without weights
BATCH = 4  # larger batches are no faster on a CPU

Weights = Annotated[
    str, typer.Option(help="[b]default[/b], another embedded name, or a weights file.")
]
Conf = Annotated[float, typer.Option(min=0, max=1, help="Lowest score that is kept.")]
Iou = Annotated[
    float, typer.Option(min=0, max=1, help="Of two boxes that overlap more, the weaker goes (NMS).")
]
MaxDet = Annotated[int, typer.Option(min=1, help="Most detections an image.")]
Batch = Annotated[int, typer.Option(min=1, help="Images a forward pass.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Precision = Annotated[str, typer.Option(help="auto, fp32 or bf16.")]
Format = Annotated[
    str | None, typer.Option(help="voc, yolo or coco; recognised from the folder unless told.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Drop broken labels and images.")]
