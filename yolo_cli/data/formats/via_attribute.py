"""Which attribute of VIA's regions names the class: people call it what they like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.json_read import is_number
from yolo_cli.data.formats.scan import Spot
from yolo_cli.data.formats.via_file import ViaFile
from yolo_cli.errors import ExitCode, UserError

_USUAL = (
    frozenset({"class", "classes", "classname", "label", "labels", "category", "objectclass"}),
    frozenset({"name", "object", "objectname", "type", "species", "kind"}),
)
"""What it is called: names that leave no doubt, then likely ones; lower case, letters alone."""

_FEW = 10  # distinct values that are no doubt classes, however few regions there are
_SHARE = 0.5  # of the regions that the most frequent attribute has: another one needs as many
_OPTION = "--class-attribute"


@dataclass(frozen=True)
class Attribute:
    """The attribute that names the class.

    Attributes:
        name: of it; None where regions have none, so that all are of one class.
        declared: the classes that a project offers for it, and where.
    """

    name: str | None
    declared: Mapping[str, Spot] = field(default_factory=dict)


def class_names(value: object) -> list[str]:
    """Return the classes that the value of an attribute names: none, one, or several."""
    if isinstance(value, dict):  # checkboxes
        chosen = [key for key, checked in value.items() if checked in (True, "true", 1)]
        return [name for key in chosen if (name := " ".join(key.split()))]
    if is_number(value):
        value = repr(value)[:100]
    name = " ".join(value.split()) if isinstance(value, str) else ""
    return [name] if name else []


def choose(files: Sequence[ViaFile], wanted: str | None, root: Path) -> Attribute:
    """Find the attribute that names the class.

    It is the only one that regions have, or else the one that most of them have, with few
    distinct values, and that is called as such attributes are.

    Args:
        files: all files of the dataset that can be read.
        wanted: name of the attribute by the user; None to find out.
        root: folder of the dataset, for the message.

    Raises:
        UserError: no region has the attribute that the user names, or several would do.
    """
    options: dict[str, dict[str, Spot]] = {}
    for file in files:
        for name, offered in file.options.items():
            options.setdefault(name, {}).update(offered)
    counts = _counts(files)
    if wanted is not None:
        if wanted not in counts and wanted not in options:
            there = f"there are: {', '.join(_said(counts))}" if counts else "there are none"
            what = f"{_OPTION} {wanted}: no region has such an attribute"
            raise UserError(what, there, ExitCode.USAGE, path=root)
        return Attribute(wanted, options.get(wanted, {}))
    found = _best(counts, root) if counts else _offered(options)
    return Attribute(found, {} if found is None else options.get(found, {}))


def _counts(files: Iterable[ViaFile]) -> dict[str, Counter[str]]:
    """How often each attribute has each value, where it names one."""
    found: dict[str, Counter[str]] = {}
    for file in files:
        for image in file.images:
            for region in image.regions:
                for attribute, value in region.attributes.items():
                    names = class_names(value)
                    if len(names) == 1:
                        found.setdefault(attribute, Counter())[names[0]] += 1
    return found


def _offered(options: Mapping[str, Mapping[str, Spot]]) -> str | None:
    """The only attribute with values to choose from, of which no region has any."""
    named = [name for name, offered in options.items() if offered]
    return named[0] if len(named) == 1 else None


def _best(counts: Mapping[str, Counter[str]], root: Path) -> str:
    few = {name: one for name, one in counts.items() if len(one) <= max(_FEW, one.total() // 2)}
    if not few:
        what = f"no attribute of the regions is like a class: {'; '.join(_said(counts))}"
        way_out = f"name it: {_OPTION} {next(iter(counts))}"
        raise UserError(what, way_out, ExitCode.USAGE, path=root)
    most = max(one.total() for one in few.values())
    likely = [name for name, one in few.items() if one.total() >= _SHARE * most]
    for usual in _USUAL if len(likely) > 1 else ():
        called = [name for name in likely if "".join(filter(str.isalpha, name.lower())) in usual]
        likely = called or likely
        if called:
            break
    if len(likely) > 1:
        alike = {name: few[name] for name in likely}
        what = f"{len(alike)} attributes could each name the class: {'; '.join(_said(alike))}"
        way_out = f"choose one: {_OPTION} {likely[0]}"
        raise UserError(what, way_out, ExitCode.USAGE, path=root)
    return likely[0]


def _said(counts: Mapping[str, Counter[str]]) -> list[str]:
    """``'type' (cat, dog)`` for each of the first attributes."""
    return [
        f"{name[:40]!r} ({', '.join(repr(value[:30])[1:-1] for value in [*values][:3])})"
        for name, values in [*counts.items()][:4]
    ]
