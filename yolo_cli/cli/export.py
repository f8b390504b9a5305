"""``yolo export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import say, stderr
from yolo_cli.errors import ExitCode, UserError

if TYPE_CHECKING:
    from yolo_cli.export.export import ExportReport

DETECTIONS, COMPARISON = "Detections (--nms)", "Comparison"


def export(  # typer calls it by name
    weights: options.Weights = "default",
    format: Annotated[  # noqa: A002  # the option's name
        Literal["onnx", "openvino", "ncnn"],
        typer.Option(
            help="onnx: one file, for any runtime; openvino: a folder, fast on CPUs; ncnn: a "
            "folder, for phones and boards."
        ),
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write this file or folder; default: the name of the weights, here.",
        ),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Multiply in eight bits: smaller, faster, less accurate.")
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="Calibrate --int8 on such images as will be detected; labels show its loss.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Split of --calibrate; default: val, else test, else all."
        ),
    ] = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Accept any number of images at once, not only one.")
    ] = False,
    nms: Annotated[
        bool,
        typer.Option("--nms", help="Output boxes, scores and labels beside the raw grid."),
    ] = False,
    conf: Annotated[
        float,
        typer.Option(
            metavar="X", min=0, max=1, help="Leave out lower scores.", rich_help_panel=DETECTIONS
        ),
    ] = options.DETECT_CONF,
    iou: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Drop the weaker of two boxes of a class that overlap more.",
            rich_help_panel=DETECTIONS,
        ),
    ] = options.DETECT_IOU,
    max_det: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Keep at most this many detections per image.",
            rich_help_panel=DETECTIONS,
        ),
    ] = options.MAX_DET,
    vote: Annotated[
        bool,
        typer.Option(
            help="Let overlapping boxes vote on each other's position and score.",
            rich_help_panel=DETECTIONS,
        ),
    ] = True,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Compare with torch on these; default: those of --calibrate, else samples/.",
            rich_help_panel=COMPARISON,
        ),
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a network for another runtime, and compare it with torch at once.

    It takes RGB images of 0 to 255 and holds everything that yolo needs to run it.

    [b]Examples[/b]
    yolo export --format onnx --nms
    yolo export --format openvino --int8 --calibrate my-dataset/ --out fast-model
    yolo export --format ncnn --weights runs/train-1/best.safetensors
    yolo detect photo.jpg --weights vgg16-voc.onnx
    """
    if calibrate is None and (int8 or split is not None):
        raise UserError(
            "--int8 needs images" if int8 else "--split goes with --calibrate",
            "with --calibrate, name a folder of images like those to be detected",
            ExitCode.USAGE,
        )
    if calibrate is not None and not int8:
        raise UserError(
            "--calibrate goes with --int8", "add --int8, or use --images", ExitCode.USAGE
        )

    from yolo_cli.export.export import Options, target_path
    from yolo_cli.export.export import export as write
    from yolo_cli.export.images import pictures
    from yolo_cli.model.embedded import weights_path
    from yolo_cli.tasks.detect.thresholds import VOTE, Thresholds
    from yolo_cli.tasks.networks import load_weights

    console = stderr()
    source = weights_path(weights)
    loaded = load_weights(source)
    if nms and loaded.config.task != "detect":
        raise UserError(
            f"--nms is for detectors, and {source} is none", "leave it out", ExitCode.USAGE
        )
    path = target_path(source, out, format)
    wanted = Options(
        format=format,
        dynamic=dynamic,
        int8=int8,
        thresholds=Thresholds(conf, iou, max_det, VOTE if vote else None) if nms else None,
    )
    report = write(
        loaded,
        path,
        wanted,
        compared=pictures(images or calibrate),
        calibration=pictures(calibrate, split) if calibrate is not None else None,
        say=lambda line: say(console, line),
    )
    if json_out:
        print(json.dumps(_as_json(report), indent=2))
    _show(console, report)


def _as_json(report: ExportReport) -> dict[str, Any]:
    compared = {"raw": report.raw, "detections": report.detections}
    return {
        "path": str(report.path),
        "megabytes": round(report.megabytes, 3),
        "image_size": report.image_size,
        **{name: None if one is None else one.to_json() for name, one in compared.items()},
        "mAP" if report.metric in ("", "VOC07 mAP@0.5") else report.metric: None
        if report.score_torch is None
        else {
            "torch": report.score_torch,
            "export": report.score_export,
            "images": report.score_images,
        },
    }


def _show(console: Console, report: ExportReport) -> None:
    say(console, report.raw.summary(report.image_size), title="network:")
    if report.detections is not None:
        say(console, report.detections.summary(report.image_size), title="after NMS:")
    before, after = report.score_torch, report.score_export
    if before is not None and after is not None:
        say(
            console,
            f"{report.metric} {before:.1f} in float32, {after:.1f} in eight bits: a loss of "
            f"{before - after:.2f} points ({report.score_images} images)",
            title="int8:",
        )
    say(console, f"{report.path} ({report.megabytes:.1f} MB)", title="written:")
