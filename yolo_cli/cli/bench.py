"""``yolo bench``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from yolo_cli.cli.console import cell, plain_table, say, stderr
from yolo_cli.errors import ExitCode, UserError

if TYPE_CHECKING:
    from yolo_cli.bench.measure import Benchmark

PEER_SIZE = 448  # pixels, as ours
FILES = 100  # for the pipeline: enough to fill it


def bench(  # typer calls it by name
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Weights or an export; repeat it to compare several.",
            show_default="default",
        ),
    ] = None,
    backends: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="Measure all that are installed, or torch,ncnn,onnx,openvino."
        ),
    ] = "all",
    batch: Annotated[str, typer.Option(metavar="N,N,…", help="Images per forward pass.")] = "1",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Run on these images, and score them if they are labelled; default: samples/.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Split of --data; default: val, else test, else all."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Measurements of each, in turn.")
    ] = 20,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Measure ultralytics or torchvision as well, if installed."
        ),
    ] = None,
    against_python: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Python that runs --against; default: this one."),
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the results into a PNG file.")
    ] = None,
) -> None:
    """Measure how fast networks are here: every backend, in turn.

    Each backend and precision runs in a process of its own. ×8: eight images
    per pass. Start: from the start of that process to its first detections.
    Pass: the network alone, median. Of max: the share of the rate at which
    this machine multiplies matrices. JPEG: one in memory to its detections.
    Files: from files to detections.

    [b]Examples[/b]
    yolo bench
    yolo bench --weights runs/train-1/best.safetensors --data my-dataset/
    yolo bench --against torchvision --json > bench.json
    """
    batches = _numbers(batch)
    from yolo_cli.bench.measure import Load, measure
    from yolo_cli.bench.plan import backends_of, own_specs, peer_spec, precisions
    from yolo_cli.bench.plot import write_plot
    from yolo_cli.export.images import pictures, spread

    console = stderr()
    names = weights or ["default"]
    found = pictures(data, split, option="--data")
    paths = spread(found.paths, FILES)
    specs = own_specs(names, backends_of(backends))
    specs += [peer_spec(name, PEER_SIZE, against_python) for name in against or []]
    labelled = data if found.dataset is not None else None
    load = Load(batches, rounds, paths[0], tuple(paths), labelled, split)
    result = measure(specs, precisions(), load, say=lambda line: say(console, line))
    for line in result.failed:
        say(console, line, title="left out:")
    if not result.rows:
        raise UserError("nothing could be measured", code=ExitCode.FAILURE)
    if json_out:
        print(json.dumps(result.to_json(), indent=2))
    else:
        _show(Console(highlight=False), result)
    if plot is not None:
        write_plot(result, plot)
        say(console, str(plot), title="drawn:")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 1:
        raise UserError(
            f"--batch {text}: not numbers of images", "for example --batch 1,8", ExitCode.USAGE
        )
    return values


def _show(console: Console, result: Benchmark) -> None:
    table = plain_table(
        ["network"],
        [
            "", "start\ns", "pass\nms", "p95\nms", "images\n/s", "of\nmax",
            "JPEG\nms", "files\n/s", "MB", "score",
        ],
    )  # fmt: skip
    table.padding = (0, 1, 0, 0)
    for row in result.rows:
        table.add_row(
            cell(row.name),
            f"×{row.batch}",
            f"{row.start_up:.1f}",
            f"{row.latency:.1f}",
            f"{row.latency_p95:.1f}",
            f"{row.network_rate:.1f}",
            "" if row.share is None else f"{row.share:.0%}",
            f"{row.photo:.1f}",
            f"{row.pipeline_rate:.1f}",
            "" if row.memory is None else f"{row.memory:.0f}",
            "" if row.mean_ap is None else f"{row.mean_ap:.1f}",
        )
    console.print(table)
    rates = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in result.products.items())
    say(console, f"{rates}; {result.threads} threads", title="matrix product:")
