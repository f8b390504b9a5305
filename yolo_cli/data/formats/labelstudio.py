"""Label Studio: its export as JSON or JSON_MIN, one file for many images.

Source: https://labelstud.io/guide/export. The file lies in the dataset's folder, in one of labels
or in that of a split; the images beside it or in ``images/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from yolo_cli.data.formats.common import check_counts
from yolo_cli.data.formats.documents import Document, DocumentReader, Entry
from yolo_cli.data.formats.json_fields import JsonFields, image_name
from yolo_cli.data.formats.json_head import json_head
from yolo_cli.data.formats.json_read import kind, read_json
from yolo_cli.data.formats.label_files import LabelFile, find_label_files, image_folders
from yolo_cli.data.formats.labelstudio_regions import (
    BARE,
    LABELS,
    SKIPPED,
    Region,
    label_key,
    read_region,
)
from yolo_cli.data.formats.scan import Fault, Format, LabelledObject, Reading
from yolo_cli.data.images import IMAGE_SUFFIXES
from yolo_cli.errors import UserError

_MAX_FAULTS = 100_000
_LOCAL_FILE = re.compile(r"[?&]d=([^&]*)")
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")


def open_reader(root: Path, reading: Reading) -> DocumentReader | None:
    """Return the reader of a folder with such a file; None if there is none."""
    files = find_label_files(root, _is_export)
    return _reader(root, files, reading) if files else None


def open_json(path: Path, reading: Reading) -> DocumentReader:
    """Return the reader of a single file."""
    root = path.parent
    return _reader(root, [LabelFile("", path, image_folders(root, path, ""))], reading)


def _reader(root: Path, files: list[LabelFile], reading: Reading) -> DocumentReader:
    return DocumentReader(root, files, read_document, reading, form="corners")


def _is_export(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    head = json_head(path)
    tasks = "data" in head.inner and not head.inner.isdisjoint({"annotations", "completions"})
    short = "id" in head.inner and not head.inner.isdisjoint({"annotation_id", "completion_id"})
    return head.opens == "[" and (tasks or short)


def read_document(path: Path) -> Document:
    """Read an export.

    Raises:
        UserError: it cannot be read, is not JSON, is no list of tasks, or has no boxes at all.
    """
    content = read_json(path)
    if not isinstance(content, list):
        what = f"not Label Studio's export ({kind(content)} where a list of tasks should be)"
        raise UserError(what, "export the project as JSON", path=path)
    file = _File(path)
    for index, task in enumerate(content):
        file.read(f"[{index}]", task)
    if file.kinds and not any(entry.objects or entry.faults for entry in file.entries):
        raise UserError(
            f"has no boxes: its tasks have {', '.join(sorted(file.kinds)[:5])} alone",
            "label rectangles in the project, and export it again",
            path=path,
        )
    return Document(file.entries, [*file.stray, *file.fields.notes.faults])


class _File:
    """Reads the tasks of a file.

    Attributes:
        fields: reads values.
        entries: one for each task that has been labelled.
        stray: what is wrong and belongs to no image.
        kinds: types of what is labelled, those without a box as well.
    """

    def __init__(self, path: Path) -> None:
        self.fields = JsonFields(path)
        self.entries: list[Entry] = []
        self.stray: list[Fault] = []
        self.kinds: set[str] = set()
        self._broken = 0
        self._short: set[object] = set()

    def read(self, place: str, task: object) -> None:
        """Read a task."""
        spot = self.fields.spot(place)
        if not isinstance(task, dict):
            self.stray.append(Fault("label-syntax", spot, f"{kind(task)} where a task should be"))
            self._count(1)
            return
        data = task.get("data")
        names = _image_names(data if isinstance(data, dict) else task)
        if not names:
            self.stray.append(Fault("label-syntax", spot, "names no image"))
            self._count(1)
            return
        entry = Entry(names[0], spot, other_names=names[1:])
        found = self._regions(entry, place, task)
        if found is not None:
            entry.objects, entry.faults, entry.stated = found
            self.entries.append(entry)
            self._count(len(entry.faults))

    def _count(self, broken: int) -> None:
        self._broken += broken
        check_counts(self.fields.path, 0, self._broken, _MAX_FAULTS)

    def _regions(
        self, entry: Entry, place: str, task: Mapping[str, object]
    ) -> tuple[list[LabelledObject], list[Fault], tuple[float, float] | None] | None:
        """Objects, faults, and the size of the image; None if nobody has labelled it."""
        if isinstance(task.get("data"), dict):
            chosen = self._chosen(entry, place, task)
            if chosen is None or isinstance(chosen, Fault):
                return None if chosen is None else ([], [chosen], None)
            regions = self._of_results(*chosen)
        elif self._is_second(entry, task):
            return None
        else:
            regions = self._of_short(place, task)
        objects: list[LabelledObject] = []
        faults: list[Fault] = []
        size: tuple[float, float] | None = None
        for region in regions:
            item = region if isinstance(region, Fault) else read_region(self.fields, region)
            if isinstance(item, Fault):
                faults.append(item)
            else:
                objects.append(item)
            check_counts(self.fields.path, len(objects), len(faults))
            if size is None and isinstance(region, Region):
                size = self.fields.size(region.record, "original_width", "original_height")
        return objects, faults, size

    def _chosen(
        self, entry: Entry, place: str, task: Mapping[str, object]
    ) -> tuple[str, list[object]] | Fault | None:
        """Place and content of the annotation that is used; None if there is none."""
        key = "completions" if "completions" in task else "annotations"
        records = task.get(key)
        if not isinstance(records, list):
            return Fault("label-syntax", entry.spot, f"has no list of {key}")
        valid = [
            (index, one)
            for index, one in enumerate(records)
            if isinstance(one, dict) and not one.get("was_cancelled")
        ]
        if not valid:
            self.fields.notes.add("no-label", entry.spot, "a task that nobody has labelled")
            return None
        if len(valid) > 1:
            what = f"{len(valid)} {key} of one image, of which the first is used"
            self.fields.notes.add("label-ambiguous", entry.spot, what, "annotations")
        index, first = valid[0]
        inner = f"{place}.{key}[{index}].result"
        result = first.get("result")
        if not isinstance(result, list):
            return Fault("label-syntax", self.fields.spot(inner), "is not a list of regions")
        return inner, result

    def _of_results(self, place: str, result: list[object]) -> Iterator[Region | Fault]:
        """The regions that have a box."""
        named = {
            str(item.get("id"))
            for item in result
            if isinstance(item, dict) and item.get("type") in (*LABELS, *SKIPPED)
        }
        for index, item in enumerate(result):
            where = f"{place}[{index}]"
            if not isinstance(item, dict):
                what = f"{kind(item)} where a region should be"
                yield Fault("label-syntax", self.fields.spot(where), what)
                continue
            sort, value = item.get("type"), item.get("value")
            if not isinstance(sort, str):
                yield Fault("label-syntax", self.fields.spot(where), "a region without a type")
                continue
            self.kinds.add(sort[:40])
            if sort in LABELS and isinstance(value, dict):
                yield Region(where, value, item, label_key(value) or sort)
            elif sort in LABELS:
                yield Fault("label-syntax", self.fields.spot(where), "a region without a value")
            elif sort in SKIPPED or (sort in BARE and str(item.get("id")) not in named):
                why = "has no box" if sort in SKIPPED else "has no label"
                what = f"a region of type {sort!r} {why}, and is skipped"
                self.fields.notes.add("shape-skipped", self.fields.spot(where), what, sort)

    def _is_second(self, entry: Entry, task: Mapping[str, object]) -> bool:
        """Whether a short export has had the image's task: there is one for each annotation."""
        key = (str(task.get("id")), entry.name)
        if key not in self._short:
            self._short.add(key)
            return False
        what = "a second annotation of one image, of which the first is used"
        self.fields.notes.add("label-ambiguous", entry.spot, what, "annotations")
        return True

    def _of_short(self, place: str, task: Mapping[str, object]) -> Iterator[Region]:
        """The regions in a task of a short export: lists under the names of the controls."""
        for key, values in task.items():
            for index, value in enumerate(values) if isinstance(values, list) else ():
                label = label_key(value) if isinstance(value, dict) else None
                self.kinds.add(label or key)
                if label is not None:
                    yield Region(f"{place}.{key}[{index}]", value, value, label)


def _image_names(data: Mapping[str, object]) -> list[str]:
    """What the image of a task may be called, the likeliest first; empty if nothing names one."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    named = {key: _names(text) for key, text in texts.items() if image_name(text)}
    if "image" in named:
        return named["image"]
    alike = (one for one in named.values() if _suffix(one[0]) in IMAGE_SUFFIXES)
    return next(alike, [])


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _names(text: str) -> list[str]:
    """The name in an address, as it was before it was uploaded, and as it is written."""
    raw = text.strip().replace("\\", "/")
    name = raw
    if "://" in raw or raw.startswith("/data/"):
        local = _LOCAL_FILE.search(raw)
        try:
            name = unquote(local[1] if local else urlsplit(raw).path)
        except ValueError:  # brackets that are no address
            name = raw
    folder, _, last = name.rpartition("/")
    bare = _UPLOADED.sub("", last)
    uploaded = [f"{folder}/{bare}" if folder else bare] if bare != last else []
    found = (name, *uploaded, raw.rpartition("/")[2])
    return [one for one in dict.fromkeys(found) if image_name(one)]


FORMAT = Format(
    name="labelstudio",
    open=open_reader,
    looked_for="a JSON export of Label Studio beside the images",
    suffixes=frozenset({".json"}),
    open_file=open_json,
)
"""The format's record."""
