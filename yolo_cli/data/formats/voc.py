"""Pascal VOC: one XML file for each image.

Recognised layouts, each of them also inside ``train/``, ``val/``, ``test/`` folders:

- ``JPEGImages/ Annotations/ ImageSets/Main/*.txt``, the development kit's own;
- ``images/`` with the XML files in ``annotations/``, ``annots/``, ``xmls/`` or ``labels/``;
- images and XML files side by side in one folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

from yolo_cli.data.formats.common import Key, like_more
from yolo_cli.data.formats.files import read_once
from yolo_cli.data.formats.missing import with_missing
from yolo_cli.data.formats.scan import (
    BoxForm,
    Fault,
    Format,
    LabelledImage,
    Reading,
    Severity,
    Spot,
)
from yolo_cli.data.formats.voc_folders import Part, find_lists, find_parts, numbered_ids
from yolo_cli.data.formats.voc_write import write_voc
from yolo_cli.data.formats.voc_xml import Annotation, read_annotation
from yolo_cli.data.formats.xml_read import root_element
from yolo_cli.errors import UserError


def open_reader(root: Path, reading: Reading) -> VocReader | None:
    """Return the reader of a folder in one of the layouts above; None if it is in none of them."""
    parts = find_parts(root, images=reading.images)
    if not parts or (not reading.sure and _are_of_cvat(parts)):
        return None
    return VocReader(parts, {} if parts[0].split else find_lists(root), reading)


def _are_of_cvat(parts: Sequence[Part]) -> bool:
    """Whether all XML files, as far as a few of them show, are CVAT's."""
    some = [path for part in parts for path in islice(part.label_index.paths, 5)]
    return bool(some) and all(root_element(path) == "annotations" for path in some)


class VocReader:
    """Reads a VOC folder; each XML file is parsed once.

    Args:
        parts: the folders; either one that is no split, or one for each split.
        lists: split files by name; only with a single part.
        reading: how to read it.
    """

    form: BoxForm = "corners"
    relative = False

    def __init__(self, parts: list[Part], lists: dict[str, Path], reading: Reading) -> None:
        self.parts = parts
        self.lists = lists
        self._reading = reading
        self._annotation = read_once(read_annotation)
        self._images: dict[tuple[Path, str], LabelledImage] = {}
        self._ids: dict[Path, list[tuple[str, Spot] | Fault]] = {}

    @property
    def splits(self) -> Mapping[str, Spot]:
        """The split files, or the split folders."""
        lists = {name: Spot(path) for name, path in self.lists.items()}
        return lists or {part.split: Spot(part.images) for part in self.parts if part.split}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names in all annotation files, sorted: for VOC itself that is its official order."""
        names: set[str] = set()
        for part in self.parts:
            for label in part.label_index.paths:
                read = self._annotation(label)
                if isinstance(read, Annotation):
                    names.update(item.name for item in read.objects)
        return tuple(sorted(names))

    @property
    def declared(self) -> Mapping[str, Spot]:
        """None: the labels name the classes."""
        return {}

    @property
    def category_ids(self) -> Mapping[Key, int]:
        """None: VOC names its classes."""
        return {}

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.scan`."""
        if self.lists:
            yield from self._scan_lists(split)
            return
        for part in self.parts:
            if split in {None, part.split}:
                ids = {*part.image_index}
                if not self._is_shared(part):
                    ids |= {*part.label_index}
                splits = {part.split: Spot(part.images)} if part.split else {}
                yield from self._each_once(part, dict.fromkeys(sorted(ids), splits))

    def _scan_lists(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        part = self.parts[0]
        listed: dict[str, dict[str, Spot]] = {}
        for name, path in self.lists.items():
            if split in {None, name}:
                for item in self._listed(path):
                    if isinstance(item, Fault):
                        yield item
                    else:
                        listed.setdefault(item[0], {})[name] = item[1]
        if split is None:
            # Images in no list count as well if they are whole: with their annotation.
            whole = {*part.label_index}
            unlisted = whole & {*part.image_index} if self._reading.images else whole
            listed = {file_id: listed.get(file_id, {}) for file_id in sorted({*listed, *unlisted})}
        yield from self._each_once(part, listed)

    def _listed(self, path: Path) -> list[tuple[str, Spot] | Fault]:
        """Each id of a list with its place; the list is read once."""
        if path not in self._ids:
            self._ids[path] = list(_read_list(path, self.parts[0]))
        return self._ids[path]

    def _each_once(
        self, part: Part, ids: Mapping[str, Mapping[str, Spot]]
    ) -> Iterator[LabelledImage | Fault]:
        """Each image of the ids: of one that two annotations name, the first."""
        taken: dict[Path, LabelledImage] = {}
        items = (self._item(part, file_id, splits) for file_id, splits in ids.items())
        for item in with_missing(items, part.images, part.labels):
            # Where images need not be there, many labels may state the same path.
            if isinstance(item, LabelledImage) and self._reading.images:
                first = taken.setdefault(item.path, item)
                if first is not item:
                    what = f"is not used, as {first.spot.path.name} labels the same image"
                    yield Fault("image-ambiguous", item.spot, what, "warning")
                    continue
            yield item

    def _item(self, part: Part, file_id: str, splits: Mapping[str, Spot]) -> LabelledImage | Fault:
        """What there is of an id, made once: several splits may name it."""
        key = (part.images, file_id)
        image = self._images.get(key)
        if image is None:
            item = self._image(part, file_id, splits)
            if isinstance(item, LabelledImage):
                self._images[key] = item
            return item
        if splits.keys() - image.splits.keys():
            image.splits = {**image.splits, **splits}
        return image

    def _image(self, part: Part, file_id: str, splits: Mapping[str, Spot]) -> LabelledImage | Fault:
        """The image of an id with its labels, or what is missing."""
        label = part.label_index.find(file_id)
        path = part.image_index.find(file_id)
        read = None if label is None else self._annotation(label)
        filename = read.filename if isinstance(read, Annotation) else ""
        if path is None and filename:
            path = part.image_named(filename)
        if path is None and read is not None and not self._reading.images:
            path = part.images / (filename or f"{file_id}.jpg")
        if path is None:
            tried = f"tried {part.images / file_id}.*"
            if label is not None:
                return self._misplaced(part, file_id, label) or Fault(
                    "no-image", Spot(label), f"no such image; {tried}", "warning"
                )
            what = f"neither image nor XML file {file_id!r}; {tried}"
            return Fault("no-image", next(iter(splits.values()), Spot(part.images)), what)
        image = LabelledImage(
            id=f"{part.split}/{file_id}" if part.split else file_id,
            path=path,
            spot=Spot(label or path),
            splits=splits,
        )
        if isinstance(read, Annotation):
            _fill(image, part, read)
        elif label is not None and read is not None:
            image.unreadable(read, label)
        else:
            # Beside each other, images without a file are background.
            what = f"no label for it; tried {part.labels / file_id}.xml"
            severity: Severity = "warning" if part.side_by_side else "error"
            image.faults = [Fault("no-label", Spot(path), what, severity)]
            image.usable = part.side_by_side
        return image

    def _misplaced(self, part: Part, file_id: str, label: Path) -> Fault | None:
        """Whether the image of an annotation is in another split, and has none there."""
        for other in self.parts:
            image = other.image_index.find(file_id)
            if other is not part and image is not None and not other.label_index.find(file_id):
                what = f"no image for it in {part.split}: its image is in {other.split}, {image}"
                return Fault("label-misplaced", Spot(label), what, "warning")
        return None

    def leftovers(self) -> Iterator[Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.leftovers`."""
        for part in self.parts:
            for index in (part.image_index, part.label_index):
                for path, used in index.unused.items():
                    what = f"is not used, as {used.name} is there"
                    yield Fault("image-ambiguous", Spot(path), what, "warning")
        if self.lists:
            yield from self._unlisted()
        for labels in sorted({part.labels for part in self.parts if self._is_shared(part)}):
            parts = [part for part in self.parts if part.labels == labels]
            yield from _orphans(parts, {*parts[0].label_index})

    def _unlisted(self) -> Iterator[Fault]:
        """Images and annotations that no list names."""
        part = self.parts[0]
        listed: set[str] = set()
        for path in self.lists.values():
            listed |= {one[0] for one in self._listed(path) if not isinstance(one, Fault)}
        images = [part.image_index.find(one) for one in {*part.image_index} - listed]
        if images:
            paths = sorted(path for path in images if path is not None)
            where = next(iter(self.lists.values())).parent.name
            what = f"in none of the lists of {where}{like_more(len(paths))}"
            yield Fault("image-unlisted", Spot(paths[0]), what, "info")
        yield from _orphans([part], {*part.label_index} - listed)

    def _is_shared(self, part: Part) -> bool:
        """Whether the XML files are in one folder for several splits of images."""
        return any(other.labels == part.labels for other in self.parts if other is not part)

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.write_splits`."""
        write_voc(self.parts, splits, out)


def _read_list(path: Path, part: Part) -> Iterator[tuple[str, Spot] | Fault]:
    try:
        lines = numbered_ids(path, part)
    except UserError as error:
        yield Fault.of_error("label-unreadable", error, path)
        return
    first: dict[str, int] = {}
    for line, file_id in lines:
        if first.setdefault(file_id, line) == line:
            yield file_id, Spot(path, line)
        else:
            what = f"{file_id} is in line {first[file_id]} as well"
            yield Fault("list-repeated", Spot(path, line), what, "warning")


def _fill(image: LabelledImage, part: Part, annotation: Annotation) -> None:
    """Take over what the annotation says."""
    label = image.spot.path
    image.objects = annotation.objects
    image.faults = annotation.faults
    image.stated, image.stated_at = annotation.size, Spot(label, annotation.size_line)
    named = part.image_index.named(annotation.filename) if annotation.filename else None
    if named is not None and named != image.path and named.stem != image.path.stem:
        what = f"<filename> is {annotation.filename!r}, another image that is there"
        image.faults = [*annotation.faults, Fault("filename-wrong", Spot(label), what, "warning")]


def _orphans(parts: Sequence[Part], ids: set[str]) -> Iterator[Fault]:
    """XML files without an image in any of the parts."""
    for file_id in sorted(ids):
        if not any(part.image_index.find(file_id) for part in parts):
            label = parts[0].label_index.find(file_id) or parts[0].labels
            tried = ", ".join(f"{part.images / file_id}.*" for part in parts)
            yield Fault("no-image", Spot(label), f"no such image; tried {tried}", "warning")


FORMAT = Format(
    name="voc",
    open=open_reader,
    looked_for="JPEGImages/ + Annotations/*.xml, or images with *.xml beside them (Pascal VOC)",
)
