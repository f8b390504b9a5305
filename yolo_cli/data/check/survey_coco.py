"""What COCO annotation files say, and the lines on which they say it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from yolo_cli.data.check.finding import Finding, Spot, finding, of_error, of_fault
from yolo_cli.data.check.survey import LabelledImage, LabelledObject, Survey
from yolo_cli.data.formats.coco import CocoReader, Source, located
from yolo_cli.data.formats.coco_json import (
    MAX_JSON_BYTES,
    CocoImage,
    Document,
    ListName,
    Place,
    read_document,
)
from yolo_cli.data.formats.common import Fault, Faults, Key, canonical_split
from yolo_cli.data.formats.files import exists, read_bytes
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError


def survey_coco(reader: CocoReader, count: Callable[[int], None]) -> Survey:
    """Reads every annotation file.

    Args:
        reader: knows the layout.
        count: told of each image that was found in them.
    """
    survey = Survey("corner and size", relative=False)
    names: dict[Key, str] = {}
    classes: dict[str, Spot] = {}
    found: dict[Path, LabelledImage] = {}
    for source in reader.sources:
        try:
            document = read_document(source.path)
        except UserError as error:
            survey.findings.append(of_error("label-unreadable", source.path, error))
            continue
        for key, name in document.categories.items():
            classes.setdefault(name, Spot(source.path))
            if names.setdefault(key, name) != name:
                message = f"category {key!r} is {name!r}, but {names[key]!r} in another file"
                survey.findings.append(finding("dataset-unreadable", Spot(source.path), message))
        _survey_document(survey, source, document, found)
        count(len(document.images))
    survey.classes = classes
    survey.findings += _unlisted(found)
    survey.images = [image for path, image in found.items() if exists(path)]
    return survey


def _survey_document(
    survey: Survey, source: Source, document: Document, found: dict[Path, LabelledImage]
) -> None:
    faults = Faults(skip_bad=True)
    split = canonical_split(source.split) if source.split else ""
    if split:
        survey.splits[split] = Spot(source.path)
        if not document.images:
            survey.findings.append(
                finding("split-empty", Spot(source.path), f"{split} has no image")
            )
    survey.findings += map(of_fault, document.stray)
    own: set[Path] = set()
    for path, entry in located(source, document, faults):
        spot = _spot(entry.where)
        if path in own:
            message = f"the same file_name as another image: {entry.file_name!r}"
            survey.findings.append(finding("id-repeated", spot, message))
            continue
        own.add(path)
        if not exists(path):
            survey.findings.append(finding("no-image", spot, f"no such image; tried {path}"))
        image = found.get(path)
        if image is None:
            image = found[path] = _labelled(path, entry, document)
        if split:
            image.splits[split] = spot
    survey.findings += [of_fault(one) for one in faults.noted if isinstance(one, Fault)]


def _labelled(path: Path, entry: CocoImage, document: Document) -> LabelledImage:
    spot = _spot(entry.where)
    image = LabelledImage(entry.where.key, path, spot, source=document.path)
    image.faults = [*document.faults.get(entry.key, ())]
    if entry.size is not None:
        image.stated = (*entry.size, spot)
    for item in document.objects.get(entry.key, ()):
        x1, y1, x2, y2 = item.box
        image.objects.append(
            LabelledObject(
                spot=_spot(item.where),
                name=document.categories[item.category],
                box=item.box,
                written=(x1, y1, x2 - x1, y2 - y1),
                crowd=item.crowd,
            )
        )
    return image


def _spot(place: Place) -> Spot:
    return Spot(place.path, 0, place.item, (place.kind, place.index))


def _unlisted(found: dict[Path, LabelledImage]) -> Iterator[Finding]:
    """Images beside listed ones that no annotation file names."""
    folders = {path.parent for path in found if path.parent.is_dir()}
    beside = (path for folder in sorted(folders) for path in sorted(folder.iterdir()))
    left = [path for path in beside if is_image_path(path) and path not in found]
    if left:
        more = f", like {len(left) - 1} more" if len(left) > 1 else ""
        yield finding("image-unlisted", Spot(left[0]), f"in no annotation file{more}")


def with_lines(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with the lines of the entries that they are about."""
    known: dict[Path, dict[ListName, list[int]]] = {}
    done: list[Finding] = []
    for one in findings:
        spot = one.spot
        if spot.entry is None:
            done.append(one)
            continue
        if spot.path not in known:
            known[spot.path] = entry_lines(spot.path)
        kind, index = spot.entry
        done.append(replace(one, spot=replace(spot, line=known[spot.path][kind][index])))
    return done


_LISTS: dict[str, ListName] = {"images": "image", "annotations": "annotation"}


def entry_lines(path: Path) -> dict[ListName, list[int]]:
    """The line on which each entry of ``images`` and ``annotations`` begins.

    Args:
        path: a file that has been read as a :class:`Document`, hence is sound.
    """
    data = read_bytes(path, MAX_JSON_BYTES)
    text = data.decode(json.detect_encoding(data), "surrogatepass")  # as json.loads does
    decoder = json.JSONDecoder()
    lines: dict[ListName, list[int]] = {"image": [], "annotation": []}
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # the colon
        if key in _LISTS and text[at] == "[":
            starts, at = _entries(text, at, decoder)
            lines[_LISTS[key]] = list(_line_numbers(text, starts))
        else:
            _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return lines


def _entries(text: str, at: int, decoder: json.JSONDecoder) -> tuple[list[int], int]:
    """Where the entries of the list at `at` begin, and where it ends."""
    starts: list[int] = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        starts.append(at)
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return starts, at + 1


def _line_numbers(text: str, starts: Iterable[int]) -> Iterator[int]:
    line, before = 1, 0
    for start in starts:
        line += text.count("\n", before, start)
        before = start
        yield line


def _skip(text: str, at: int) -> int:
    """The first place from `at` on that is no white space."""
    while text[at] in " \t\r\n":
        at += 1
    return at
