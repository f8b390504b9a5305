"""A dataset as its labels have it: nothing is left out, and no image has been opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
        numbers: index of each class by its name, where labels are masks.
    """

    form: BoxForm
    relative: bool
    classes: Mapping[str, Spot]
    splits: dict[str, Spot] = field(default_factory=dict)
    images: list[LabelledImage] = field(default_factory=list)
    again: list[LabelledImage] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    numbers: Mapping[str, int] = field(default_factory=dict)

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
    splits: dict[Path, dict[str, Spot]] = {}
    again: dict[Spot, LabelledImage] = {}
    faults: set[Fault] = set()
    for own in _in_order(reader.splits):
        empty, readable = True, True
        for item in reader.scan(own):
            if isinstance(item, Fault):
                readable &= item.code != "label-unreadable"
                if item not in faults:
                    faults.add(item)
                    found.findings.append(of_fault(item))
                continue
            empty = False
            first = images.setdefault(item.path, item)
            count(item.path not in splits)
            named = splits.setdefault(item.path, {})
            for name, spot in item.splits.items():
                named.setdefault(canonical_split(name), spot)
            if item.splits and item.spot != first.spot:
                again.setdefault(item.spot, item)
        if own is not None:
            split, spot = canonical_split(own), reader.splits[own]
            found.splits.setdefault(split, spot)
            if empty and readable:
                found.findings.append(finding("split-empty", spot, f"{split} has no image"))
    found.images = [replace(image, splits=splits[path]) for path, image in images.items()]
    found.again = list(again.values())
    if any(image.annotate is not None for image in found.images):
        found.numbers = {name: index for index, name in enumerate(reader.classes)}
    found.findings += map(of_fault, reader.leftovers())
    return found


def _in_order(splits: Iterable[str]) -> list[str | None]:
    """Names of splits as training reads them; then None, for what is in no split."""
    return [*sorted(splits, key=lambda own: (split_order(canonical_split(own)), own)), None]
