"""One thing that is wrong with a dataset, and the table of all kinds of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from yolo_cli.data.formats.coco_json import ListName
from yolo_cli.data.formats.common import Fault, FaultKind
from yolo_cli.errors import UserError

Severity: TypeAlias = Literal["error", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Gravest first."""

# What each kind of finding usually is, and what to do about it.
CODES: dict[str, tuple[Severity, str]] = {
    "dataset-unreadable": ("error", "mend the file"),
    "no-labels": ("error", "label at least one object"),
    "split-empty": ("error", "put images into it, or remove it"),
    "split-overlap": ("error", "keep it in one of them"),
    "label-unreadable": ("error", "get an intact copy, or label the image anew"),
    "label-syntax": ("error", "mend or remove it"),
    "id-repeated": ("error", "keep one of them"),
    "no-image": ("error", "restore the image, or remove what asks for it"),
    "no-label": ("warning", "if nothing is on it, an empty label says so"),
    "image-unreadable": ("error", "replace it by an intact copy, or remove it"),
    "image-damaged": ("error", "replace it by an intact copy, or remove it"),
    "image-suffix": ("warning", "rename it"),
    "image-ambiguous": ("warning", "rename or remove one of them"),
    "image-unlisted": ("info", "list them, or leave them out on purpose"),
    "list-repeated": ("warning", "remove the line"),
    "filename-wrong": ("warning", "see whose boxes these are"),
    "size-wrong": ("warning", "see that the boxes fit the image, then correct the size"),
    "image-resized": ("error", "scale the boxes, or take the original image"),
    "exif-ignored": ("error", "turn the boxes, or remove the rotation from the image"),
    "exif-rotated": ("info", "see with --preview that boxes and image agree"),
    "columns-order": ("error", "write the columns in the order of the format"),
    "box-normalised": ("error", "multiply by the image's width and height"),
    "box-not-normalised": ("error", "divide by the image's width and height"),
    "box-not-finite": ("error", "mend or remove the box"),
    "box-swapped": ("error", "swap the corners"),
    "box-empty": ("error", "draw or remove the box"),
    "box-outside": ("error", "mend the box"),
    "box-over-edge": ("warning", "it is clipped; mend the box"),
    "box-repeated": ("warning", "remove one of the two"),
    "box-two-classes": ("warning", "keep the class that is right"),
    "box-tiny": ("info", "hardly to be learned at this input size"),
    "off-by-one": ("warning", "shift the boxes by a pixel"),
    "class-unknown": ("error", "correct the class, or add it to the names"),
    "class-spelling": ("warning", "if they are one class, give them one name"),
    "class-unused": ("info", "label objects of it, or remove it from the names"),
    "class-missing": ("warning", "divide anew with --split, or label more images"),
    "class-imbalance": ("warning", "label more of it"),
    "duplicate": ("warning", "keep one of them"),
    "leak": ("error", "keep both in one split; --split does"),
    "grid-crowded": ("warning", "try a finer grid"),
}

_OF_KIND: dict[FaultKind, str] = {
    "syntax": "label-syntax",
    "class": "class-unknown",
    "columns": "box-not-normalised",
    "swapped": "box-swapped",
    "missing": "no-image",
    "repeated": "id-repeated",
}


@dataclass(frozen=True)
class Spot:
    """A place in a dataset.

    Attributes:
        path: a file or folder.
        line: in the file, from 1; 0 where there is none or it is not known yet.
        item: what stands there, where a line does not tell it.
        entry: which list of a COCO file it stands in, and its index there.
    """

    path: Path
    line: int = 0
    item: str = ""
    entry: tuple[ListName, int] | None = None


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
    """A finding, of the usual severity and with the usual remedy unless told."""
    usual, remedies = CODES[code]
    if spot.item:
        message = f"{spot.item}: {message}"
    return Finding(code, severity or usual, spot, message, remedy or remedies)


def of_fault(fault: Fault) -> Finding:
    """The finding that a reader's fault is."""
    return finding(_OF_KIND[fault.kind], spot_of(fault), fault.what)


def spot_of(fault: Fault) -> Spot:
    """The place of a reader's fault."""
    kind: ListName = "image" if fault.item.startswith("image") else "annotation"
    entry = None if fault.index is None else (kind, fault.index)
    return Spot(fault.path, fault.line, fault.item, entry)


def of_error(code: str, path: Path, error: UserError) -> Finding:
    """The finding that an error about a file is; its message begins with the file's path."""
    match = re.match(rf"{re.escape(str(path))}(?::(\d+))?: (.*)", error.message, re.DOTALL)
    if match is None:
        return finding(code, Spot(path), error.message)
    return finding(code, Spot(path, int(match[1] or 0)), match[2])


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, each code together, by file and line."""
    return sorted(
        findings,
        key=lambda one: (
            SEVERITIES.index(one.severity),
            one.code,
            str(one.spot.path),
            one.spot.line,
            one.spot.entry or ("", 0),
            one.message,
        ),
    )
