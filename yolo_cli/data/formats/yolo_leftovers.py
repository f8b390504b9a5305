"""Label files without an image, and images in no split, of a YOLO dataset."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, SPLIT_FOLDERS, canonical_split, like_more
from yolo_cli.data.formats.files import child, walk
from yolo_cli.data.formats.scan import Fault, Spot
from yolo_cli.data.formats.yolo_labels import read_labels
from yolo_cli.data.formats.yolo_paths import LABEL_FOLDERS, label_folders, label_of
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError

_NOT_LABELS = re.compile(r"(classes|names|class_list|readme.*|notes|licen[sc]e.*|.*\.names)\.txt")


def find_leftovers(
    images: Mapping[Path, str], said: Collection[Path], *, lists: bool
) -> Iterator[Fault]:
    """Find what the images of a dataset leave over.

    Args:
        images: all that belong to the dataset, and the split of each; "" where it is in none.
        said: label files of which it is known that they have no image.
        lists: whether all splits are lists of images, so that others may lie beside listed ones.
    """
    beside = (path for folder in {one.parent for one in images} for path in folder.iterdir())
    left = sorted(path for path in beside if is_image_path(path) and path not in images)
    yield from _orphans(images, {*said, *filter(None, map(label_of, left))})
    if lists:
        yield from _in_no_split(left, "list")


def _orphans(images: Mapping[Path, str], said: Collection[Path]) -> Iterator[Fault]:
    """Label files for which there is no image, or none that belongs to a split."""
    labels = {image: label_of(image) for image in images}
    used = {*labels.values(), *said}
    bare: dict[str, list[Path]] = defaultdict(list)
    for image, label in labels.items():
        if label is None:
            bare[image.stem].append(image)
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
        elif len(bare[path.stem]) == 1:
            yield _misplaced(path, bare[path.stem][0], images)
        elif path in inside or _is_label(path):
            yield Fault("no-image", Spot(path), f"no image {path.stem}.* for it", "warning")
    yield from _in_no_split(unlisted, "split")


def _misplaced(label: Path, image: Path, images: Mapping[Path, str]) -> Fault:
    """A label whose image is elsewhere, and has none there."""
    folders = [
        part for part in label.parent.parts if canonical_split(part) in {"train", "val", "test"}
    ]
    own, other = folders[-1:], images[image]
    if own and other and canonical_split(own[0]) != canonical_split(other):
        what = f"no image for it in {own[0]}: its image is in {other}, {image}"
    else:
        what = f"its image is elsewhere: {image}"
    return Fault("label-misplaced", Spot(label), what, "warning")


def _images_beside(labels: Path | None) -> list[Path]:
    """Images in the folder that belongs to a folder called ``labels``."""
    images = None if labels is None else child(labels.parent, *IMAGE_FOLDERS)
    return [] if images is None else [path for path in walk(images) if is_image_path(path)]


def _stem(path: Path) -> tuple[str, ...]:
    """The same for an image and its label: the path without suffix, ``images`` and ``labels``."""
    kinds = (*IMAGE_FOLDERS, *LABEL_FOLDERS)
    return (*(part for part in path.parent.parts if part.lower() not in kinds), path.stem)


def _in_no_split(images: list[Path], where: str) -> Iterator[Fault]:
    if images:
        what = f"in no {where}{like_more(len(images))}"
        yield Fault("image-unlisted", Spot(images[0]), what, "info")


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
