"""Networks in Darknet's files, with random numbers, and Darknet itself where it is installed."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from yolo_cli.darknet.cfg import read_cfg
from yolo_cli.darknet.chain import chain_of
from yolo_cli.darknet.header import Header

LIBRARY = Path("/usr/lib/darknet/libdarknet.so")  # Debian's package darknet
CFGS = Path("/usr/share/darknet/cfg")
Floats = npt.NDArray[np.float32]

needs_darknet = pytest.mark.skipif(not LIBRARY.is_file(), reason="apt-get install darknet")

NET = "[net]\nbatch=1\nsubdivisions=1\nheight={side}\nwidth={side}\nchannels=3\n"
CONV = "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\nactivation=leaky\n"
POOL = "[maxpool]\nsize=2\nstride=2\n"
DETECTION = (
    "[detection]\nclasses={classes}\ncoords=4\nrescore=1\nside={side}\nnum={boxes}\nsqrt=1\n"
)


def detector(*layers: str, side: int = 32, grid: int = 2, boxes: int = 2, classes: int = 3) -> str:
    """Return the cfg of a detector with these layers before the last."""
    outputs = grid * grid * (5 * boxes + classes)
    last = f"[connected]\noutput={outputs}\nactivation=linear\n"
    detection = DETECTION.format(classes=classes, side=grid, boxes=boxes)
    return "\n".join([NET.format(side=side), *layers, last, detection])


def classifier(*layers: str, side: int = 32, classes: int = 3) -> str:
    """Return the cfg of a classifier with these layers before the last, as Darknet-19 ends."""
    last = f"[convolutional]\nfilters={classes}\nsize=1\nstride=1\npad=1\nactivation=linear\n"
    return "\n".join([NET.format(side=side), *layers, last, "[avgpool]", "[softmax]\ngroups=1\n"])


def numbers_of(cfg: Path, seed: int = 0, layers: int | None = None) -> Floats:
    """Return random numbers for the first layers with weights, of sane size, in Darknet's order."""
    rng = np.random.default_rng(seed)
    found: list[Floats] = []
    for step in [one for one in chain_of(read_cfg(cfg)).steps if one.count][:layers]:
        row, side = step.row, step.inputs.side
        assert row is not None
        outputs = row.channels * (step.outputs.side**2 if row.kind == "local" else 1)
        taps = step.inputs.channels * (side**2 if row.kind == "connected" else row.size**2)
        bias, factor = rng.normal(0, 0.1, outputs), rng.uniform(0.5, 1.5, outputs)
        mean, variance = rng.normal(0, 0.1, outputs), rng.uniform(0.01, 2, outputs)
        weight = rng.normal(0, (2 / taps) ** 0.5, outputs * taps)
        if row.kind == "connected":
            parts = [bias, weight, *([factor, mean, variance] if row.norm else [])]
        else:
            parts = [bias, *([factor, mean, variance] if row.norm else []), weight]
        found += [part.astype("<f4") for part in parts]
    return np.concatenate(found)


def write_network(
    folder: Path, cfg: str, header: Header | None = None, layers: int | None = None
) -> tuple[Path, Path]:
    """Write a cfg and a weights file with random numbers."""
    paths = folder / "net.cfg", folder / "net.weights"
    paths[0].write_text(cfg, "utf-8")
    start = (header or Header((0, 2, 0), 2**33 + 5)).encode()
    paths[1].write_bytes(start + numbers_of(paths[0], layers=layers).tobytes())
    return paths


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(LIBRARY))
    # Built with -Ofast, it lets this process round the smallest numbers to zero when it is loaded.
    torch.set_flush_denormal(False)
    return library


def predict(cfg: Path, weights: Path, image: torch.Tensor, outputs: int) -> Floats:
    """Run Darknet.

    Args:
        cfg: the network.
        weights: its numbers.
        image: ``[1, 3, S, S]`` uint8.
        outputs: how many numbers it gives.
    """
    library, floats = _library(), ctypes.POINTER(ctypes.c_float)
    library.load_network.restype = ctypes.c_void_p
    library.load_network.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
    library.network_predict.restype = floats
    library.network_predict.argtypes = [ctypes.c_void_p, floats]
    library.set_batch_network.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.free_network.argtypes = [ctypes.c_void_p]
    network = library.load_network(str(cfg).encode(), str(weights).encode(), 0)
    library.set_batch_network(network, 1)
    given = np.ascontiguousarray(image[0].float().numpy() / 255, dtype=np.float32)
    found = library.network_predict(network, given.ctypes.data_as(floats))
    result: Floats = np.ctypeslib.as_array(found, (outputs,)).copy()
    library.free_network(network)
    return result


def darknet_writes(cfg: Path, weights: Path) -> None:
    """Let Darknet write the random numbers that it starts a network with."""
    library = _library()
    library.parse_network_cfg.restype = ctypes.c_void_p
    library.parse_network_cfg.argtypes = [ctypes.c_char_p]
    library.save_weights.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.save_weights(library.parse_network_cfg(str(cfg).encode()), str(weights).encode())


def close(found: Sequence[float] | Floats, expected: Sequence[float] | Floats) -> bool:
    """Whether two outputs are the same within 1e-4 of the largest number."""
    ours, theirs = np.asarray(found), np.asarray(expected)
    return bool(np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max())
