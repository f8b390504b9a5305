"""Divides a dataset: which image goes into which split. Writing them is the format's business."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from yolo_cli.data.check.check import Report
from yolo_cli.data.check.division import GroupTooLargeError, divide_images
from yolo_cli.data.check.together import Together, divided_video, kept_together, said_together
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
        UserError: there are fewer images than splits, or images that belong together are too
            many for the shares.
    """
    usable = _usable(report)
    if len(usable) < len(shares):
        raise UserError(f"too few images to divide ({len(usable)})", path=report.root)
    samples = [report.samples[index] for index in usable]
    together = _together(report, usable)
    try:
        parts = divide_images(samples, len(report.counts.total), together, shares, seed)
    except GroupTooLargeError as error:
        raise _refused(report, usable, shares, error) from error
    return {
        split: [usable[row] for row in part] for split, part in zip(SPLITS, parts, strict=False)
    }


def _usable(report: Report) -> list[int]:
    return [index for index, image in enumerate(report.labelled) if image.usable]


def _together(report: Report, usable: Sequence[int]) -> list[Together]:
    """Groups of places in `usable`."""
    place = {index: row for row, index in enumerate(usable)}
    groups = [[place[index] for index in group if index in place] for group in report.groups]
    paths = [report.labelled[index].path for index in usable]
    return kept_together(paths, [group for group in groups if group])


def _refused(
    report: Report, usable: Sequence[int], shares: Sequence[float], error: GroupTooLargeError
) -> UserError:
    first, second = (report.labelled[usable[row]].path for row in error.group.members[:2])
    asked = "/".join(f"{100 * share:.3g}" for share in shares)
    sizes = "/".join(map(str, error.sizes))
    return UserError(
        f"cannot be divided {asked}: {len(error.group.members)} of {len(usable)} images belong "
        f"together ({error.group.why}), such as {first} and {second.name}; "
        f"the splits would have {sizes} images",
        "remove copies, add other images, or ask for other shares",
        path=report.root,
    )


def division_notes(report: Report, division: Division) -> list[str]:
    """Return what is to be said of a division: what was kept together, and a divided video."""
    usable = _usable(report)
    kept = said_together(_together(report, usable))
    notes = [kept] if kept else []
    thumbnails = {index: report.facts[index].thumbnail for index in usable}
    paths = [image.path for image in report.labelled]
    frames = divided_video(paths, thumbnails, division.values())
    if frames is not None:
        one, other = (paths[index] for index in frames)
        notes.append(
            f"warning: frames of one video are in two splits, such as {one} and {other.name}; "
            "divide by video instead"
        )
    return notes


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
