"""Turns a dataset of any layout that is read into one of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.check.check import Phase
from yolo_cli.data.check.divide import check_out
from yolo_cli.data.convert import coco, crops, voc, yolo
from yolo_cli.data.convert.names import flat_names, kept_names
from yolo_cli.data.convert.source import read_splits
from yolo_cli.data.convert.staging import LEFTOVERS, staged
from yolo_cli.data.convert.target import Images, Job, Part, Placed, Target
from yolo_cli.data.dataset import DatasetFolder, refuse_inside
from yolo_cli.data.formats.files import walk
from yolo_cli.data.images import is_image_path
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.text import counted

TARGETS: Mapping[str, Target] = {
    one.name: one for one in (voc.TARGET, yolo.TARGET, coco.TARGET, crops.TARGET)
}
"""What can be written, by name."""


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        images: how many.
        splits: how many in each split, "" where there are none.
        background: images without objects.
        objects: of all images.
        classes: their names.
        notes: what a user should know, a line each.
        homes: where images are that were left there, and the new folder that they belong into.
    """

    images: int
    splits: Mapping[str, int]
    background: int
    objects: int
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    homes: tuple[tuple[Path, Path], ...] = ()


def convert(
    folder: DatasetFolder,
    to: str,
    out: Path,
    *,
    images: Images = "leave",
    split: str | None = None,
    phase: Phase = lambda _what, _total: lambda _count: None,
) -> Converted:
    """Write a dataset in another format.

    Boxes are those that training sees: inside the image, in pixels of the upright image. What is
    wrong with a label stops the conversion as it stops training.

    Args:
        folder: the dataset; nothing in it is changed.
        to: a name in :data:`TARGETS`.
        out: a new or an empty folder.
        images: what becomes of the images; "crops" cuts them up instead.
        split: the only one to convert; None for all.
        phase: begins each phase of the work, for a progress bar.

    Returns:
        What was written, and what the format cannot say.

    Raises:
        UserError: a label or an image is bad; `out` is in the dataset or not empty; or something
            cannot be written.
    """
    target = TARGETS[to]
    check_out(folder.root, out, but=LEFTOVERS)
    phase("reading labels", None)
    splits, notes = read_splits(folder, split, target)
    samples = {name: data.samples for name, data in splits.items()}
    refuse_inside({one.image.parent for part in samples.values() for one in part}, out, "--out")
    named = _named(samples, target, images if to != "crops" else "copy")
    parts = [Part(name, [*map(Placed, named.names[name], part)]) for name, part in samples.items()]
    any_split = next(iter(splits.values()))
    with staged(out) as partial:
        job = Job(
            parts=parts,
            classes=any_split.classes,
            category_ids=any_split.category_ids,
            out=partial,
            images=images,
            shared=named.shared,
            step=phase("writing images", sum(map(len, samples.values()))),
            notes=notes,
        )
        target.write(job)
    if to != "crops":
        job.notes.extend(_unsaid(target, splits, job.rotated))
    if named.homes and to == "yolo" and not named.shared:
        job.notes.extend(_strangers(samples.values(), named.homes.values()))
    homes = {
        (base, out / target.images(name, named.shared)): None for name, base in named.homes.items()
    }
    return _converted(splits, job, tuple(homes))


@dataclass(frozen=True)
class _Named:
    """Names of the images, the folders they are left in, and whether splits share a folder."""

    names: Mapping[str, Sequence[str]]
    homes: Mapping[str, Path]
    shared: bool


def _named(samples: Mapping[str, Sequence[Sample]], target: Target, images: Images) -> _Named:
    if images != "leave":
        names = flat_names(samples, shared=target.shared, spaces=target.spaces)
        return _Named(names, {}, target.shared)
    names, homes = kept_names(samples, shared=target.shared, spaces=target.spaces)
    mixed = len(homes) > 1 and len({*homes.values()}) == 1
    return _Named(names, homes, target.shared or mixed)


def _strangers(samples: Iterable[Sequence[Sample]], homes: Iterable[Path]) -> Iterator[str]:
    """Say that images without labels are background for YOLO, where folders have others as well."""
    known = {one.image.absolute() for part in samples for one in part}
    there = {path for base in homes for path in walk(base) if is_image_path(path)}
    if others := sorted(there - known):
        what = f"{counted(len(others), 'other image')} there would be background ({others[0]})"
        yield f"{what}: leave those out"


def _converted(
    splits: Mapping[str, Dataset], job: Job, homes: tuple[tuple[Path, Path], ...]
) -> Converted:
    every = {one.image: one for data in splits.values() for one in data.samples}.values()
    return Converted(
        images=len(every),
        splits={name: len(data) for name, data in splits.items()},
        background=sum(not len(one) for one in every),
        objects=sum(map(len, every)),
        classes=tuple(job.classes),
        notes=tuple(job.notes),
        homes=homes,
    )


def _unsaid(target: Target, splits: Mapping[str, Dataset], rotated: int) -> list[str]:
    """What the format has no words for."""
    every = {one.image: one for data in splits.values() for one in data.samples}.values()
    notes = []
    difficult = sum(int((one.difficult & ~one.crowd).sum()) for one in every)
    if difficult and not target.difficult:
        marked = "is" if difficult == 1 else "are"
        what = f"{counted(difficult, 'object')} {marked} marked difficult"
        notes.append(f"{what}, which {target.title} cannot say: ordinary objects there")
    crowds = sum(int(one.crowd.sum()) for one in every)
    if crowds and not target.crowd:
        what = f"{counted(crowds, 'object')} {'is a crowd' if crowds == 1 else 'are crowds'}"
        become = "difficult" if target.difficult else "ordinary objects"
        notes.append(f"{what}, which {target.title} cannot say: {become} there")
    if rotated:
        what = f"{counted(rotated, 'image')} {'is' if rotated == 1 else 'are'} turned by EXIF alone"
        notes.append(f"{what}; boxes fit the upright image, as most programs show it")
    return notes
