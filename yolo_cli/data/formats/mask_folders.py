"""Where a dataset of masks keeps its photographs, its masks and its splits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, SPLIT_FOLDERS
from yolo_cli.data.formats.files import MAX_LIST_BYTES, FileIndex, child, read_lines, visible, walk
from yolo_cli.data.formats.voc_folders import find_lists, in_order
from yolo_cli.data.images import IMAGE_SUFFIXES, is_image_path
from yolo_cli.errors import UserError

SURE_FOLDERS = ("SegmentationClass", "masks", "mask", "SegmentationClassAug")
"""Names of folders that hold masks and nothing else."""

_OTHER_FOLDERS = ("labels", "annotations", "annotation", "gt")  # masks, if they hold pictures alone
_IMAGES = ("JPEGImages", *IMAGE_FOLDERS, "photos")
_ENDINGS = ("", "_mask", "_L", "_label", "_labels", "_seg", "_gt")


@dataclass(frozen=True)
class MaskPart:
    """A folder of photographs with its folder of masks.

    Attributes:
        split: name of the split it is; "" if it is none.
        images: folder of the photographs.
        masks: folder of the masks.
    """

    split: str
    images: Path
    masks: Path

    @cached_property
    def image_index(self) -> FileIndex:
        """Its photographs."""
        return FileIndex(self.images, is_image_path)

    @cached_property
    def mask_index(self) -> FileIndex:
        """Its masks."""
        return FileIndex(self.masks, is_image_path)

    def mask_of(self, file_id: str) -> Path | None:
        """Return the mask of a photograph: of its name, be it with ``_mask`` behind it."""
        found = (self.mask_index.find(file_id + ending) for ending in _ENDINGS)
        return next((path for path in found if path is not None), None)

    def image_of(self, mask_id: str) -> Path | None:
        """Return the photograph of a mask."""
        names = (mask_id.removesuffix(ending) for ending in _ENDINGS if mask_id.endswith(ending))
        found = (self.image_index.find(name) for name in names)
        return next((path for path in found if path is not None), None)


def find_parts(root: Path) -> list[MaskPart]:
    """Find the folders of a dataset; none where it is in another layout.

    Raises:
        UserError: there are masks, and no folder of photographs.
    """
    pair = _pair(root)
    if pair is None:
        inside = [path for path in visible(root) if path.name.lower() in SPLIT_FOLDERS]
        pairs = [(path, _pair(path)) for path in inside if path.is_dir()]
        return [MaskPart(path.name, *found) for path, found in pairs if found is not None]
    images, masks = pair
    splits = [
        (path, other)
        for path in visible(images)
        if path.is_dir() and path.name.lower() in SPLIT_FOLDERS
        for other in (child(masks, path.name),)
        if other is not None
    ]
    return [MaskPart(path.name, path, other) for path, other in splits] or [MaskPart("", *pair)]


def folders_of_masks(root: Path) -> set[Path]:
    """Return the folders below a dataset's whose pictures are masks, not photographs."""
    try:
        parts = find_parts(root)
    except UserError:  # no photographs
        return set()
    instances = (child(part.masks.parent, "SegmentationObject") for part in parts)
    return {part.masks for part in parts} | {path for path in instances if path is not None}


def _pair(folder: Path) -> tuple[Path, Path] | None:
    images = child(folder, *_IMAGES)
    masks = child(folder, *SURE_FOLDERS)
    if masks is None:
        others = (child(folder, name) for name in _OTHER_FOLDERS)
        masks = next((one for one in others if one is not None and _holds_pictures(one)), None)
        return None if masks is None or images is None else (images, masks)
    if images is None:
        raise UserError(
            "a folder of masks, and none of photographs",
            f"put the photographs into {folder / 'images'}, called like the masks",
            path=masks,
        )
    return images, masks


def _holds_pictures(folder: Path) -> bool:
    """Whether there are PNG files in a folder, and nothing else."""
    suffixes = {path.suffix.lower() for path in walk(folder)}
    return suffixes == {".png"}


def mask_lists(root: Path) -> dict[str, Path]:
    """Find ``ImageSets/Segmentation/*.txt``, or lists beside the folders, by name of the split."""
    sets = child(root, "ImageSets")
    own = None if sets is None else child(sets, "Segmentation")
    if own is None:
        return find_lists(root)
    return in_order({path.stem: path for path in visible(own) if path.suffix.lower() == ".txt"})


def listed_ids(path: Path, part: MaskPart) -> list[tuple[int, str]]:
    """Return the ids in a list with their lines; file names, paths and pairs are read as well.

    Raises:
        UserError: the file cannot be read.
    """
    lines = [(i, line) for i, line in enumerate(read_lines(path, MAX_LIST_BYTES), 1) if line]
    return [(i, _known_id(line, part)) for i, line in lines]


def _known_id(line: str, part: MaskPart) -> str:
    if part.image_index.find(line):
        return line
    for text in dict.fromkeys((line, line.split(maxsplit=1)[0])):
        path = Path(text.replace("\\", "/"))
        bare = path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path
        for file_id in (bare.as_posix(), bare.name):
            if part.image_index.find(file_id):
                return file_id
    return line
