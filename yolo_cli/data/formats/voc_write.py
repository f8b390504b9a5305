"""Writes splits of a Pascal VOC dataset: lists of ids beside links to the folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from yolo_cli.data.formats.files import link
from yolo_cli.data.formats.scan import LabelledImage
from yolo_cli.data.formats.voc_folders import Part
from yolo_cli.files import atomic_write_text


def write_voc(
    parts: Sequence[Part], splits: Mapping[str, Sequence[LabelledImage]], out: Path
) -> None:
    """Write ``ImageSets/Main/*.txt`` beside links to the folders of images and annotations.

    Args:
        parts: the folders of the dataset.
        splits: name and images of each.
        out: the new folder.
    """
    names = {id(part): _link_name(part, index) for index, part in enumerate(parts)}
    # In one folder, images and XML files need one link, and an image alone is background.
    together = len(parts) == 1 and parts[0].side_by_side
    for part in parts:
        link(out / "JPEGImages" / names[id(part)], part.images)
        if not together:
            link(out / "Annotations" / names[id(part)], part.labels)
    for split, chosen in splits.items():
        kept = [one for one in chosen if together or one.spot.path != one.path]
        lines = [f"{_listed_id(parts, names, image)}\n" for image in kept]
        atomic_write_text(out / "ImageSets" / "Main" / f"{split}.txt", "".join(sorted(lines)))


def _link_name(part: Part, index: int) -> str:
    # Not the split's own name: a folder called train would be taken for a split.
    return f"from-{part.split}" if part.split else (f"part-{index}" if index else "")


def _listed_id(parts: Sequence[Part], names: Mapping[int, str], image: LabelledImage) -> str:
    part = next(one for one in parts if image.path.is_relative_to(one.images))
    file_id = image.id.removeprefix(f"{part.split}/") if part.split else image.id
    return f"{names[id(part)]}/{file_id}" if names[id(part)] else file_id
