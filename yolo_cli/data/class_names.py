"""Which of two lists of class names are the same."""

from __future__ import annotations

from collections.abc import Sequence


def class_places(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where each wanted name is among the names, or -1; the very same name goes before its like."""
    same = {name: index for index, name in enumerate(names)}
    like = {plain_name(name): index for index, name in enumerate(names)}
    return [same.get(name, like.get(plain_name(name), -1)) for name in wanted]


def plain_name(name: str) -> str:
    """Names are the same that differ in case, spaces, hyphens and underscores alone."""
    return "".join(c for c in name.casefold() if c not in " -_")
