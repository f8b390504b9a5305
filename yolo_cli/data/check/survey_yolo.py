"""What the labels of a YOLO dataset say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from yolo_cli.data.check.finding import Finding, Spot, finding, of_error, of_fault
from yolo_cli.data.check.survey import LabelledImage, LabelledObject, Survey
from yolo_cli.data.formats.common import (
    IMAGE_FOLDERS,
    SPLIT_FOLDERS,
    Box,
    Fault,
    Faults,
    canonical_split,
    unique_ids,
)
from yolo_cli.data.formats.files import child, read_lines, walk
from yolo_cli.data.formats.yolo import YoloReader
from yolo_cli.data.formats.yolo_labels import YoloObject, read_labels
from yolo_cli.data.formats.yolo_layout import LABEL_FOLDERS, label_folders, label_of
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError

_NOT_LABELS = re.compile(r"(classes|names|class_list|readme.*|notes|licen[sc]e.*|.*\.names)\.txt")


def survey_yolo(reader: YoloReader, count: Callable[[int], None]) -> Survey:
    """Reads every label file.

    Args:
        reader: knows the layout.
        count: told of each file that was read.
    """
    survey = Survey("centre", relative=True)
    names = reader.layout.names
    if names is not None:
        survey.classes = _name_spots(names, reader.layout.names_file or reader.layout.source)
    images = _images(survey, reader)
    for path, sample_id in zip(images, unique_ids(images, reader.layout.root), strict=True):
        label = label_of(path)
        image = LabelledImage(sample_id, path, Spot(label or path), images[path])
        survey.images.append(image)
        if label is None:
            tried = next(label_folders(path.parent)) / f"{path.stem}.txt"
            survey.findings.append(
                finding("no-label", Spot(path), f"no label for it; tried {tried}")
            )
        else:
            _fill(survey, image, label, reader)
        count(1)
    survey.findings += _orphans([*images], {image.spot.path for image in survey.images})
    survey.findings += _unlisted(reader, [*images])
    return survey


def _images(survey: Survey, reader: YoloReader) -> dict[Path, dict[str, Spot]]:
    """Every image with the splits that it belongs to."""
    found: dict[Path, dict[str, Spot]] = {}
    for name in reader.splits or (None,):
        split = "" if name is None else canonical_split(name)
        count = 0
        for source in reader.sources(name):
            if split:
                survey.splits.setdefault(split, Spot(source))
            for spot, image in _of_source(survey, reader, source):
                splits = found.setdefault(image, {})
                count += 1
                if not split:
                    continue
                if split in splits and splits[split].path == spot.path and spot.line:
                    message = f"{image.name} is in line {splits[split].line} as well"
                    survey.findings.append(finding("list-repeated", spot, message))
                splits.setdefault(split, spot)
        if split and not count:
            spot = survey.splits.get(split, Spot(reader.layout.source))
            survey.findings.append(finding("split-empty", spot, f"{split} has no image"))
    return found


def _of_source(survey: Survey, reader: YoloReader, source: Path) -> Iterator[tuple[Spot, Path]]:
    if source.is_dir():
        yield from ((Spot(source), path) for path in sorted(filter(is_image_path, walk(source))))
    elif is_image_path(source):
        yield Spot(source), source
    elif source.is_file():
        faults = Faults(skip_bad=True)
        try:
            lines = reader.listed(source, faults)
        except UserError as error:
            survey.findings.append(of_error("label-unreadable", source, error))
            return
        survey.findings += [of_fault(one) for one in faults.noted if isinstance(one, Fault)]
        yield from ((Spot(source, line), image) for line, image in lines)
    else:
        message = f"no such folder or list of images: {source}"
        survey.findings.append(finding("no-image", Spot(reader.layout.source), message))


def _fill(survey: Survey, image: LabelledImage, label: Path, reader: YoloReader) -> None:
    """Takes over what the label file says."""
    try:
        labels = read_labels(label, keypoints=reader.layout.keypoints)
    except UserError as error:
        survey.findings.append(of_error("label-unreadable", label, error))
        image.usable = False
        return
    image.faults = [*labels.faults]
    names = reader.layout.names
    for item in labels.objects:
        spot = Spot(label, item.line)
        name = str(item.label)
        if names is not None:
            name = names[item.label] if item.label < len(names) else ""
        if not name and names is not None:
            message = f"class {item.label}, but there are only {len(names)} (from 0)"
            survey.findings.append(finding("class-unknown", spot, message))
        image.objects.append(LabelledObject(spot, name, item.box, _written(item)))


def _written(item: YoloObject) -> Box:
    """Centre and size, as in the file; of an outline, those of its upright box."""
    x1, y1, x2, y2 = item.box
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def _name_spots(names: tuple[str, ...], path: Path) -> dict[str, Spot]:
    """Where each name is declared: the first line of the file that has the word."""
    try:
        lines = read_lines(path)
    except UserError:
        lines = []
    found: dict[str, Spot] = {}
    for name in names:
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        line = next((i for i, text in enumerate(lines, 1) if word.search(text)), 0)
        found[name] = Spot(path, line)
    return found


def _orphans(images: list[Path], used: set[Path]) -> Iterator[Finding]:
    """Label files for which there is no image, or none that belongs to a split."""
    folders = {image.parent for image in images}
    places = {place for folder in folders for place in label_folders(folder)}
    roots = {_labels_root(place) for place in places - folders}
    inside = {path for root in roots if root is not None and root.is_dir() for path in walk(root)}
    beside = {path for folder in folders for path in folder.glob("*.txt")}
    left = {_stem(path): path for root in roots for path in _images_beside(root)}
    unlisted: list[Path] = []
    for path in sorted(inside | beside):
        if path.suffix != ".txt" or path in used or _is_other(path):
            continue
        if _stem(path) in left:
            unlisted.append(left[_stem(path)])
        elif path in inside or _is_label(path):
            message = f"no image {path.stem}.* for it"
            yield finding("no-image", Spot(path), message, severity="warning")

    yield from _in_no_split(unlisted, "split")


def _images_beside(labels: Path | None) -> list[Path]:
    """Images in the folder that belongs to a folder called ``labels``."""
    images = None if labels is None else child(labels.parent, *IMAGE_FOLDERS)
    return [] if images is None else [path for path in walk(images) if is_image_path(path)]


def _stem(path: Path) -> tuple[str, ...]:
    """The same for an image and its label: the path without suffix, ``images`` and ``labels``."""
    kinds = (*IMAGE_FOLDERS, *LABEL_FOLDERS)
    return (*(part for part in path.parent.parts if part.lower() not in kinds), path.stem)


def _in_no_split(images: list[Path], where: str) -> Iterator[Finding]:
    if images:
        more = f", like {len(images) - 1} more" if len(images) > 1 else ""
        yield finding("image-unlisted", Spot(images[0]), f"in no {where}{more}")


def _labels_root(place: Path) -> Path | None:
    """The folder called ``labels`` that a folder of label files is in."""
    for folder in (place, *place.parents):
        if folder.name.lower() in LABEL_FOLDERS:
            return folder
    return None


def _is_other(path: Path) -> bool:
    return bool(_NOT_LABELS.fullmatch(path.name.lower())) or path.stem.lower() in SPLIT_FOLDERS


def _is_label(path: Path) -> bool:
    """Whether a text file beside images holds objects and nothing else."""
    try:
        labels = read_labels(path)
    except UserError:
        return False
    return bool(labels.objects) and not labels.faults


def _unlisted(reader: YoloReader, images: list[Path]) -> Iterator[Finding]:
    """Images beside listed ones that no list names."""
    sources = [source for split in reader.splits for source in reader.sources(split)]
    if not sources or any(source.is_dir() for source in sources):
        return
    listed = {*images}
    beside = (path for folder in {one.parent for one in images} for path in folder.iterdir())
    left = sorted(path for path in beside if is_image_path(path) and path not in listed)
    yield from _in_no_split(left, "list")
