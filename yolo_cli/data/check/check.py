"""Reads a whole dataset and collects all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from yolo_cli.data.check.boxes import check_boxes, in_pixels
from yolo_cli.data.check.ceiling import GRIDS, Ceiling, grid_ceiling
from yolo_cli.data.check.classes import ClassCounts, check_classes, count_classes
from yolo_cli.data.check.columns import check_columns
from yolo_cli.data.check.edges import check_edges
from yolo_cli.data.check.finding import (
    Finding,
    Spot,
    finding,
    in_order,
    of_error,
    of_fault,
    spot_of,
)
from yolo_cli.data.check.pictures import inspect_all
from yolo_cli.data.check.sizes import check_size, rotated
from yolo_cli.data.check.splits import (
    check_duplicates,
    check_overlap,
    group_duplicates,
    split_order,
)
from yolo_cli.data.check.survey import LabelledImage, Survey
from yolo_cli.data.check.survey_coco import survey_coco, with_lines
from yolo_cli.data.check.survey_text import survey_text
from yolo_cli.data.check.survey_voc import survey_voc
from yolo_cli.data.check.survey_yolo import survey_yolo
from yolo_cli.data.dataset import DatasetFolder, open_dataset
from yolo_cli.data.formats.coco import CocoReader
from yolo_cli.data.formats.common import BoxError, Reader, check_box
from yolo_cli.data.formats.text import TextReader
from yolo_cli.data.formats.voc import VocReader
from yolo_cli.data.formats.yolo import YoloReader
from yolo_cli.data.images import ImageFacts
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError

Phase: TypeAlias = Callable[[str, int | None], Callable[[int], None]]
"""Begins a phase: told what is done and how often (None: not known), gives what counts it."""

CROWDED = 90.0
"""Per cent of the objects that YOLOv1's grid should be able to hold."""

_ALL = "all"
_OTHERWISE_WRITTEN = frozenset({"columns-order", "box-normalised"})
_OF_ANOTHER_PICTURE = frozenset({"exif-ignored", "image-resized"})

Checked: TypeAlias = tuple[LabelledImage, ImageFacts]


@dataclass(frozen=True, eq=False)
class Report:
    """All that is known of a dataset.

    Attributes:
        root: the folder that the user named.
        format: of the labels; "" where that could not be found out.
        reader: knows the layout.
        findings: the gravest first.
        images: that are there, readable or not.
        counts: objects by class and split.
        samples: the images that can be read, with their usable boxes, as they would be trained on.
        labelled: what the labels say of each sample.
        groups: indices of samples that show nearly the same.
        ceilings: by number of cells along a side, then by split; all images are ``"all"``.
    """

    root: Path
    format: str
    reader: Reader | None
    findings: list[Finding]
    images: int = 0
    counts: ClassCounts = field(default_factory=ClassCounts)
    samples: list[Sample] = field(default_factory=list)
    labelled: list[LabelledImage] = field(default_factory=list)
    groups: list[list[int]] = field(default_factory=list)
    ceilings: Mapping[int, Mapping[str, Ceiling]] = field(default_factory=dict)

    @property
    def background(self) -> int:
        """Images of which the labels say that there is no object."""
        return sum(image.usable and not image.objects for image in self.labelled)

    @property
    def splits(self) -> dict[str, int]:
        """Images that can be read in each split, in its usual order."""
        names = [name for name in self.counts.by_split if name]
        return {name: sum(name in image.splits for image in self.labelled) for name in names}


def check_dataset(
    root: Path,
    *,
    format: str | None = None,  # noqa: A002
    input_size: int,
    phase: Phase = lambda _what, _total: lambda _count: None,
) -> Report:
    """Reads every label and every image of a dataset.

    Args:
        root: the dataset's folder, or the file that describes it.
        format: ``"voc"``, ``"yolo"``, ``"coco"`` or ``"text"``; None to find out.
        input_size: side of the network's input, that tiny boxes are judged by.
        phase: told of the progress.

    Returns:
        What was found; nothing is written anywhere.

    Raises:
        UserError: there is no dataset.
    """
    try:
        folder = open_dataset(root, format=format, skip_bad=True)
    except UserError as error:
        broken = _culprit(root, error)
        if broken is None:
            raise
        return Report(root, "", None, [of_error("dataset-unreadable", broken, error)])
    survey = _survey(folder, phase("reading labels", None))
    survey.splits = {name: survey.splits[name] for name in sorted(survey.splits, key=split_order)}
    paths = [image.path for image in survey.images]
    facts, findings = inspect_all(paths, phase("reading images", len(paths)))
    checked = [(image, facts[image.path]) for image in survey.images if image.path in facts]
    # Beside the one annotation file that the user named, other images may well be.
    unasked = () if root.is_dir() else ("image-unlisted",)
    findings += [one for one in survey.findings if one.code not in unasked]
    findings += check_overlap(survey.images)
    findings += _boxes(survey, checked, input_size)
    counts = count_classes(survey)
    findings += check_classes(survey, counts, root)
    labelled = [image for image, _ in checked]
    seen = [one for _, one in checked]
    phase("comparing images", None)
    groups = group_duplicates(labelled, seen)
    findings += check_duplicates(labelled, seen, groups)
    samples = [*_samples(survey, checked, counts)]
    ceilings = {size: _ceilings(survey, labelled, samples, size) for size in GRIDS}
    if not any(one.code in _OTHERWISE_WRITTEN for one in findings):
        findings += _crowded(root, ceilings)
    return Report(
        root=root,
        format=folder.format,
        reader=folder.reader,
        findings=in_order(with_lines(findings)),
        images=len(survey.images),
        counts=counts,
        samples=samples,
        labelled=labelled,
        groups=groups,
        ceilings=ceilings,
    )


def _culprit(root: Path, error: UserError) -> Path | None:
    """The file of a dataset whose fault it is that the dataset cannot be opened."""
    match = re.match(r"(.+?)(:\d+)?: ", error.message)
    path = Path(match[1]) if match is not None else root
    describes = path.suffix.lower() in {".yaml", ".yml", ".json"}
    return path if path.is_file() and (path != root or describes) else None


def _survey(folder: DatasetFolder, count: Callable[[int], None]) -> Survey:
    reader = folder.reader
    if isinstance(reader, VocReader):
        return survey_voc(reader, count)
    if isinstance(reader, YoloReader):
        return survey_yolo(reader, count)
    if isinstance(reader, CocoReader):
        return survey_coco(reader, count)
    assert isinstance(reader, TextReader)
    return survey_text(reader, count)


def _boxes(survey: Survey, checked: Sequence[Checked], input_size: int) -> Iterator[Finding]:
    """What is wrong with boxes: first of the whole dataset, then what that does not explain."""
    sound: list[Checked] = []
    for image, facts in checked:
        wrong = None if survey.relative else check_size(image, facts)
        if wrong is not None:
            yield wrong
        if wrong is None or wrong.code not in _OF_ANOTHER_PICTURE:
            sound.append((image, facts))
    yield from rotated(sound)
    columns, explained = check_columns(sound, survey.form, relative=survey.relative)
    yield from columns
    edges, over = check_edges(sound, survey.form, relative=survey.relative)
    if not columns:
        yield from edges
    for image, facts in sound:
        for one in check_boxes(
            image, facts.upright, relative=survey.relative, input_size=input_size
        ):
            told = one.spot in explained or (one.code == "box-over-edge" and one.spot in over)
            if not told:
                yield one
    for image in survey.images:
        yield from (of_fault(one) for one in image.faults if spot_of(one) not in explained)


def _samples(survey: Survey, checked: Iterable[Checked], counts: ClassCounts) -> Iterator[Sample]:
    """The images as they would be trained on, with the boxes that a reader takes."""
    number = {name: index for index, name in enumerate(counts.total)}
    for image, facts in checked:
        width, height = facts.upright
        kept = []
        for item in image.objects:
            box = in_pixels(item, facts.upright, relative=survey.relative)
            try:
                good = check_box(box, width, height)
            except BoxError:
                continue
            if item.name:
                kept.append((good, number[item.name], item.difficult, item.crowd))
        boxes = np.array([box for box, _, _, _ in kept], dtype=np.float64).reshape(-1, 4)
        yield Sample(
            id=image.id,
            image=image.path,
            width=width,
            height=height,
            boxes=boxes,
            labels=np.array([label for _, label, _, _ in kept], dtype=np.int64),
            difficult=np.array([difficult for _, _, difficult, _ in kept], dtype=np.bool_),
            crowd=np.array([crowd for _, _, _, crowd in kept], dtype=np.bool_),
            area=(boxes[:, 2:] - boxes[:, :2]).prod(axis=1),
        )


def _ceilings(
    survey: Survey, labelled: Sequence[LabelledImage], samples: Sequence[Sample], size: int
) -> dict[str, Ceiling]:
    found = {
        split: grid_ceiling(
            (one for image, one in zip(labelled, samples, strict=True) if split in image.splits),
            size,
        )
        for split in survey.splits
    }
    return {**found, _ALL: grid_ceiling(samples, size)}


def _crowded(root: Path, ceilings: Mapping[int, Mapping[str, Ceiling]]) -> Iterator[Finding]:
    coarse, fine = (ceilings[size] for size in GRIDS)
    if coarse[_ALL].recall < CROWDED:
        message = (
            f"{GRIDS[0]} x {GRIDS[0]} cells with one object each can hold "
            f"{coarse[_ALL].recall:.1f} % of the objects; {GRIDS[1]} x {GRIDS[1]} can hold "
            f"{fine[_ALL].recall:.1f} %"
        )
        remedy = f"train with --grid {GRIDS[1]}"
        yield finding("grid-crowded", Spot(root), message, remedy=remedy)
