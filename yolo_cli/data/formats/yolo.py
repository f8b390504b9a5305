"""YOLO: one text file for each image.

Recognised layouts:

- ``data.yaml`` (or another YAML file with ``names``) that says where the splits are;
- ``images/ labels/``, with ``train/``, ``val/``, ``test/`` inside them or around them;
- text files beside the images, with ``train.txt`` and the like listing images (Darknet).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from pathlib import Path

from yolo_cli.data.formats.common import (
    Entry,
    Fault,
    Faults,
    Key,
    Reading,
    build_sample,
    unique_ids,
)
from yolo_cli.data.formats.files import MAX_LIST_BYTES, child, read_lines, walk
from yolo_cli.data.formats.yolo_labels import Labels, YoloObject, read_labels
from yolo_cli.data.formats.yolo_layout import (
    LABEL_FOLDERS,
    Layout,
    find_layout,
    label_of,
    layout_of_yaml,
    locate,
)
from yolo_cli.data.images import is_image_path
from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError

_TRIED = 5  # label files that tell whether there are any

LOOKED_FOR = "data.yaml, images/ + labels/*.txt, or images with *.txt beside them (YOLO)"


def open_reader(root: Path, reading: Reading) -> YoloReader | None:
    """The reader of a folder in one of the layouts above; None if it is in none of them."""
    layout = find_layout(root)
    if layout is None and not reading.images and _labels_alone(root):
        raise UserError(
            f"{root}: YOLO labels without images",
            "they are fractions of the images: put those into images/ beside labels/",
        )
    return None if layout is None else YoloReader(layout, reading)


def open_yaml(path: Path, reading: Reading) -> YoloReader:
    """The reader of the dataset that a YAML file describes."""
    return YoloReader(layout_of_yaml(path), reading)


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
    """Reads a YOLO dataset; label files are read once, and images only when their split is.

    Args:
        layout: where things are.
        reading: how to read it; the images must be there, as labels are fractions of them.
    """

    def __init__(self, layout: Layout, reading: Reading) -> None:
        self.layout = layout
        self._reading = reading
        self._read: dict[Path, Labels | UserError] = {}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, as in the YAML file or as the folders are called."""
        return tuple(self.layout.splits)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the dataset, or the numbers up to the highest in any label file."""
        if self.layout.names is not None:
            return self.layout.names
        highest = max((item.label for item in self._all_objects()), default=-1)
        return tuple(str(index) for index in range(highest + 1))

    @property
    def category_ids(self) -> dict[Key, int]:
        """None: class numbers are the indices themselves."""
        return {}

    def load(self, split: str | None) -> tuple[list[Sample], list[str]]:
        """See :class:`~yolo_cli.data.formats.common.Reader`."""
        faults = Faults(self._reading.skip_bad)
        images = self.images(split, faults)
        ids = unique_ids(images, self.layout.root)
        samples = [
            sample
            for image, sample_id in zip(images, ids, strict=True)
            if (sample := self._sample(sample_id, image, faults)) is not None
        ]
        if samples and not any(map(len, samples)) and not faults.lines:
            self._need_labels()
        in_order = any(not source.is_dir() for source in self.sources(split))
        return samples if in_order else sorted(samples, key=lambda one: one.id), faults.lines

    def sources(self, split: str | None) -> list[Path]:
        """Folders of images, images, and files that list images."""
        layout = self.layout
        if split is not None:
            return list(layout.splits[split])
        every = [source for sources in layout.splits.values() for source in sources]
        return list(dict.fromkeys((*every, *layout.whole)))

    def images(self, split: str | None, faults: Faults) -> list[Path]:
        """Images of a split, each once."""
        found: list[Path] = []
        for source in self.sources(split):
            if source.is_dir():
                found += sorted(path for path in walk(source) if is_image_path(path))
            elif is_image_path(source):
                found.append(source)
            elif source.is_file():
                found += [image for _, image in self.listed(source, faults)]
            else:
                raise UserError(
                    f"{self.layout.source}: no such folder or list of images: {source}",
                    f"mend the path of split {split!r}" if split else "",
                )
        return list(dict.fromkeys(found))

    def listed(self, source: Path, faults: Faults) -> list[tuple[int, Path]]:
        """Images in a list, with their lines."""
        found: list[tuple[int, Path]] = []
        for line, text in enumerate(read_lines(source, MAX_LIST_BYTES), start=1):
            if not text:
                continue
            image = locate(text, (source.parent, *self.layout.bases), fewest=1)
            if image is None or image.is_dir():
                faults.add(Fault("missing", source, line, f"no such image {text[:200]!r}"))
            else:
                found.append((line, image))
        return found

    def _sample(self, sample_id: str, image: Path, faults: Faults) -> Sample | None:
        path = label_of(image)
        entries: list[Entry] = []
        if path is not None:
            labels = self._labels(path)
            if isinstance(labels, UserError):
                faults.add(labels)
                return None
            for fault in labels.faults:
                faults.add(fault)
            entries = [
                Entry(f"{path}:{item.line}", item.label, item.box, relative=True)
                for item in labels.objects
                if self._known(path, item, faults)
            ]
        return build_sample(sample_id, image, entries, faults)

    def _known(self, path: Path, item: YoloObject, faults: Faults) -> bool:
        count = len(self.classes)
        if item.label < count:
            return True
        faults.add(f"{path}:{item.line}: class {item.label}, but there are only {count} (from 0)")
        return False

    def _labels(self, path: Path) -> Labels | UserError:
        if path not in self._read:
            try:
                self._read[path] = read_labels(path, keypoints=self.layout.keypoints)
            except UserError as error:
                self._read[path] = error
        return self._read[path]

    def _all_objects(self) -> Iterable[YoloObject]:
        for image in self.images(None, Faults(skip_bad=True)):
            path = label_of(image)
            labels = None if path is None else self._labels(path)
            if isinstance(labels, Labels):
                yield from labels.objects

    def _need_labels(self) -> None:
        """Tells a split of background from a dataset whose labels are not where they should be."""
        if next(iter(self._all_objects()), None) is None:
            raise UserError(
                f"{self.layout.source}: no labels at all",
                "labels/NAME.txt beside images/, or NAME.txt beside NAME.jpg, was looked for",
            )
