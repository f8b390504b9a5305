"""Photographs with masks: a picture for each photograph that has the class of every pixel.

Recognised layouts:

- ``JPEGImages/ SegmentationClass/ ImageSets/Segmentation/*.txt``, Pascal VOC's;
- ``images/`` and ``masks/``, each with a folder for each split, or inside one; or with lists.

Masks are PNG of a palette or grey, whose values are indices: 255 is not labelled. ``classes.txt``
names the classes, in the order of the indices. Of masks in colours ``palette.txt`` says which
class each colour is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from yolo_cli.data.formats.common import Key
from yolo_cli.data.formats.files import link
from yolo_cli.data.formats.mask_folders import MaskPart, find_parts, listed_ids, mask_lists
from yolo_cli.data.formats.mask_names import CLASS_FILES, PALETTE_FILES, Names, read_names
from yolo_cli.data.formats.missing import with_missing
from yolo_cli.data.formats.scan import BoxForm, Fault, Format, LabelledImage, Reading, Spot
from yolo_cli.data.images import image_size
from yolo_cli.data.mask import MaskFile
from yolo_cli.errors import UserError
from yolo_cli.files import atomic_write_text


def open_reader(root: Path, reading: Reading) -> MaskReader | None:
    """Return the reader of a folder in one of the layouts above; None if it is in none of them."""
    parts = find_parts(root)
    if not parts:
        return None
    return MaskReader(root, parts, {} if parts[0].split else mask_lists(root))


class MaskReader:
    """Reads a folder of masks; each mask is read once to be checked.

    Args:
        root: the folder.
        parts: its folders; either one that is no split, or one for each split.
        lists: split files by name; only with a single part.
    """

    form: BoxForm = "corners"
    relative = False

    def __init__(self, root: Path, parts: list[MaskPart], lists: dict[str, Path]) -> None:
        self.root = root
        self.parts = parts
        self.lists = lists
        self._images: dict[Path, LabelledImage] = {}

    @property
    def splits(self) -> Mapping[str, Spot]:
        """The split files, or the split folders."""
        lists = {name: Spot(path) for name, path in self.lists.items()}
        return lists or {part.split: Spot(part.images) for part in self.parts if part.split}

    @cached_property
    def names(self) -> Names:
        """What the indices mean.

        Raises:
            UserError: nothing says it.
        """
        part = self.parts[0]
        folders = dict.fromkeys((self.root, part.masks, part.masks.parent))
        return read_names([*folders], next(iter(part.mask_index.paths), None))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, by index."""
        return self.names.classes

    @property
    def declared(self) -> Mapping[str, Spot]:
        """Where each class is declared."""
        return self.names.declared

    @property
    def category_ids(self) -> Mapping[Key, int]:
        """None: indices are those of the classes."""
        return {}

    def scan(self, split: str | None) -> Iterator[LabelledImage | Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.scan`."""
        for part in self.parts:
            if self.lists:
                items = self._of_lists(part, split)
            elif split in {None, part.split}:
                items = self._of_folder(part)
            else:
                continue
            yield from with_missing(items, part.images, part.masks)

    def _of_folder(self, part: MaskPart) -> Iterator[LabelledImage | Fault]:
        """All photographs of a folder, and masks without one."""
        splits = {part.split: Spot(part.images)} if part.split else {}
        for file_id in sorted(part.image_index):
            yield self._item(part, file_id, splits)
        for mask_id in sorted(part.mask_index):
            if part.image_of(mask_id) is None:
                mask = part.mask_index.find(mask_id) or part.masks
                what = f"no photograph of that name in {part.images}"
                yield Fault("no-image", Spot(mask), what, "warning")

    def _of_lists(self, part: MaskPart, split: str | None) -> Iterator[LabelledImage | Fault]:
        """The photographs of a list; for None those of all, and all others that have a mask."""
        listed: dict[str, dict[str, Spot]] = {}
        for name, path in self.lists.items():
            if split not in {None, name}:
                continue
            try:
                lines = listed_ids(path, part)
            except UserError as error:
                yield Fault.of_error("label-unreadable", error, path)
                continue
            for line, file_id in lines:
                places = listed.setdefault(file_id, {})
                if name in places:
                    what = f"{file_id} is in line {places[name].line} as well"
                    yield Fault("list-repeated", Spot(path, line), what, "warning")
                places.setdefault(name, Spot(path, line))
        if split is None:
            whole = {one for one in part.image_index if part.mask_of(one) is not None}
            listed = {one: listed.get(one, {}) for one in sorted({*listed, *whole})}
        for file_id, places in listed.items():
            yield self._item(part, file_id, places)

    def _item(
        self, part: MaskPart, file_id: str, splits: Mapping[str, Spot]
    ) -> LabelledImage | Fault:
        """A photograph with its mask, made once; several splits may name it."""
        path = part.image_index.find(file_id)
        if path is None:
            spot = next(iter(splits.values()), Spot(part.images))
            return Fault("no-image", spot, f"no photograph {part.images / file_id}.*")
        image = self._images.get(path)
        if image is None:
            image = self._images[path] = self._image(part, file_id, path)
        image.splits = {**image.splits, **splits}
        return image

    def _image(self, part: MaskPart, file_id: str, path: Path) -> LabelledImage:
        mask = part.mask_of(file_id)
        image = LabelledImage(
            id=f"{part.split}/{file_id}" if part.split else file_id,
            path=path,
            spot=Spot(mask or path),
        )
        if mask is None:
            what = f"no mask for it; tried {part.masks / file_id}.*"
            image.faults = [Fault("no-mask", Spot(path), what)]
            image.usable = False
            return image
        names = self.names
        try:
            size = image_size(path)
        except UserError:
            return image  # whoever loads the photograph says what is wrong with it
        try:
            read = MaskFile.read(mask, len(names.classes), size, names.palette)
        except UserError as error:
            image.unreadable(error, mask)
        else:
            image.annotate = lambda _numbers: read
        return image

    def leftovers(self) -> Iterator[Fault]:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.leftovers`."""
        for part in self.parts:
            for index in (part.image_index, part.mask_index):
                for path, used in index.unused.items():
                    what = f"is not used, as {used.name} is there"
                    yield Fault("image-ambiguous", Spot(path), what, "warning")

    def write_splits(self, splits: Mapping[str, Sequence[LabelledImage]], out: Path) -> None:
        """See :meth:`~yolo_cli.data.formats.scan.Reader.write_splits`."""
        # Not the split's own name: a folder called train would be taken for a split.
        places = {part.images: f"from-{part.split}" if part.split else "" for part in self.parts}
        for part in self.parts:
            link(out / "JPEGImages" / places[part.images], part.images)
            link(out / "SegmentationClass" / places[part.images], part.masks)
        for name, chosen in splits.items():
            lines = sorted(f"{self._listed(one, places)}\n" for one in chosen)
            atomic_write_text(out / "ImageSets" / "Segmentation" / f"{name}.txt", "".join(lines))
        _write_names(self.names, out)

    def _listed(self, image: LabelledImage, places: Mapping[Path, str]) -> str:
        part = next(one for one in self.parts if image.path.is_relative_to(one.images))
        file_id = image.id.removeprefix(f"{part.split}/") if part.split else image.id
        return f"{places[part.images]}/{file_id}" if places[part.images] else file_id


def _write_names(names: Names, out: Path) -> None:
    """Write the classes, and the palette if there is one."""
    atomic_write_text(out / CLASS_FILES[0], "".join(f"{name}\n" for name in names.classes))
    if names.palette is not None:
        atomic_write_text(out / PALETTE_FILES[0], "".join(_palette_lines(names)))


def _palette_lines(names: Names) -> Iterable[str]:
    for (red, green, blue), index in (names.palette or {}).items():
        name = names.classes[index] if index < len(names.classes) else "void"
        yield f"{red} {green} {blue} {name}\n"


FORMAT = Format(
    name="masks",
    open=open_reader,
    looked_for="JPEGImages/ + SegmentationClass/, or images/ + masks/",
    tasks=("segment",),
)
