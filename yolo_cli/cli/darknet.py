"""``yolo convert`` for networks: from Darknet's files, and to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from yolo_cli.cli.console import say, stderr
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted, listed

CFG, WEIGHTS, OWN = ".cfg", ".weights", ".safetensors"


def kind_of(what: Path, weights: Path | None, to: str | None) -> Literal["data", "cfg", "own"]:
    """Return what is to be converted: a dataset, a network of Darknet, or one of this tool.

    Raises:
        UserError: the arguments do not go together.
    """
    if what.suffix == CFG:
        if to is not None:
            raise UserError(f"--to {to}: not for a cfg file", "leave it out", ExitCode.USAGE)
        if weights is None:
            raise UserError(
                f"{what}: where are its numbers?",
                f"yolo convert {what} {what.with_suffix(WEIGHTS)}",
                ExitCode.USAGE,
            )
        return "cfg"
    if what.suffix == WEIGHTS or weights is not None:
        raise UserError(
            f"{what}: the numbers of a network, whose layers a cfg file has"
            if what.suffix == WEIGHTS
            else f"{weights}: a second file goes with a cfg file of Darknet",
            "yolo convert NET.cfg NET.weights",
            ExitCode.USAGE,
        )
    if to == "darknet":
        return "own"
    if what.suffix == OWN:
        raise UserError(f"{what}: weights", "convert them with --to darknet", ExitCode.USAGE)
    return "data"


def convert_network(
    kind: Literal["cfg", "own"],
    what: Path,
    weights: Path | None,
    out: Path | None,
    names: Path | None,
    *,
    unused: Mapping[str, object],
) -> None:
    """Convert a network.

    Args:
        kind: of what is converted.
        what: the cfg file, or weights.
        weights: the numbers of a cfg file.
        out: what is written; None for a name like that of the weights.
        names: file with the names of a cfg file's classes; None for that beside it, if there is.
        unused: options that go with datasets, and what was given for them.

    Raises:
        UserError: an option is not for networks, or a file cannot be read or written.
    """
    if kind == "own":
        unused = {**unused, "--names": names}
    for option, value in unused.items():
        if value:
            raise UserError(
                f"{option}: not for {'a cfg file' if kind == 'cfg' else 'weights'}",
                "leave it out",
                ExitCode.USAGE,
            )
    if weights is None:
        to_darknet(str(what), out)
    else:
        from_darknet(what, weights, out, names)


def from_darknet(cfg: Path, weights: Path, out: Path | None, names: Path | None) -> None:
    """Write a network of Darknet as a weights file of this tool.

    Raises:
        UserError: a file cannot be read or written, or they do not fit each other.
    """
    target = out or Path(f"{weights.stem}{OWN}")
    if target.suffix != OWN or target.is_dir():
        raise UserError(
            f"--out {target}: a weights file ends in {OWN}",
            f"try {target.with_suffix(OWN)}",
            ExitCode.USAGE,
        )

    from yolo_cli.darknet.read import read_darknet
    from yolo_cli.model.config import CLASSIFY
    from yolo_cli.model.weights import write_tensors

    console = stderr()
    beside = cfg.with_suffix(".names")
    if names is None and beside.is_file():
        names = beside
        say(console, f"the classes are called as in {beside}", title="note:", style="yellow")
    read = read_darknet(cfg, weights, names)
    config = read.weights.config
    write_tensors(target, config, read.weights.tensors, read.weights.info)
    if read.target.whole and config.task == CLASSIFY:
        side = config.image_size
        about = f"a classifier of {counted(len(config.classes), 'class')}, {side}×{side} pixels"
    elif read.target.whole:
        about = (
            f"a detector of {counted(len(config.classes), 'class')}, {config.grid}×{config.grid} "
            f"cells, {counted(config.boxes, 'box')} each"
        )
    else:
        about = f"a backbone of {counted(len(config.architecture.channels), 'convolution')}"
    say(console, about, title=f"{cfg.name}:")
    for note in read.target.notes:
        say(console, note, title="note:", style="yellow")
    for sections, what in (
        (read.left_out, "kept, but not used"),
        (read.missing, "not in the file"),
    ):
        if sections:
            layers = listed([f"[{one.name}] in line {one.line}" for one in sections], 5)
            say(console, f"{layers}: {what}", title="note:", style="yellow")
    say(console, f"{target} ({target.stat().st_size / 1e6:.1f} MB)", title="written:")
    use = f"yolo {config.task} IMAGES" if read.target.whole else "yolo train DATA"
    say(console, f"{use} --weights {target}", title="next:")


def to_darknet(name: str, out: Path | None) -> None:
    """Write weights of this tool as Darknet's files.

    Raises:
        UserError: a file cannot be read or written, or Darknet has no such network.
    """
    from yolo_cli.files import check_folder
    from yolo_cli.model.embedded import weights_path

    path = weights_path(name)
    folder = out or Path(f"{path.stem}-darknet")
    check_folder(folder, "--out")

    from yolo_cli.darknet.write import to_darknet as files_of
    from yolo_cli.tasks.networks import load_weights

    console = stderr()
    files = files_of(load_weights(path, part=True))
    files.write(folder, path.stem)
    kinds = f"{CFG}, {WEIGHTS}" + (", .names" if files.names else "")
    size = len(files.weights) / 1e6
    say(console, f"{folder}/{path.stem}{{{kinds}}} ({size:.1f} MB)", title="written:")
