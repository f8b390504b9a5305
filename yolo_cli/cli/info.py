"""``yolo info``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer
from rich.console import Console

from yolo_cli.cli import info_pictures, options
from yolo_cli.cli.layers import cost, share, show_lines, show_rows
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from yolo_cli.model.config import ModelConfig
    from yolo_cli.model.summary import Layer
    from yolo_cli.model.table import Row

HeadName: TypeAlias = Literal["conv", "fc", "classifier"]
PICTURES = "Pictures"


def info(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WEIGHTS|ARCH",
            help="A weights file, embedded weights by name, or an architecture: "
            f"{', '.join(ARCHITECTURES)}.",
        ),
    ] = "default",
    head: Annotated[
        HeadName | None,
        typer.Option(
            help="Head of an architecture: convolutions, YOLOv1's connected layers, or the whole "
            "ImageNet classifier as published.",
            show_default="conv",
        ),
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    maps: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTO",
            help="Draw a layer's feature maps of this photograph instead.",
            rich_help_panel=PICTURES,
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="N|NAME",
            help="Layer whose maps are drawn: its number or name in the table.",
            show_default=info_pictures.FIRST,
            rich_help_panel=PICTURES,
        ),
    ] = None,
    upsample: Annotated[
        Path | None,
        typer.Option(
            metavar="MASK",
            help="Draw a mask made eight times smaller by max pooling, and large again by "
            "max-unpooling, transposed convolution, bilinear and nearest, with each one's IoU.",
            rich_help_panel=PICTURES,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the picture to this file.",
            show_default=f"{info_pictures.MAPS} or {info_pictures.UPSAMPLED}",
            rich_help_panel=PICTURES,
        ),
    ] = None,
) -> None:
    """Show a network's layers and what a weights file says of itself.

    A row is a layer with its normalisation and activation. Its field is how many
    pixels of the input, along each side, one value of its output depends on.

    [b]Examples[/b]
    yolo info default
    yolo info yolov1 --head fc
    yolo info alexnet --head classifier
    yolo info --maps photo.jpg --layer conv2_1
    yolo info --upsample mask.png
    """
    info_pictures.check_options(
        what, maps=maps, layer=layer, upsample=upsample, out=out, json_out=json_out
    )
    if head is not None and what not in ARCHITECTURES:
        raise UserError(
            f"--head {head}: {what} names weights, whose head is what it is",
            f"--head goes with an architecture: {', '.join(ARCHITECTURES)}",
            ExitCode.USAGE,
        )
    if maps is not None:
        info_pictures.draw_maps(_weights_path(what), maps, layer, out)
        return
    if upsample is not None:
        info_pictures.draw_upsampling(upsample, out)
        return
    if head == "classifier":
        _show_classifier(what, json_out=json_out)
        return

    from yolo_cli.model.config import new_config
    from yolo_cli.model.summary import summarise
    from yolo_cli.model.table import tabulate
    from yolo_cli.model.weights import BACKBONE
    from yolo_cli.tasks.networks import load_weights, shapes_of

    stated: dict[str, Any] = {}
    alone = False
    if what in ARCHITECTURES:
        classes = tuple(f"class {i}" for i in range(options.VOC_CLASSES))
        config = new_config(classes, arch=what, head=head)
    else:
        weights = load_weights(_weights_path(what), part=True)
        config, stated = weights.config, weights.info
        alone = weights.backbone_alone
    network = shapes_of(config)
    rows = tabulate(network, config.image_size)
    if alone:
        rows = [row for row in rows if row.module.startswith(BACKBONE)]
    if json_out:
        print(json.dumps(_as_json(config, summarise(network), rows, stated), indent=2))
        return
    console = Console(highlight=False)
    show_rows(console, rows)
    show_lines(console, _lines(config, rows, stated))


def _show_classifier(arch: str, *, json_out: bool) -> None:
    import torch

    from yolo_cli.model import imagenet
    from yolo_cli.model.table import tabulate

    with torch.device("meta"):
        rows = tabulate(imagenet.imagenet_classifier(arch), imagenet.SIDE)
    if json_out:
        model = {"arch": arch, "head": "classifier", "image_size": imagenet.SIDE}
        print(json.dumps({"model": model, **_sums(rows)}, indent=2))
        return
    side = imagenet.SIDE
    console = Console(highlight=False)
    show_rows(console, rows)
    network = f"{arch}, ImageNet's classifier, {side}×{side} pixels, {imagenet.CLASSES} classes, "
    show_lines(console, {"network": network + cost(rows), "share": share(rows)})


def _weights_path(name: str) -> Path:
    from yolo_cli.model.embedded import weights_path

    try:
        return weights_path(name)
    except UserError as error:
        known = f"an architecture: {', '.join(ARCHITECTURES)}"
        hint = f"{error.hint}; or {known}" if error.hint else known
        raise UserError(error.message, hint, error.code) from error


def _as_json(
    config: ModelConfig, layers: list[Layer], rows: list[Row], stated: dict[str, Any]
) -> dict[str, Any]:
    modules = [vars(layer) for layer in layers]
    return {"model": config.to_json(), **_sums(rows), "layers": modules, "info": stated}


def _sums(rows: list[Row]) -> dict[str, Any]:
    return {
        "parameters": sum(row.parameters for row in rows),
        "connected": sum(row.parameters for row in rows if row.connected),
        "flops": sum(row.flops for row in rows),
        "table": [vars(row) for row in rows],
    }


def _lines(config: ModelConfig, rows: list[Row], stated: dict[str, Any]) -> dict[str, str]:
    from yolo_cli.tasks.task import task_of

    size = config.image_size
    lines = {
        "network": f"{config.arch}, {config.head} head, {size}×{size} pixels, {cost(rows)}",
        "share": share(rows),
        **task_of(config).describe(config),
        "input": f"RGB in [0, 1], mean {_numbers(config.mean)}, std {_numbers(config.std)}",
    }
    if config.widths is not None:
        head = " ".join(map(str, config.head_widths or ()))
        lines["widths"] = " ".join(map(str, config.widths)) + (f"; head {head}" if head else "")
    if stated:
        lines["classes"] = ", ".join(config.classes)
        lines["trained"] = _training(stated)
        lines["score"] = _score(task_of(config).recorded(_part(stated, "val")), stated)
        lines["start"] = str(stated.get("start", ""))
        lines["pruned"] = _pruned(stated)
    return lines


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{v:.5g}" for v in values)


def _training(stated: dict[str, Any]) -> str:
    data = _part(stated, "data")
    if not data and "darknet" in stated:
        return ""
    return (
        f"on {data.get('train', '?')} images of {data.get('name', '?')}, "
        f"epoch {stated.get('epoch', '?')}, {stated.get('minutes', '?')} minutes"
    )


def _pruned(stated: dict[str, Any]) -> str:
    origin = _part(stated, "pruned")
    if not origin:
        return ""
    return (
        f"from {origin.get('weights', '?')} (SHA-256 {origin.get('sha256', '?')!s:.12}), "
        f"{origin.get('flops', '?')} of its FLOPs, not trained since"
    )


def _score(score: str, stated: dict[str, Any]) -> str:
    images = _part(stated, "data").get("val", "?")
    return f"{score} on {images} validation images" if score else ""


def _part(stated: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return what a file says under a name; nothing where it says other things than we write."""
    part: Any = stated
    for name in names:
        part = part.get(name) if isinstance(part, dict) else None
    return part if isinstance(part, dict) else {}
