"""YOLO: one text file for each image.

Recognised layouts:

- ``data.yaml`` (or another YAML file with ``names``) that says where the splits are, as
  Ultralytics and Roboflow write it;
- ``images/ labels/``, with ``train/``, ``val/``, ``test/`` inside them or around them;
- text files beside the images, with ``train.txt`` and the like listing images, and ``obj.data``
  or ``_darknet.labels`` (Darknet, and the exports of CVAT and Roboflow for it).

A description's paths may be those of another machine: see
:mod:`~yolo_cli.data.formats.yolo_layout` and :class:`~yolo_cli.data.formats.yolo_tree.Tree`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from yolo_cli.data.formats.common import Key, unique_ids
from yolo_cli.data.formats.files import child, read_lines, read_once, visible, walk
from yolo_cli.data.formats.outlines import for_task, wants_outlines
from yolo_cli.data.formats.scan import BoxForm, Fault, Format, LabelledImage, Reader, Reading, Spot
from yolo_cli.data.formats.yolo_folders import find_images
from yolo_cli.data.formats.yolo_labels import Labels, read_labels
from yolo_cli.data.formats.yolo_layout import Layout, find_layout, layout_of_yaml
from yolo_cli.data.formats.yolo_leftovers import find_leftovers
from yolo_cli.data.formats.yolo_lists import Found, ImageList, read_list
from yolo_cli.data.formats.yolo_paths import LABEL_FOLDERS, label_folders, label_of
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError
from yolo_cli.files import atomic_write_text

_TRIED = 5  # label files that tell whether there are any


def open_reader(root: Path, reading: Reading) -> Reader | None:
    """Return the reader of a folder in one of the layouts above; None if it is in none of them."""
    layout = find_layout(root)
    if layout is None and not reading.images and _labels_alone(root):
        raise UserError(
            "YOLO labels without images",
            "they are fractions of the images: put those into images/ beside labels/",
            path=root,
        )
    if layout is None:
        return None
    return for_task(YoloReader(layout, outlines=wants_outlines(reading)), reading)


def open_yaml(path: Path, reading: Reading) -> Reader:
    """Return the reader of the dataset that a YAML file describes."""
    reader = YoloReader(layout_of_yaml(path), outlines=wants_outlines(reading))
    return for_task(reader, reading)


def _labels_alone(root: Path) -> bool:
    """Whether there are label files, though no images."""
    files = (path for path in walk(child(root, *LABEL_FOLDERS) or root) if path.suffix == ".txt")
    for path in islice(files, _TRIED):
        try:
            labels = read_labels(path)
        except UserError:
            continue
        if labels.objects and not labels.faults:
            return True
    return False


class YoloReader:
    """Reads a YOLO dataset; label files are read once. The images must be there.

    Args:
        layout: where things are.
        outlines: whether those of the objects are wanted.
    """

    form: BoxForm = "centre"
    relative = True

    def __init__(self, layout: Layout, *, outlines: bool = False) -> None:
        self.layout = layout
        self.outlines = outlines
        self._labels = read_once(self._read)
        self._lists: dict[Path, ImageList] = {}

    @property
    def splits(self) -> Mapping[str, Spot]:
        """The splits, as in the YAML file or as the folders are called."""
        return {
            name: Spot(next(iter(sources), self.layout.source))
            for name, sources in self.layout.splits.items()
        }

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the dataset, or the numbers up to the highest in any label file."""
        if self.layout.names is not None:
            return self.layout.names
        images = (one for one in self.scan(None) if isinstance(one, LabelledImage))
        highest = max((int(item.name) for image in images for item in image.objects), default=-1)
        return tuple(map(str, range(highest + 1)))

    @cached_property
    def declared(self) -> Mapping[str, Spot]:
        """The first line of the file of names that has the word."""
        path = self.layout.names_file or self.layout.source
        try:
            lines = read_lines(path) if self.layout.names else []
        except UserError:
            lines = []
        found: dict[str, Spot] = {}
        for name in self.layout.names or ():
            word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
            found[name] = Spot(path, next((i for i, s in enumerate(lines, 1) if word.search(s)), 0))
        return found

    @property
    def category_ids(self) -> Mapping[Key, int]:
        """None: class numbers are the indices themselves."""
        return {}

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.scan`."""
        found: dict[Path, Spot] = {}
        for item in self._found(split):
            if isinstance(item, Fault):
                yield item
                continue
            spot, path = item
            first = found.setdefault(path, spot)
            if first is not spot and spot.line and first.path == spot.path:
                what = f"{path.name} is in line {first.line} as well"
                yield Fault("list-repeated", spot, what, "warning")
        if split is None:
            found |= self._unlisted(found)
        images = [*zip(unique_ids(found, self.layout.root), found, strict=True)]
        if all(source.is_dir() for source in self._sources(split)):  # lists have an order
            images.sort()
        for image_id, path in images:
            yield self._image(image_id, path, {split: found[path]} if split else {})

    def _sources(self, split: str | None) -> list[Path]:
        """Folders of images, images, and files that list images."""
        layout = self.layout
        if split is not None:
            return list(layout.splits[split])
        every = [source for sources in layout.splits.values() for source in sources]
        return list(dict.fromkeys((*every, *layout.whole)))

    def _unlisted(self, found: Mapping[Path, Spot]) -> dict[Path, Spot]:
        """Labelled images beside listed ones: they are in no split, and of the dataset as well."""
        root, lists = self.layout.tree.root, {*self._lists}
        listed = [path for path, spot in found.items() if spot.path in lists]
        folders = sorted({path.parent for path in listed if path.is_relative_to(root)})
        beside = (path for folder in folders for path in visible(folder) if is_image_path(path))
        unlisted = (path for path in beside if path not in found and label_of(path) is not None)
        return {path: Spot(path) for path in unlisted}

    def _found(self, split: str | None) -> Iterator[Found | Fault]:
        """Images of a split, as often as it names them."""
        for source in self._sources(split):
            if source.is_dir():
                yield from ((Spot(source), path) for path in find_images(source))
            elif is_image_path(source):
                yield Spot(source), source
            else:
                yield from self._listed(source)

    def _image(self, image_id: str, path: Path, splits: Mapping[str, Spot]) -> LabelledImage:
        label = label_of(path)
        image = LabelledImage(image_id, path, Spot(label or path), splits)
        if label is None:
            tried = next(label_folders(path.parent)) / f"{path.stem}.txt"
            what = f"no label for it; tried {tried}"
            image.faults = [Fault("no-label", Spot(path), what, "warning")]
            return image
        labels = self._labels(label)
        if isinstance(labels, UserError):
            image.unreadable(labels, label)
        else:
            image.objects, image.faults = labels.objects, labels.faults
        return image

    def _read(self, path: Path) -> Labels:
        layout = self.layout
        return read_labels(path, layout.names, keypoints=layout.keypoints, outlines=self.outlines)

    def _listed(self, source: Path) -> tuple[Found | Fault, ...]:
        """Images in a list, which is read once."""
        if source not in self._lists:
            self._lists[source] = read_list(source, self.layout.tree, self.layout.bases)
        return self._lists[source].items

    @property
    def notes(self) -> Sequence[Fault]:
        """What the description of the dataset says and is not so; the rest is read all the same."""
        return self.layout.notes

    def leftovers(self) -> Iterator[Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.leftovers`."""
        yield from self.notes
        images: dict[Path, str] = {}
        for split in (*self.splits, None):
            for item in self._found(split):
                if not isinstance(item, Fault):
                    images.setdefault(item[1], split or "")
        sources = [source for split in self.splits for source in self._sources(split)]
        lists = bool(sources) and not any(source.is_dir() for source in sources)
        said = {label for one in self._lists.values() for label in one.labels}
        yield from find_leftovers(images, said, lists=lists)

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.write_splits`."""
        here = out.resolve()
        content: dict[str, Any] = {"path": str(here)}
        for split, part in splits.items():
            paths = sorted(os.path.abspath(image.path) for image in part)  # noqa: PTH100  # links stay
            atomic_write_text(out / f"{split}.txt", "".join(f"{path}\n" for path in paths))
            content[split] = str(here / f"{split}.txt")
        content["names"] = dict(enumerate(self.classes))
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        atomic_write_text(out / "data.yaml", text)


FORMAT = Format(
    name="yolo",
    open=open_reader,
    looked_for="data.yaml, images/ + labels/*.txt, or images with *.txt beside them (YOLO)",
    suffixes=frozenset({".yaml", ".yml"}),
    open_file=open_yaml,
    tasks=("detect", "segment"),
)
