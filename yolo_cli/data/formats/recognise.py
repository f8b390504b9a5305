"""Which dataset a folder holds: of all that the formats would read, the fullest reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats import FORMATS, wanted_formats
from yolo_cli.data.formats.common import canonical_split
from yolo_cli.data.formats.files import listed_once, walk
from yolo_cli.data.formats.refusal import nothing_known
from yolo_cli.data.formats.scan import Format, LabelledImage, Reader, Reading
from yolo_cli.data.formats.tree import Folder, look
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError
from yolo_cli.text import counted

_MOST_FOLDERS = 100  # that are tried as datasets of their own, the nearest first
_NAMED = 3  # others that the note names
_LIKELY = ("detect", "segment", "classify")  # folders hold images of any dataset, labels do not
_ABOUT_THE_FILE = frozenset({"no-label", "no-mask", "no-image", "label-unreadable"})


@dataclass(frozen=True, eq=False)
class Recognised:
    """A dataset that was found.

    Attributes:
        format: its name.
        reader: of it.
        note: what was taken, and what was found as well and is not used; "" if there is no more.
    """

    format: str
    reader: Reader
    note: str = ""


@dataclass(frozen=True, eq=False)
class _Claim:
    """What one format would read of one folder.

    Attributes:
        folder: that it reads.
        format: its name.
        reader: of it.
        labelled: images with labels of objects.
        known: images with a label, be it that there is nothing on them.
        images: all of them.
        masks: labels that are pictures.
        objects: number of labels that can be read.
        named: whether classes have names rather than numbers.
    """

    folder: Path
    format: str
    reader: Reader
    labelled: frozenset[Path]
    known: frozenset[Path]
    images: frozenset[Path]
    masks: frozenset[Path]
    objects: int
    named: bool

    @property
    def pictures(self) -> frozenset[Path]:
        """All files that are pictures."""
        return self.images | self.masks

    @property
    def weight(self) -> tuple[int, bool]:
        """What the fullest reading has most of."""
        return len(self.labelled), self.named

    @property
    def rank(self) -> int:
        """How little its layout says: that of what has boxes says most."""
        return _LIKELY.index(FORMATS[self.format].tasks[0])

    @property
    def trains(self) -> bool:
        """Whether it has a split to train on."""
        return "train" in map(canonical_split, self.reader.splits)


def recognise(root: Path, wanted: str | None, reading: Reading) -> Recognised:
    """Find the dataset in a folder.

    Every format says what it would read, of the folder and of the folders in it. The reading with
    the most labelled images is taken; of two with as many, the one whose classes have names; of
    two that are about the same images, the one with more objects, then the one with more labels,
    be they broken, then the one with a split to train on. Where no task is named, a layout without
    boxes counts only if none with boxes does.

    Args:
        root: the folder.
        wanted: the only format to try; None for all.
        reading: how to read it.

    Raises:
        UserError: unknown format; `root` is in none of the layouts; or two readings have equal
            claims.
    """
    formats = wanted_formats(wanted, reading.task)
    errors: list[UserError] = []
    here = _readers(root, formats, reading, errors)
    if wanted is not None and here:
        return Recognised(*here[0])
    tree = look(root)
    nested = [one for one in tree.walk() if one.images and one.labels][:_MOST_FOLDERS]
    if len(here) == 1 and not nested and not errors:
        return Recognised(*here[0])
    claims = [_claim(root, *one) for one in here]
    usual = [one for one in claims if reading.task is not None or not one.rank]
    if errors and not any(one.labelled for one in usual):
        raise errors[0]
    claims += _claims_inside(nested, claims, formats, reading, errors)
    if not claims:
        raise errors[0] if errors else nothing_known(tree)
    claims = _likely(claims, reading)
    best = _fullest(root, claims)
    seen = {path for one in claims for path in one.pictures}
    return Recognised(
        best.format, best.reader, _note(root, best, claims, errors, tree.images - len(seen))
    )


def _readers(
    folder: Path, formats: Sequence[Format], reading: Reading, errors: list[UserError]
) -> list[tuple[str, Reader]]:
    """The readers of the formats that a folder is in; notes why one cannot be read."""
    found: list[tuple[str, Reader]] = []
    with listed_once():
        for one in formats:
            try:
                reader = one.open(folder, reading)
            except UserError as error:
                errors.append(error)
                continue
            if reader is not None:
                found.append((one.name, reader))
    return found


def _claim(folder: Path, name: str, reader: Reader) -> _Claim:
    """Scan a folder. Readers read each label file once, so that loading need not do it again."""
    images: dict[Path, LabelledImage] = {}
    try:
        for item in reader.scan(None):
            if isinstance(item, LabelledImage):
                images[item.path] = item
        classes = reader.classes
    except UserError:
        classes = ()
    return _Claim(
        folder,
        name,
        reader,
        labelled=frozenset(path for path, one in images.items() if _has_objects(one)),
        known=frozenset(path for path, one in images.items() if one.spot.path != path),
        images=frozenset(images),
        masks=frozenset(one.spot.path for one in images.values() if is_image_path(one.spot.path)),
        objects=sum(len(one.objects) for one in images.values()),
        named=any(not one.isdecimal() for one in classes),
    )


def _has_objects(image: LabelledImage) -> bool:
    """Whether a label has objects, sound or not."""
    broken = (one for one in image.faults if one.severity == "error")
    return image.is_labelled or any(one.code not in _ABOUT_THE_FILE for one in broken)


def _claims_inside(
    folders: Sequence[Folder],
    claims: Sequence[_Claim],
    formats: Sequence[Format],
    reading: Reading,
    errors: list[UserError],
) -> Iterator[_Claim]:
    """Readings of folders with images that no other reading has a label for, or divides."""
    known = {path for one in claims if one.trains for path in one.known}
    for folder in folders:
        if all(path in known for path in walk(folder.path) if is_image_path(path)):
            continue
        for one in _readers(folder.path, formats, reading, errors):
            claim = _claim(folder.path, *one)
            known |= claim.known if claim.trains else set()
            yield claim


def _likely(claims: Sequence[_Claim], reading: Reading) -> list[_Claim]:
    """The claims whose layout says most; all of them for a task that was named."""
    ranks = {one.rank for one in claims if one.labelled}
    if reading.task is not None or not ranks:
        return list(claims)
    return [one for one in claims if one.rank <= min(ranks)]


def _fullest(root: Path, claims: Sequence[_Claim]) -> _Claim:
    """The reading with the most labelled images.

    Raises:
        UserError: another one with other images has as many.
    """
    best = max(claims, key=lambda one: (*one.weight, one.objects, len(one.known), one.trains))
    equal = [one for one in claims if one.weight == best.weight and one.labelled != best.labelled]
    if not equal or not best.labelled:
        return best
    count = counted(len(best.labelled), "labelled image")
    ways = [_way(root, one) for one in (best, equal[0])]
    raise UserError(
        f"two datasets with {count} each: {_said(root, best)} and {_said(root, equal[0])}",
        f"say which: {' or '.join(ways)}",
        path=root,
    )


def _said(root: Path, claim: _Claim) -> str:
    """A reading in a few words."""
    where = claim.folder.relative_to(root)
    return claim.format if where == Path() else f"{where} ({claim.format})"


def _way(root: Path, claim: _Claim) -> str:
    """What leaves no doubt that a reading is meant."""
    return f"--format {claim.format}" if claim.folder == root else str(claim.folder)


def _note(
    root: Path, best: _Claim, claims: Sequence[_Claim], errors: Sequence[UserError], rest: int
) -> str:
    """One line about what was taken, where there is more than that.

    Args:
        root: the folder that was looked through.
        best: the reading that is used.
        claims: all readings.
        errors: why folders could not be read.
        rest: number of images that no reading knows.
    """
    others = [_other(root, best, one) for one in claims if _matters(one, best)]
    others += [error.message for error in errors]
    others += [counted(rest, "other image")] if rest > 0 else []
    taken = f"read {_said(root, best)}: {counted(len(best.labelled), 'labelled image')}"
    if not others:
        return taken if best.folder != root else ""
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"{taken}; found and not used: {'; '.join(others[:_NAMED])}{more}"


def _matters(other: _Claim, best: _Claim) -> bool:
    """Whether a reading is more than a part of the one that was taken."""
    if other is best or not other.labelled:
        return False
    return other.folder == best.folder or not other.labelled <= best.images


def _other(root: Path, best: _Claim, other: _Claim) -> str:
    if other.labelled <= best.images:
        return f"{_said(root, other)} for {len(other.labelled)} of these images"
    return f"{_said(root, other)}: {counted(len(other.labelled), 'labelled image')}"
