"""What is wrong with the classes of a dataset: their names, their numbers, their splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from yolo_cli.data.check.finding import Finding, finding
from yolo_cli.data.check.survey import Survey
from yolo_cli.data.class_names import plain_name
from yolo_cli.data.formats.scan import LabelledImage, Spot
from yolo_cli.errors import UserError
from yolo_cli.text import counted

_SELDOM = 0.01  # of the objects of its like: a misspelling rather than a class of its own
_PLURAL_SELDOM = 0.25
_LONG_ENOUGH = 5  # letters: cat and car are two things
_LONG = 7  # letters, of which the last may be missing: table and tablet are two things
_IMBALANCE = 50
_FEWEST = 50  # objects of the commonest class, for the others to be rare


@dataclass
class ClassCounts:
    """Objects by class.

    Attributes:
        total: objects of each class; declared ones without any included.
        by_split: the same in each split; "" is all images where there are no splits.
        first: where each class is met first.
    """

    total: Counter[str] = field(default_factory=Counter)
    by_split: dict[str, Counter[str]] = field(default_factory=dict)
    first: dict[str, Spot] = field(default_factory=dict)


def count_classes(survey: Survey) -> ClassCounts:
    """Count the objects of every class."""
    counts = ClassCounts(Counter(dict.fromkeys(survey.classes, 0)))
    for split in survey.splits or ("",):
        counts.by_split[split] = Counter()
    for image in survey.images:
        for name, spot in (*_objects(image), *_in_mask(image, survey.numbers)):
            counts.total[name] += 1
            counts.first.setdefault(name, spot)
            for split in image.splits if survey.splits else ("",):
                counts.by_split[split][name] += 1
    return counts


def _objects(image: LabelledImage) -> Iterator[tuple[str, Spot]]:
    """Name and place of each object."""
    return ((item.name, item.spot) for item in image.objects if item.name)


def _in_mask(image: LabelledImage, numbers: Mapping[str, int]) -> Iterator[tuple[str, Spot]]:
    """Name of each class that an image's mask has, and the mask."""
    if image.annotate is None or not image.usable:
        return
    with suppress(UserError):  # which whoever judges the image has told
        present = image.annotate(numbers).classes.tolist()
        names = list(numbers)
        yield from ((names[index], image.spot) for index in present)


def check_classes(
    survey: Survey, counts: ClassCounts, root: Path, unit: str = "object"
) -> Iterator[Finding]:
    """Judge names and numbers of the classes.

    Args:
        survey: of the labels.
        counts: of its classes.
        root: the dataset's folder.
        unit: what is counted, in the singular.
    """
    if not counts.total.total():
        yield finding("no-labels", Spot(root), "no object is labelled in the whole dataset")
        return
    yield from _spelling(survey, counts, unit)
    for name, spot in survey.classes.items():
        if not counts.total[name]:
            yield finding("class-unused", spot, f"no {unit} of {name!r}")
    yield from _missing(survey, counts, unit)
    common, most = counts.total.most_common(1)[0]
    for name, count in counts.total.items():
        if most >= _FEWEST and 0 < count * _IMBALANCE < most:
            message = f"{counted(count, unit)} of {name!r}, but {most} of {common!r}"
            yield finding("class-imbalance", counts.first[name], message)


def check_contrast(counts: ClassCounts, root: Path) -> Iterator[Finding]:
    """Find masks whose labelled pixels are all of one class."""
    found = [name for name, count in counts.total.items() if count]
    if len(found) == 1:
        message = (
            f"every labelled pixel is of {found[0]!r}: there is nothing to tell it from "
            "(255 means: not labelled)"
        )
        yield finding("class-alone", Spot(root), message)


def _missing(survey: Survey, counts: ClassCounts, unit: str) -> Iterator[Finding]:
    """Classes that a split has no object of, though another one has."""
    labelled = {name for name, count in counts.total.items() if count}
    images = Counter(split for image in survey.images for split in image.splits)
    for split, spot in survey.splits.items():
        missing = sorted(labelled - {name for name, n in counts.by_split[split].items() if n})
        if missing and images[split]:
            purpose = {"train": "cannot be learned", "trainval": "cannot be learned"}
            names = ", ".join(missing)
            message = f"{split} has no {unit} of {names}: {purpose.get(split, 'not scored')}"
            yield finding("class-missing", spot, message)


def _spelling(survey: Survey, counts: ClassCounts, unit: str) -> Iterator[Finding]:
    """Names that are alike; the finding is at the first place of the rarer one."""
    plain = {name: plain_name(name) for name in counts.total}
    for one, other in _close(plain):
        rare, common = sorted((one, other), key=lambda name: (counts.total[name], name))
        seldom = counts.total[rare] / max(1, counts.total[common])
        how = _alike(plain[rare], plain[common], seldom, counts.total[rare])
        if how:
            spot = counts.first.get(rare) or survey.classes[rare]
            message = (
                f"class {rare!r} ({counted(counts.total[rare], unit)}) {how} "
                f"{common!r} ({counts.total[common]})"
            )
            yield finding("class-spelling", spot, message)


def _close(plain: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs whose plain names are of nearly the same length."""
    names = sorted(plain, key=lambda name: len(plain[name]))
    for one, other in combinations(names, 2):
        if len(plain[other]) - len(plain[one]) <= 2:
            yield one, other


def _alike(rare: str, common: str, seldom: float, count: int) -> str:
    """How two names are alike, in a few words; "" if they are not, or may well be two classes."""
    if rare == common:
        return "differs by case, spaces or hyphens alone from"
    short, long = sorted((rare, common), key=len)
    if long in {f"{short}s", f"{short}es"} and seldom <= _PLURAL_SELDOM:
        return "is singular or plural of"
    if min(len(rare), len(common)) < _LONG_ENOUGH or (seldom > _SELDOM and count > 2):
        return ""
    return "may be a misspelling of" if seldom <= 0.2 and _one_typo(rare, common) else ""


def _one_typo(one: str, other: str) -> bool:
    """Whether a letter is left out, doubled, exchanged inside the word, or swapped with the next.

    Names that differ in a digit, or in their first or last letter alone, are as a rule two
    classes: sign30 and sign50, house and mouse, type a and type b.
    """
    short, long = sorted((one, other), key=len)
    start = next(
        (i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short)
    )
    if any(c.isdigit() for c in (short + " ")[start] + long[start]):
        return False
    if len(long) == len(short) + 1:
        inside = 0 < start < len(short) or (start and len(short) >= _LONG)
        return short[start:] == long[start + 1 :] and bool(inside)
    if len(long) != len(short):
        return False
    swapped = short[:start] + short[start + 1 : start + 2] + short[start : start + 1]
    if swapped + short[start + 2 :] == long:
        return True
    inside = 0 < start < len(short) - 1 and len(short) > _LONG_ENOUGH
    return inside and short[start + 1 :] == long[start + 1 :]
