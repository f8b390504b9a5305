"""What the labels of a Pascal VOC folder say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from yolo_cli.data.check.finding import Finding, Spot, finding, of_error
from yolo_cli.data.check.survey import LabelledImage, LabelledObject, Survey
from yolo_cli.data.formats.common import canonical_split
from yolo_cli.data.formats.voc import Part, VocReader, from_zero, image_named, numbered_ids
from yolo_cli.data.formats.voc_xml import Annotation, read_annotation
from yolo_cli.errors import UserError


def survey_voc(reader: VocReader, count: Callable[[int], None]) -> Survey:
    """Reads every annotation file.

    Args:
        reader: knows the layout.
        count: told of each file that was read.
    """
    survey = Survey("corners", relative=False)
    survey.splits = {canonical_split(name): Spot(path) for name, path in reader.lists.items()}
    for part in reader.parts:
        if part.split:
            survey.splits[canonical_split(part.split)] = Spot(part.images)
    shared: set[Path] = set()
    for part in reader.parts:
        _survey_part(survey, reader, part, count)
        shared |= {part.labels} if _is_shared(part, reader) else set()
    for labels in sorted(shared):
        survey.findings += _orphans(reader, labels)
    return survey


def _survey_part(
    survey: Survey, reader: VocReader, part: Part, count: Callable[[int], None]
) -> None:
    listed = _listed(survey, reader, part)
    for index in (part.image_index, part.label_index):
        for path, used in index.unused.items():
            survey.findings.append(
                finding("image-ambiguous", Spot(path), f"is not used, as {used.name} is there")
            )
    ids = {*listed, *part.image_index}
    if not _is_shared(part, reader):
        ids |= {*part.label_index}
    unlisted: list[Path] = []
    taken: set[Path] = set()
    for file_id in sorted(ids):
        splits = listed.get(file_id, {})
        if part.split:
            splits = {canonical_split(part.split): Spot(part.images)}
        image = _image(survey, part, file_id, splits, bool(reader.lists))
        if image is None or image.path in taken:
            continue
        taken.add(image.path)
        if reader.lists and not splits:
            unlisted.append(image.path)
        survey.images.append(image)
        count(1)
    if unlisted:
        message = (
            f"in none of the lists of {next(iter(reader.lists.values())).parent.name}, "
            f"like {len(unlisted) - 1} more"
        )
        survey.findings.append(
            finding("image-unlisted", Spot(unlisted[0]), message.removesuffix(", like 0 more"))
        )


def _listed(survey: Survey, reader: VocReader, part: Part) -> dict[str, dict[str, Spot]]:
    """The splits of each listed id."""
    found: dict[str, dict[str, Spot]] = defaultdict(dict)
    for name, path in reader.lists.items():
        split = canonical_split(name)
        try:
            lines = numbered_ids(path, part)
        except UserError as error:
            survey.findings.append(of_error("label-unreadable", path, error))
            continue
        if not lines:
            survey.findings.append(finding("split-empty", Spot(path), f"{split} lists no image"))
        for line, file_id in lines:
            spot = Spot(path, line)
            if split in found[file_id] and found[file_id][split].path == path:
                message = f"{file_id} is in line {found[file_id][split].line} as well"
                survey.findings.append(finding("list-repeated", spot, message))
            else:
                found[file_id][split] = spot
    return found


def _image(
    survey: Survey, part: Part, file_id: str, splits: dict[str, Spot], lists: bool
) -> LabelledImage | None:
    """The image of an id with its labels; None, and a finding, if there is no such image."""
    label = part.label_index.find(file_id)
    path = part.image_index.find(file_id)
    annotation = None if label is None else _read(survey.findings, label)
    if path is None and annotation is not None:
        path = image_named(part, annotation.filename)
    asked = next(iter(splits.values()), None)
    if path is None:
        tried = f"tried {part.images / file_id}.*"
        if label is None and asked is not None:
            message = f"{file_id!r} is listed, but there is no such image; {tried}"
            survey.findings.append(finding("no-image", asked, message))
        elif label is not None:
            unused = lists and asked is None
            survey.findings.append(
                finding(
                    "no-image",
                    Spot(label),
                    f"no image for it; {tried}",
                    severity="warning" if unused else None,
                )
            )
        return None
    sample_id = f"{part.split}/{file_id}" if part.split else file_id
    image = LabelledImage(sample_id, path, Spot(label or path), splits)
    if label is None and (asked is not None or not lists):
        survey.findings.append(_without_label(part, path, file_id))
    if label is not None and annotation is not None:
        survey.findings += _fill(image, part, label, annotation)
    else:
        image.usable = label is None and part.side_by_side
    return image


def _read(findings: list[Finding], label: Path) -> Annotation | None:
    try:
        return read_annotation(label)
    except UserError as error:
        findings.append(of_error("label-unreadable", label, error))
        return None


def _without_label(part: Part, path: Path, file_id: str) -> Finding:
    message = f"no label for it; tried {part.labels / file_id}.xml"
    # Beside each other, images without a file are background; in folders they stop a reader.
    return finding(
        "no-label", Spot(path), message, severity="warning" if part.side_by_side else "error"
    )


def _fill(
    image: LabelledImage, part: Part, label: Path, annotation: Annotation
) -> Iterator[Finding]:
    """Takes over what the annotation says."""
    image.faults = [*annotation.faults]
    image.objects = [
        LabelledObject(
            spot=Spot(label, item.line),
            name=item.name,
            box=from_zero(item.corners),
            written=item.corners,
            difficult=item.difficult,
        )
        for item in annotation.objects
    ]
    if annotation.size is not None:
        image.stated = (*annotation.size, Spot(label, annotation.size_line))
    named = part.image_index.named(annotation.filename) if annotation.filename else None
    if named is not None and named != image.path and named.stem != image.path.stem:
        message = f"<filename> is {annotation.filename!r}, another image that is there"
        yield finding("filename-wrong", Spot(label), message)


def _is_shared(part: Part, reader: VocReader) -> bool:
    return any(other.labels == part.labels for other in reader.parts if other is not part)


def _orphans(reader: VocReader, labels: Path) -> Iterator[Finding]:
    """XML files in a folder that several parts share, without an image in any of them."""
    parts = [part for part in reader.parts if part.labels == labels]
    for file_id in parts[0].label_index:
        if not any(part.image_index.find(file_id) for part in parts):
            folders = ", ".join(f"{part.images / file_id}.*" for part in parts)
            path = parts[0].label_index.find(file_id) or labels
            yield finding("no-image", Spot(path), f"no image for it; tried {folders}")
