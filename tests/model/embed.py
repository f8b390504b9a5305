"""Writes embedded weights: the mean of several epochs' or runs' weights, in eight bits.

    python -m tests.model.embed epochs/08.safetensors epochs/09.safetensors --name vgg16-voc

``--map`` is what ``yolo eval`` says of the result (on the validation images of the run), which is
to be written down in it: run this twice.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from yolo_cli.model.weights import Weights, read_weights, write_tensors

FOLDER = Path(__file__).parents[2] / "weights"


def mean(all_weights: Sequence[Weights]) -> dict[str, Tensor]:
    """Return the mean of each tensor (Izmailov et al. 2018), and the last one's counters."""
    found: dict[str, Tensor] = {}
    for name, last in all_weights[-1].tensors.items():
        if last.is_floating_point():
            each = torch.stack([one.tensors[name].float() for one in all_weights])
            found[name] = each.mean(0).to(last.dtype)
        else:
            found[name] = last
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--name", required=True)
    parser.add_argument("--map", type=float, default=None)
    arguments = parser.parse_args()
    read = [read_weights(path) for path in arguments.weights]
    assert all(one.config == read[-1].config for one in read)
    info = dict(read[-1].info)
    if len(read) > 1:
        info["kept"] = f"the mean of {len(read)} files' weights"
        for fact in ("epoch", "minutes"):
            info[fact] = " and ".join(str(one.info[fact]) for one in read)
    if arguments.map is not None:
        info["val"] = {"voc07": {"mAP": arguments.map}}
    path = FOLDER / f"{arguments.name}.safetensors"
    write_tensors(path, read[-1].config, mean(read), info, small=True)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
