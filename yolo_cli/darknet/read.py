"""Darknet's cfg and weights files as weights of this tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolo_cli.darknet.cfg import Section, read_cfg
from yolo_cli.darknet.chain import Step, chain_of
from yolo_cli.darknet.header import Header
from yolo_cli.darknet.layout import blocks_of, without_numbers
from yolo_cli.darknet.target import Target, target_of
from yolo_cli.data.formats.yolo_names import read_names
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.weights import Weights
from yolo_cli.tasks.networks import shapes_of

REST = "darknet.rest"
"""Tensor of the numbers of layers that have no place in a network here, so that none is lost."""


@dataclass(frozen=True)
class Read:
    """What has become of a cfg and a weights file.

    Attributes:
        weights: ready to be written.
        target: the network.
        left_out: layers with weights that are kept, but not used.
        missing: layers that the weights file ends before.
    """

    weights: Weights
    target: Target
    left_out: tuple[Section, ...] = ()
    missing: tuple[Section, ...] = ()


def read_darknet(cfg: Path, weights: Path, names: Path | None) -> Read:
    """Read a network of Darknet.

    Args:
        cfg: its layers.
        weights: its numbers.
        names: a file with the name of a class in each line, as many as there are classes, or more
            for a classifier, as Darknet has them for ImageNet; None for those of VOC, where a
            detector has twenty, and for numbers, where it is a classifier.

    Raises:
        UserError: a file cannot be read, is damaged, belongs to another one, or has something in it
            that is not known here.
    """
    chain = chain_of(read_cfg(cfg))
    steps = [step for step in chain.steps if step.count]
    header, numbers = _read_numbers(weights)
    whole = len(numbers) >= sum(step.count for step in steps)
    classifier = chain.task is not None and chain.task.name == "softmax"
    given = None if names is None else read_names(names, again=classifier).names
    target = target_of(chain, given, whole=whole)
    network = shapes_of(target.config)
    blocks = list(blocks_of(network, target))
    found = _divide(numbers, steps, len(steps) if target.whole else len(blocks), weights)
    _check_finite(found, steps, weights)
    tensors: dict[str, Tensor] = {}
    for block, own in zip(blocks, found, strict=False):
        tensors |= block.decode(own, transposed=header.transposed)
    if len(found) > len(blocks):
        tensors[REST] = torch.cat(found[len(blocks) :])
    tensors |= without_numbers(network, target)
    origin = {"cfg": chain.cfg.text, "version": list(header.version), "seen": header.seen}
    info: dict[str, Any] = {"start": f"{weights.name} of Darknet", "darknet": origin}
    return Read(
        Weights(target.config, {name: _small(one) for name, one in tensors.items()}, info),
        target,
        tuple(step.section for step in steps[len(blocks) : len(found)]),
        tuple(step.section for step in steps[len(found) :]),
    )


def _read_numbers(path: Path) -> tuple[Header, Tensor]:
    """Read a weights file.

    Raises:
        UserError: it cannot be read, or is none.
    """
    if path.is_dir():
        raise UserError("a folder, not a weights file", path=path)
    try:
        content = path.read_bytes()
    except OSError as error:
        code = ExitCode.FAILURE if isinstance(error, PermissionError) else ExitCode.BAD_INPUT
        raise UserError(error.strerror or str(error), code=code, path=path) from error
    header = Header.decode(content[:20], path)
    if (len(content) - header.size) % 4:
        raise UserError(
            f"{len(content)} bytes are no whole number of float32: truncated, or no weights file",
            "copy or download it again",
            path=path,
        )
    values = np.frombuffer(content, dtype="<f4", offset=header.size).astype(np.float32)
    return header, torch.from_numpy(values)


def _divide(numbers: Tensor, steps: Sequence[Step], least: int, path: Path) -> list[Tensor]:
    """Give each layer its numbers.

    Args:
        numbers: all of a file's.
        steps: layers with weights.
        least: how many of them the file has to have in any case; files of a network's first layers
            end after one of them.
        path: of the file.

    Returns:
        The numbers of the layers that the file has.

    Raises:
        UserError: the file ends too early, or has more than that.
    """
    counts = [step.count for step in steps]
    ends = np.cumsum(counts).tolist()
    cfg = steps[0].section.path
    have = len(numbers)
    if have > ends[-1]:
        raise UserError(
            f"{have - ends[-1]:,} numbers more than the {ends[-1]:,} of {cfg}",
            "it belongs to another cfg, or has something behind its end",
            path=path,
        )
    done = sum(end <= have for end in ends)
    if done < least or have != ends[done - 1]:
        where = steps[done].section
        raise UserError(
            f"ends after {have:,} of {ends[-1]:,} numbers, within layer {done + 1} of "
            f"{len(steps)} with weights, [{where.name}] in {cfg}:{where.line}",
            "it is truncated, or belongs to another cfg: copy it again, or name its own",
            path=path,
        )
    return list(numbers.split(counts[:done]))


def _check_finite(found: Sequence[Tensor], steps: Sequence[Step], path: Path) -> None:
    for one, step in zip(found, steps, strict=False):
        if not one.isfinite().all():
            raise UserError(
                f"values that are no finite numbers, in {step.section}",
                "it belongs to another cfg, is damaged, or its training failed",
                path=path,
            )


def _small(tensor: Tensor) -> Tensor:
    """Return a tensor in float16 where that loses nothing."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if torch.equal(half.float(), tensor) else tensor.contiguous()
