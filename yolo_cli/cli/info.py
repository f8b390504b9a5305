"""``yolo info``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import plain_table, say
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from yolo_cli.model.config import ModelConfig
    from yolo_cli.model.summary import Layer


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
        options.HeadName | None,
        typer.Option(
            help="Head of an architecture: convolutions, or the paper's connected layers.",
            show_default="conv",
        ),
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show a network's layers and what a weights file says of itself.

    [b]Examples[/b]
    yolo info default
    yolo info yolov1 --head fc
    """
    if head is not None and what not in ARCHITECTURES:
        raise UserError(
            f"--head {head}: {what} names weights, whose head is what it is",
            f"--head goes with an architecture: {', '.join(ARCHITECTURES)}",
            ExitCode.USAGE,
        )

    from yolo_cli.model.config import new_config
    from yolo_cli.model.summary import summarise
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
    layers = summarise(shapes_of(config))
    if alone:
        layers = [layer for layer in layers if layer.name.startswith(BACKBONE)]
    if json_out:
        print(json.dumps(_as_json(config, layers, stated), indent=2))
        return
    _show(Console(highlight=False), config, layers, stated)


def _weights_path(name: str) -> Path:
    from yolo_cli.model.embedded import weights_path

    try:
        return weights_path(name)
    except UserError as error:
        known = f"an architecture: {', '.join(ARCHITECTURES)}"
        hint = f"{error.hint}; or {known}" if error.hint else known
        raise UserError(error.message, hint, error.code) from error


def _as_json(config: ModelConfig, layers: list[Layer], stated: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": config.to_json(),
        "parameters": sum(layer.parameters for layer in layers),
        "flops": sum(layer.flops for layer in layers),
        "layers": [vars(layer) for layer in layers],
        "info": stated,
    }


def _show(
    console: Console, config: ModelConfig, layers: list[Layer], stated: dict[str, Any]
) -> None:
    table = plain_table(["layer", "kind", "output"], ["parameters", "MFLOP"])
    for layer in layers:
        table.add_row(
            layer.name,
            layer.kind,
            "×".join(str(n) for n in layer.shape),
            f"{layer.parameters:,}" if layer.parameters else "",
            f"{layer.flops / 1e6:,.1f}" if layer.flops else "",
        )
    console.print(table)
    parameters = sum(layer.parameters for layer in layers)
    flops = sum(layer.flops for layer in layers)
    size = config.image_size
    lines = {
        "network": f"{config.arch}, {config.head} head, {size}×{size} pixels, "
        f"{parameters / 1e6:.1f} million parameters, {flops / 1e9:.1f} GFLOP an image",
        "grid": f"{config.grid}×{config.grid} cells, {config.boxes} boxes each, "
        f"{config.output} output",
        "input": f"RGB in [0, 1], mean {_numbers(config.mean)}, std {_numbers(config.std)}",
    }
    if config.widths is not None:
        head = " ".join(map(str, config.head_widths or ()))
        lines["widths"] = " ".join(map(str, config.widths)) + (f"; head {head}" if head else "")
    if stated:
        lines["classes"] = ", ".join(config.classes)
        lines["trained"] = _training(stated)
        lines["score"] = _score(stated)
        lines["start"] = str(stated.get("start", ""))
        lines["pruned"] = _pruned(stated)
    for name, text in lines.items():
        if text:
            say(console, text, title=f"{name:<8}")


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


def _score(stated: dict[str, Any]) -> str:
    value = _part(stated, "val", "voc07").get("mAP")
    images = _part(stated, "data").get("val", "?")
    return f"VOC07 mAP@0.5 {value} on {images} validation images" if value is not None else ""


def _part(stated: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return what a file says under a name; nothing where it says other things than we write."""
    part: Any = stated
    for name in names:
        part = part.get(name) if isinstance(part, dict) else None
    return part if isinstance(part, dict) else {}
