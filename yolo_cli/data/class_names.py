"""Which of two lists of class names are the same."""

from __future__ import annotations

from collections.abc import Sequence


def class_places(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the place of each wanted name or, failing that, of a similar one; -1 for none."""
    same = {name: index for index, name in enumerate(names)}
    like = {plain_name(name): index for index, name in enumerate(names)}
    return [same.get(name, like.get(plain_name(name), -1)) for name in wanted]


def plain_name(name: str) -> str:
    """Return what is left of a name without case, spaces, hyphens and underscores."""
    return "".join(c for c in name.casefold() if c not in " -_")
