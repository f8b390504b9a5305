"""A dataset as its labels have it: nothing is left out, and no image has been opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from yolo_cli.data.check.finding import Finding, finding, of_fault
from yolo_cli.data.formats.common import canonical_split
from yolo_cli.data.formats.scan import BoxForm, Fault, LabelledImage, Reader, Spot

_ORDER = {"train": 0, "trainval": 1, "val": 2, "test": 3}


@dataclass
class Survey:
    """All that the labels of a dataset say.

    Attributes:
        form: how the format writes boxes.
        relative: whether in fractions of the image's sides.
        classes: names that the dataset declares, with their place; empty where labels name them.
        splits: name (``valid`` and the like called ``val``) and place of each, in the usual order.
        images: each once, with all its splits, in the order in which training reads them.
        again: other labels of the same images, where a split has its own.
        findings: what was noticed on the way.
    """

    form: BoxForm
    relative: bool
    classes: Mapping[str, Spot]
    splits: dict[str, Spot] = field(default_factory=dict)
    images: list[LabelledImage] = field(default_factory=list)
    again: list[LabelledImage] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def labelled(self) -> list[LabelledImage]:
        """All images with labels to judge; some of them twice, as two splits label them."""
        return [*self.images, *self.again]


def split_order(split: str) -> tuple[int, str]:
    """Return what splits are sorted by: train, trainval, val, test, then others by name."""
    return _ORDER.get(split, 9), split


def survey(reader: Reader, count: Callable[[int], None]) -> Survey:
    """Scan a dataset: each split for itself, as training does, then what is in no split.

    Args:
        reader: of the dataset.
        count: called with the number of images found since the last call.
    """
    found = Survey(reader.form, reader.relative, reader.declared)
    images: dict[Path, LabelledImage] = {}
    faults: set[Fault] = set()
    names = sorted(reader.splits, key=lambda name: (split_order(canonical_split(name)), name))
    for own in (*names, None):
        empty, readable = True, True
        for item in reader.scan(own):
            if isinstance(item, LabelledImage):
                empty = False
                _add_image(found, images, item, count)
            elif item not in faults:
                faults.add(item)
                found.findings.append(of_fault(item))
                readable &= item.code != "label-unreadable"
        if own is not None:
            split = canonical_split(own)
            spot = reader.splits[own]
            found.splits.setdefault(split, spot)
            if empty and readable:
                found.findings.append(finding("split-empty", spot, f"{split} has no image"))
    found.images = list(images.values())
    found.findings += map(of_fault, reader.leftovers())
    return found


def _add_image(
    found: Survey,
    images: dict[Path, LabelledImage],
    item: LabelledImage,
    count: Callable[[int], None],
) -> None:
    splits: dict[str, Spot] = {}
    for own, spot in item.splits.items():
        splits.setdefault(canonical_split(own), spot)
    first = images.get(item.path)
    if first is None:
        images[item.path] = replace(item, splits=splits)
        count(1)
        return
    first.splits = {**splits, **first.splits}
    if splits and item.spot != first.spot:
        found.again.append(replace(item, splits=splits))
