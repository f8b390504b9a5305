"""Divides a dataset: which image goes into which split. Writing them is the format's business."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from yolo_cli.data.check.check import Report
from yolo_cli.data.check.stratify import stratify
from yolo_cli.data.dataset import open_dataset, refuse_inside
from yolo_cli.errors import ExitCode, UserError

SPLITS = ("train", "val", "test")

Division = Mapping[str, Sequence[int]]


def parse_shares(text: str) -> tuple[float, ...]:
    """Read ``80/10/10`` or ``80/20`` as shares of train, val and test, with a sum of 1.

    Raises:
        UserError: it is something else.
    """
    try:
        values = [float(part) for part in text.split("/")]
    except ValueError:
        values = []
    if len(values) not in {2, 3} or not all(0 < value < 1e6 for value in values):
        raise UserError(
            f"--split {text}: not shares of train, val and test",
            "write 80/10/10, or 80/20 for train and val",
            ExitCode.USAGE,
        )
    return tuple(value / sum(values) for value in values)


def divide(report: Report, shares: Sequence[float], seed: int) -> dict[str, list[int]]:
    """Divide the images that can be used, see :attr:`LabelledImage.usable`.

    Args:
        report: of the dataset.
        shares: as of :func:`parse_shares`.
        seed: of the choice among equals.

    Returns:
        Indices of the samples of each split.

    Raises:
        UserError: there are fewer images than splits.
    """
    usable = [index for index, image in enumerate(report.labelled) if image.usable]
    if len(usable) < len(shares):
        raise UserError(f"too few images to divide ({len(usable)})", path=report.root)
    place = {index: row for row, index in enumerate(usable)}
    labels = np.zeros((len(usable), len(report.counts.total)), dtype=np.bool_)
    for row, index in enumerate(usable):
        labels[row, report.samples[index].labels] = True
    groups = [[place[index] for index in group if index in place] for group in report.groups]
    parts = stratify(labels, [group for group in groups if group], shares, seed)
    return {
        split: [usable[row] for row in part] for split, part in zip(SPLITS, parts, strict=False)
    }


def check_out(root: Path, out: Path, *, but: Collection[str] = ()) -> None:
    """Refuse a folder that is part of the dataset, or that holds something.

    Args:
        root: the dataset's folder, or the file that describes it.
        out: the folder to be written.
        but: names of what may be in it.

    Raises:
        UserError: with :attr:`ExitCode.USAGE`.
    """
    refuse_inside([root if root.is_dir() else root.parent], out, "--out")
    if out.exists() and not (out.is_dir() and {one.name for one in out.iterdir()} <= {*but}):
        raise UserError(
            f"--out {out}: already exists and is not empty", "name a new folder", ExitCode.USAGE
        )


def write_division(report: Report, division: Division, out: Path) -> str:
    """Write a division as a dataset; no image is copied.

    Args:
        report: of the dataset.
        division: indices of the samples of each split.
        out: a folder, checked by :func:`check_out`.

    Returns:
        The format that was written: COCO's where the dataset's own has no splits.

    Raises:
        UserError: something cannot be written.
    """
    assert report.reader is not None  # there are images
    images = {split: [report.labelled[i] for i in part] for split, part in division.items()}
    report.reader.write_splits(images, out)
    return open_dataset(out).format
