"""What ``--save`` can ask for; without torch, to refuse at once what there is not."""

from __future__ import annotations

from collections.abc import Iterable

from yolo_cli.errors import ExitCode, UserError

IMAGE, JSON_LIST, JSON_LINES = "image", "json", "jsonl"
SHARED = (IMAGE, JSON_LIST, JSON_LINES)
"""Formats that every task has."""


def parse_formats(text: str, others: Iterable[str]) -> frozenset[str]:
    """Return the formats that a user names, with commas between.

    Args:
        text: as typed.
        others: names of the task's own formats.

    Raises:
        UserError: for a name that is no format, and for no name at all.
    """
    known = (*SHARED, *others)
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UserError(
            f"--save: no such format: {', '.join(unknown)}" if unknown else "--save names nothing",
            f"choose from {', '.join(known)}",
            ExitCode.USAGE,
        )
    return frozenset(names)
