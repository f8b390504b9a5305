"""``yolo prune``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from yolo_cli.cli import options
from yolo_cli.cli.console import plain_table, say, stderr
from yolo_cli.data.task_names import LEARNERS
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.prune.goal import IMAGES, LEAST_IMAGES, MULTIPLE, Goal

if TYPE_CHECKING:
    from yolo_cli.model.network import Network
    from yolo_cli.prune.meter import Progress
    from yolo_cli.prune.prune import Pruned
    from yolo_cli.prune.race import Runtime


def prune(
    weights: Annotated[
        str,
        typer.Argument(metavar="WEIGHTS", help="Weights file, or the name of embedded weights."),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Dataset in any layout, or a plain folder of images; labels are not needed.",
        ),
    ],
    flops: Annotated[
        float | None,
        typer.Option(metavar="X", help="Keep this share of the multiplications: 0.25 a quarter."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Make it this many times as fast, as measured here in what --backend auto takes: "
            "layer by layer, then the whole.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write this weights file.",
            show_default="the name of WEIGHTS with -pruned, here",
        ),
    ] = None,
    round_to: Annotated[
        int,
        typer.Option(
            "--round",
            metavar="N",
            min=1,
            help="Give pruned layers a multiple of N channels: what the processor multiplies "
            "at once.",
        ),
    ] = MULTIPLE,
    images: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=LEAST_IMAGES,
            help="Look at this many images of DATA, drawn by --seed.",
            rich_help_panel=options.DATA,
        ),
    ] = IMAGES,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Split of DATA.",
            show_default="train, else all",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    format: options.Format = None,  # noqa: A002  # the option's name
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Draw images and places by this number.")
    ] = 0,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a network smaller: drop channels, and solve its layers again for what is left.

    The result detects at once, and is best trained on: yolo train DATA --weights PRUNED --teacher
    WEIGHTS.

    [b]Examples[/b]
    yolo prune default my-photos/ --flops 0.25
    yolo prune runs/train-1/best.safetensors my-dataset/ --speed 3 --out small.safetensors
    """
    goal = Goal(flops, speed, round_to)

    from yolo_cli.model.embedded import weights_path

    path = weights_path(weights)
    target = out or Path(f"{path.stem}-pruned.safetensors")
    _check_target(target, path)

    from yolo_cli.inference.backends.choose import export_kind
    from yolo_cli.model.weights import save_weights
    from yolo_cli.progress import progress_bar
    from yolo_cli.prune.images import check_outside, draw, find_images
    from yolo_cli.prune.prune import prune as make
    from yolo_cli.prune.record import pruned_record
    from yolo_cli.tasks.networks import load_weights, network_of
    from yolo_cli.tasks.task import task_of

    if export_kind(path) is not None:
        raise UserError(
            f"{path}: an export, whose layers cannot be pruned",
            "name the weights file that it was made from, and export the result",
        )
    console = stderr()
    loaded = load_weights(path)
    if loaded.config.task != "detect":
        raise UserError(
            f"{path}: {LEARNERS[task_of(loaded.config).name]}, and only detectors can be pruned",
            f"train a detector from it: yolo train DATA --weights {path}",
        )
    found = find_images(data, split, format)
    check_outside(target, found.folders)
    with progress_bar(console) as bar:
        reading = bar.add_task("reading", total=min(images, len(found.paths)))
        read = partial(bar.advance, reading)
        drawn = draw(found.paths, images, loaded.config.image_size, seed, read)
    for line in drawn.unreadable:
        say(console, line, title="passed over:")
    where = f"{data}, {found.split}" if found.split else f"{data}"
    say(console, f"{len(drawn.pixels)} of {len(found.paths)} ({where})", title="images:")
    network = network_of(loaded)
    course = None if goal.speed is None else _course(weights, network, console)
    with _progress(console) as progress:
        pruned = make(network, drawn.pixels, goal, seed=seed, course=course, progress=progress)
    record = pruned_record(loaded.info, path, pruned, goal, images=len(drawn.pixels), seed=seed)
    save_weights(target, pruned.network, record)
    if json_out:
        before, after = pruned.flops
        document = {"path": str(target), "flops": after / before, "layers": pruned.to_json()}
        if pruned.race is not None:
            document["race"] = asdict(pruned.race)
        print(json.dumps(document, indent=2))
    _show(console, pruned)
    say(console, f"{target} ({target.stat().st_size / 1e6:.1f} MB)", title="written:")
    say(console, f"yolo train DATA --weights {target} --teacher {weights}", title="next:")


def _course(weights: str, network: Network, console: Console) -> Runtime:
    """Return the runtime that detection of many images takes for this network."""
    from yolo_cli.inference.backends.choose import load_backend
    from yolo_cli.inference.backends.fastest import MANY
    from yolo_cli.prune.race import Runtime

    _, taken = load_backend(weights, device="cpu", images=MANY, say=lambda line: say(console, line))
    say(console, f"{taken.name} {taken.precision}", title="timed in:")
    return Runtime(network, taken.name, taken.precision)


def _check_target(target: Path, source: Path) -> None:
    """Refuse a file that is none, and the one that is read."""
    if target.is_dir() or target.suffix != ".safetensors":
        raise UserError(
            f"--out {target}: a weights file ends in .safetensors",
            f"try {target.with_suffix('.safetensors') if target.name else 'a file'}",
            ExitCode.USAGE,
        )
    if target.exists() and target.samefile(source):
        raise UserError(
            f"--out {target}: the weights that are to be pruned, which stay as they are",
            "name another file",
            ExitCode.USAGE,
        )


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    """Show how much of the work is done, and the time left."""
    from yolo_cli.progress import progress_bar

    with progress_bar(console, images=False) as bar:
        task = bar.add_task("pruning", total=1.0)
        yield lambda what, done: bar.update(task, description=what, completed=done)


def _show(console: Console, pruned: Pruned) -> None:
    timed = pruned.milliseconds is not None
    table = plain_table(
        ["layer"],
        ["channels", "", "MFLOP", "", "lost", "if only dropped", *(["ms", ""] if timed else [])],
    )
    for row in pruned.rows:
        cells = [
            row.name,
            *(f"{n}" for n in row.channels),
            *(f"{n / 1e6:,.1f}" for n in row.flops),
            *(f"{n:.3f}" for n in (row.lost, row.dropped)),
        ]
        if row.milliseconds is not None:
            cells += [f"{n:.2f}" for n in row.milliseconds]
        table.add_row(*cells)
    console.print(table)
    before, after = pruned.flops
    line = f"{after / before:.1%} of {before / 1e9:.1f} GFLOP an image"
    if pruned.milliseconds is not None:
        slow, fast = pruned.milliseconds
        line += f", {slow:.1f} -> {fast:.1f} ms layer by layer"
    say(console, line, title="kept:")
    if pruned.race is not None:
        race = pruned.race
        times = f"{race.before:.1f} -> {race.after:.1f} ms, {race.times_as_fast:.2f} times as fast"
        say(console, times, title="the whole network:")
