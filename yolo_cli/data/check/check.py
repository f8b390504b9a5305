"""Read a whole dataset and collect all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from yolo_cli.data.check.boxes import check_boxes
from yolo_cli.data.check.ceiling import GRIDS, Ceiling, grid_ceiling
from yolo_cli.data.check.classes import ClassCounts, check_classes, check_contrast, count_classes
from yolo_cli.data.check.columns import check_columns
from yolo_cli.data.check.edges import check_edges
from yolo_cli.data.check.finding import Finding, finding, in_order, of_error, of_fault
from yolo_cli.data.check.pictures import check_files, inspect_all
from yolo_cli.data.check.rotation import check_rotation
from yolo_cli.data.check.splits import check_duplicates, check_overlap, group_duplicates
from yolo_cli.data.check.survey import Survey, survey
from yolo_cli.data.dataset import DatasetFolder, open_dataset
from yolo_cli.data.formats.judging import Judged, judge
from yolo_cli.data.formats.loading import make_sample
from yolo_cli.data.formats.scan import Fault, LabelledImage, Reader, Spot
from yolo_cli.data.images import ImageFacts, ImageHeader
from yolo_cli.data.sample import Sample
from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import UserError

Phase: TypeAlias = Callable[[str, int | None], Callable[[int], None]]
"""Begins a phase of the work: called with its name and length (None where that is not known), it
returns what is called with the number of items done."""

CROWDED = 90.0
"""Per cent of the objects that YOLOv1's grid should be able to hold."""

_ALL = "all"
_OTHERWISE_WRITTEN = frozenset({"columns-order", "box-normalised"})


@dataclass(frozen=True, eq=False)
class _Checked:
    """An image that can be read."""

    image: LabelledImage
    header: ImageHeader
    judged: Judged


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
        facts: what is known of the image file of each sample.
        groups: indices of samples that show nearly the same.
        ceilings: by number of cells along a side, then by split; all images are ``"all"``. What
            has no objects is left out.
        note: one line about what was found beside the dataset; "" if there is nothing.
        task: what it was read for.
    """

    root: Path
    format: str
    reader: Reader | None
    findings: list[Finding]
    images: int = 0
    counts: ClassCounts = field(default_factory=ClassCounts)
    samples: list[Sample] = field(default_factory=list)
    labelled: list[LabelledImage] = field(default_factory=list)
    facts: list[ImageFacts] = field(default_factory=list)
    groups: list[list[int]] = field(default_factory=list)
    ceilings: Mapping[int, Mapping[str, Ceiling]] = field(default_factory=dict)
    note: str = ""
    task: TaskName = "detect"

    @property
    def background(self) -> int:
        """Images of which the labels say that there is no object."""
        return sum(image.usable and not image.is_labelled for image in self.labelled)

    @property
    def splits(self) -> dict[str, int]:
        """Images that can be read in each split, in its usual order."""
        names = [name for name in self.counts.by_split if name]
        return {name: sum(name in image.splits for image in self.labelled) for name in names}


def check_dataset(
    root: Path,
    *,
    format: str | None = None,  # noqa: A002
    class_attribute: str | None = None,
    task: TaskName | None = None,
    input_size: int,
    phase: Phase = lambda _what, _total: lambda _count: None,
) -> Report:
    """Read every label and every image of a dataset.

    Args:
        root: the dataset's folder, or the file that describes it.
        format: a name in :data:`yolo_cli.data.formats.FORMATS`; None to find out.
        class_attribute: the attribute or column that names the class; None to find out.
        task: what it is read for; None for what it is labelled for.
        input_size: side of the network's input, that tiny boxes are judged by.
        phase: begins each phase of the work, for a progress bar.

    Returns:
        What was found; nothing is written anywhere.

    Raises:
        UserError: `root` is not a dataset.
    """
    try:
        folder = open_dataset(
            root, format=format, skip_bad=True, class_attribute=class_attribute, task=task
        )
    except UserError as error:
        broken = _culprit(root, error)
        if broken is None:
            raise
        return Report(root, "", None, [of_error("dataset-unreadable", error, broken)])
    return _judge(folder, root, input_size, phase)


def _judge(folder: DatasetFolder, root: Path, input_size: int, phase: Phase) -> Report:
    """Judge a dataset that can be opened."""
    found = survey(folder.reader, phase("reading labels", None))
    paths = [image.path for image in found.images]
    seen = inspect_all(paths, phase("reading images", len(paths)))
    findings = [*check_files(seen)]
    facts = {path: one for path, one in seen.items() if isinstance(one, ImageFacts)}
    # Beside the one annotation file that the user named, other images may well be.
    unasked = () if root.is_dir() else ("image-unlisted",)
    findings += [one for one in found.findings if one.code not in unasked]
    findings += check_overlap(found.images)
    checked = _judge_all(found, facts)
    boxes = folder.task == "detect"
    findings += _labels(found, checked, input_size) if boxes else _label_faults(found, checked)
    counts = count_classes(found)
    findings += check_classes(found, counts, root, "object" if boxes else "image")
    if folder.task == "segment":
        findings += check_contrast(counts, root)
    whole = checked[: sum(image.path in facts for image in found.images)]
    labelled = [one.image for one in whole]
    known = [facts[image.path] for image in labelled]
    phase("comparing images", None)
    groups = group_duplicates(labelled, known)
    findings += check_duplicates(labelled, known, groups)
    samples = _samples(whole, counts)
    ceilings = {size: _ceilings(found, labelled, samples, size) if boxes else {} for size in GRIDS}
    if not any(one.code in _OTHERWISE_WRITTEN for one in findings):
        findings += _crowded(root, ceilings)
    return Report(
        root=root,
        format=folder.format,
        task=folder.task,
        reader=folder.reader,
        findings=in_order(findings),
        images=len(found.images),
        counts=counts,
        samples=samples,
        labelled=labelled,
        facts=known,
        groups=groups,
        ceilings=ceilings,
        note=folder.note,
    )


def _samples(whole: Sequence[_Checked], counts: ClassCounts) -> list[Sample]:
    """Return the images that can be opened as samples."""
    number = {name: index for index, name in enumerate(counts.total)}
    return [make_sample(one.image, one.judged, one.header.upright, number) for one in whole]


def _culprit(root: Path, error: UserError) -> Path | None:
    """The file of a dataset whose fault it is that the dataset cannot be opened."""
    path = error.path or root
    describes = path.suffix.lower() in {".yaml", ".yml", ".json"}
    return path if path.is_file() and (path != root or describes) else None


def _judge_all(found: Survey, facts: Mapping[Path, ImageFacts]) -> list[_Checked]:
    """The images that can be read, in the order of the survey, with what can be used of them."""
    checked: list[_Checked] = []
    for image in found.labelled:
        if image.path in facts:
            header = facts[image.path].header
            judged = judge(image, header.upright, header.stored, relative=found.relative)
            checked.append(_Checked(image, header, judged))
    return checked


def _labels(found: Survey, checked: Sequence[_Checked], input_size: int) -> Iterator[Finding]:
    """What is wrong with labels: first of the whole dataset, then what that does not explain."""
    sound = [(one.image, one.header) for one in checked if one.judged.usable]
    yield from check_rotation(sound)
    errors = [fault for one in checked for fault in one.judged.faults if fault.severity == "error"]
    columns, explained = check_columns(sound, errors, found.form, relative=found.relative)
    yield from columns
    edges, over = check_edges(sound, found.form, relative=found.relative)
    if not columns:
        yield from edges
    for one in checked:
        size, relative = one.header.upright, found.relative
        for odd in check_boxes(one.judged, size, relative=relative, input_size=input_size):
            known = odd.spot in explained or (odd.code == "box-over-edge" and odd.spot in over)
            if not known:
                yield odd
    for fault in _faults(found, checked):
        if fault.spot not in explained:
            yield of_fault(fault)


def _label_faults(found: Survey, checked: Sequence[_Checked]) -> Iterator[Finding]:
    """What is wrong with labels that are no boxes."""
    yield from map(of_fault, _faults(found, checked))


def _faults(found: Survey, checked: Iterable[_Checked]) -> Iterator[Fault]:
    """What is wrong with each label, also where the image cannot be read."""
    readable = {id(one.image) for one in checked}
    for one in checked:
        yield from one.judged.faults
    for image in found.labelled:
        if id(image) not in readable:
            yield from image.faults


def _ceilings(
    found: Survey, labelled: Sequence[LabelledImage], samples: Sequence[Sample], size: int
) -> dict[str, Ceiling]:
    by_split = {
        split: grid_ceiling(
            (one for image, one in zip(labelled, samples, strict=True) if split in image.splits),
            size,
        )
        for split in found.splits
    }
    by_split[_ALL] = grid_ceiling(samples, size)
    return {split: ceiling for split, ceiling in by_split.items() if ceiling.objects}


def _crowded(root: Path, ceilings: Mapping[int, Mapping[str, Ceiling]]) -> Iterator[Finding]:
    coarse, fine = (ceilings[size] for size in GRIDS)
    if coarse and coarse[_ALL].recall < CROWDED:
        message = (
            f"{GRIDS[0]} x {GRIDS[0]} cells with one object each can hold "
            f"{coarse[_ALL].recall:.1f} % of the objects; {GRIDS[1]} x {GRIDS[1]} can hold "
            f"{fine[_ALL].recall:.1f} %"
        )
        remedy = f"train with --grid {GRIDS[1]}"
        yield finding("grid-crowded", Spot(root), message, remedy=remedy)
