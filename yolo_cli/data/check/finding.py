"""One thing that is wrong with a dataset, and the table of all kinds of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats.scan import Fault, Severity, Spot
from yolo_cli.errors import UserError

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Gravest first."""

# What each kind of finding usually is, and what to do about it.
CODES: dict[str, tuple[Severity, str]] = {
    "dataset-unreadable": ("error", "correct the file"),
    "no-labels": ("error", "label at least one object"),
    "split-empty": ("error", "put images into it, or remove it"),
    "split-missing": ("warning", "correct the path, or remove the split"),
    "split-overlap": ("error", "keep it in one of them"),
    "label-unreadable": ("error", "get an intact copy, or label the image again"),
    "number-as-text": ("warning", "write numbers without quotes"),
    "super-category": ("info", "nothing to do"),
    "label-syntax": ("error", "correct or remove it"),
    "shape-skipped": ("warning", "draw it as a box or a polygon"),
    "box-rotated": ("warning", "its upright hull is used; draw a box where that is too large"),
    "shapes-joined": ("info", "give parts of other objects another group_id"),
    "label-ambiguous": ("warning", "keep one of them"),
    "id-repeated": ("error", "keep one of them"),
    "no-image": ("error", "restore the image, or remove what refers to it"),
    "label-misplaced": ("warning", "put the image and its label into the same split"),
    "no-outline": ("error", "draw a polygon around it"),
    "no-label": ("warning", "if there is nothing in it, add an empty label that says so"),
    "no-mask": ("error", "draw its mask, or take it out of the dataset"),
    "image-unreadable": ("error", "replace it by an intact copy, or remove it"),
    "image-damaged": ("error", "replace it by an intact copy, or remove it"),
    "image-suffix": ("warning", "rename it"),
    "image-ambiguous": ("warning", "rename or remove one of them"),
    "image-unlisted": ("info", "add them to a split, or ignore this"),
    "list-repeated": ("warning", "remove the line"),
    "filename-wrong": ("warning", "check whose boxes these are"),
    "size-wrong": ("warning", "check that the boxes fit the image, then correct the size"),
    "image-resized": ("error", "scale the boxes, or use the original image"),
    "exif-ignored": ("error", "rotate the boxes, or remove the rotation from the image"),
    "exif-rotated": ("info", "check with --preview that boxes and image agree"),
    "columns-order": ("error", "write the columns in the order of the format"),
    "box-normalised": ("error", "multiply by the image's width and height"),
    "box-not-normalised": ("error", "divide by the image's width and height"),
    "box-not-finite": ("error", "correct or remove the box"),
    "box-swapped": ("error", "swap the corners"),
    "box-empty": ("error", "redraw or remove the box"),
    "box-outside": ("error", "correct the box"),
    "box-over-edge": ("warning", "it is clipped; correct the box"),
    "box-repeated": ("warning", "remove one of the two"),
    "box-two-classes": ("warning", "keep the right class"),
    "box-tiny": ("info", "hard to learn at this input size"),
    "off-by-one": ("warning", "shift the boxes by a pixel"),
    "class-alone": ("error", "label another class as well"),
    "class-empty": ("error", "put images into it, or remove the folder"),
    "class-count": ("warning", "correct the number, or the names"),
    "class-unknown": ("error", "correct the class, or add it to the names"),
    "class-unnamed": ("info", "name the class in the labels if it has another name"),
    "class-spelling": ("warning", "if they are one class, give them one name"),
    "class-unused": ("info", "label objects of it, or remove it from the names"),
    "class-missing": ("warning", "divide again with --split, or label more images"),
    "class-imbalance": ("warning", "label more of it"),
    "duplicate": ("warning", "keep one of them"),
    "leak": ("error", "keep both in one split, as --split does"),
    "grid-crowded": ("warning", "try a finer grid"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: kind, a key of `CODES`.
        severity: errors keep a dataset, or the part in question, from being used as it is meant.
        spot: where.
        message: what is wrong, in one line.
        remedy: what to do, in a few words.
    """

    code: str
    severity: Severity
    spot: Spot
    message: str
    remedy: str


def finding(
    code: str,
    spot: Spot,
    message: str,
    *,
    severity: Severity | None = None,
    remedy: str | None = None,
) -> Finding:
    """Make a finding; severity and remedy default to those of its kind."""
    usual, remedies = CODES[code]
    if spot.item:
        message = f"{spot.item}: {message}"
    return Finding(code, severity or usual, spot, message, remedy or remedies)


def of_fault(fault: Fault) -> Finding:
    """Make the finding that a fault of a format's scan is."""
    remedy = fault.hint or None
    return finding(fault.code, fault.spot, fault.what, severity=fault.severity, remedy=remedy)


def of_error(code: str, error: UserError, path: Path) -> Finding:
    """Make the finding that an error is; ``path`` is where it names no file."""
    fault = Fault.of_error(code, error, path)
    return finding(code, fault.spot, fault.what, remedy=fault.hint or None)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sort the gravest first, each code together, by file and line."""
    return sorted(
        findings,
        key=lambda one: (
            SEVERITIES.index(one.severity),
            one.code,
            str(one.spot.path),
            one.spot.line,
            one.spot.number,
            one.message,
        ),
    )
