"""A dataset as its labels have it: nothing is left out, and no image has been opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from yolo_cli.data.check.finding import Finding, Spot
from yolo_cli.data.formats.common import Box, Fault

BoxForm: TypeAlias = Literal["corners", "centre", "corner and size"]
"""How a format writes a box: two corners, centre and size, or the upper left corner and size."""


@dataclass(frozen=True)
class LabelledObject:
    """One object.

    Attributes:
        spot: where it is labelled.
        name: of its class; "" where the number is no class's.
        box: xyxy counted from 0, in pixels or in fractions of the image's sides; unchecked.
        written: the box's four numbers as the file has them.
        difficult: VOC's flag.
        crowd: COCO's flag.
    """

    spot: Spot
    name: str
    box: Box
    written: Box
    difficult: bool = False
    crowd: bool = False


@dataclass
class LabelledImage:
    """One image with its labels, or what should be one.

    Attributes:
        id: name within its folder or annotation file.
        path: of the image; it need not be there.
        spot: where it is labelled, else the image itself.
        splits: where each split that it belongs to names it.
        objects: in the order of the file.
        faults: what in the label file is no object.
        stated: width and height by the label, and where it says so.
        source: the annotation file it is an entry of, where several images share one.
        usable: False where its label cannot be read, so that nobody knows what is on it.
    """

    id: str
    path: Path
    spot: Spot
    splits: dict[str, Spot] = field(default_factory=dict)
    objects: list[LabelledObject] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    stated: tuple[float, float, Spot] | None = None
    source: Path | None = None
    usable: bool = True


@dataclass
class Survey:
    """All that the labels of a dataset say.

    Attributes:
        form: how the format writes boxes.
        relative: whether in fractions of the image's sides.
        splits: name (``valid`` and the like called ``val``) and place of each.
        classes: names that the dataset declares, with their place; empty where labels name them.
        images: those that are there, each once.
        findings: what was noticed on the way.
    """

    form: BoxForm
    relative: bool
    splits: dict[str, Spot] = field(default_factory=dict)
    classes: Mapping[str, Spot] = field(default_factory=dict)
    images: list[LabelledImage] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
