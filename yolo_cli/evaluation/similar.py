"""Which classes are alike, so that confusing them is a lesser error."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import permutations

import numpy as np

from yolo_cli.data.sample import BoolArray
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import printable

VOC_GROUPS = (
    ("bird", "cat", "cow", "dog", "horse", "person", "sheep"),
    ("aeroplane", "bicycle", "boat", "bus", "car", "motorbike", "train"),
    ("chair", "diningtable", "sofa"),
    ("aeroplane", "bird"),
)
"""Hoiem et al. 2012, section 2: animals with person, vehicles, furniture, things that fly. Bottle,
potted plant and TV monitor are like no other class."""


def similar_classes(
    classes: Sequence[str], groups: Sequence[Sequence[str]] = VOC_GROUPS
) -> BoolArray:
    """Which pairs of classes are alike.

    Args:
        classes: C class names.
        groups: names that are alike; those that are no class are passed over.

    Returns:
        ``[C, C]`` symmetric; no class is similar to itself.
    """
    alike = np.zeros((len(classes), len(classes)), dtype=np.bool_)
    number = {name: i for i, name in enumerate(classes)}
    for group in groups:
        for one, other in permutations({number[name] for name in group if name in number}, 2):
            alike[one, other] = True
    return alike


def parse_similar(values: Sequence[str], classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Read the groups of ``--similar cat,dog --similar car,bus``.

    Args:
        values: each a group, its names with commas between; none for VOC's own groups.
        classes: class names; a name may have commas itself.

    Returns:
        The groups, each of at least two different names.

    Raises:
        UserError: a name is no class, or a group has less than two.
    """
    return tuple(_parse_group(value, classes) for value in values) or VOC_GROUPS


def _parse_group(value: str, classes: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    parts = value.split(",")
    while parts:
        # The longest run of parts that is a class: "a,b" may be one name.
        for end in range(len(parts), 0, -1):
            name = ",".join(parts[:end]).strip()
            if name in classes:
                break
        else:
            raise _unknown(parts[0].strip(), value, classes)
        names.append(name)
        parts = parts[end:]
    group = tuple(dict.fromkeys(names))
    if len(group) < 2:
        raise UserError(
            f"--similar {printable(value)}: names one class",
            "name at least two, as in --similar cat,dog",
            ExitCode.USAGE,
        )
    return group


def _unknown(name: str, value: str, classes: Sequence[str]) -> UserError:
    near = get_close_matches(name, classes, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the classes are {', '.join(classes)}"
    return UserError(
        f"--similar {printable(value)}: there is no class {printable(name)!r}",
        printable(hint),
        ExitCode.USAGE,
    )
