"""What is said once of a label file, however often it is so."""

from __future__ import annotations

from collections import Counter

from yolo_cli.data.formats.common import like_more
from yolo_cli.data.formats.scan import Fault, Severity, Spot


class Notes:
    """Counts what is alike, and keeps the first of it."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], Fault] = {}
        self._count: Counter[tuple[str, str]] = Counter()

    def add(
        self, code: str, spot: Spot, what: str, sort: str = "", severity: Severity = "warning"
    ) -> None:
        """Note a fault; those of one code and `sort` are alike."""
        key = (code, sort)
        self._first.setdefault(key, Fault(code, spot, what, severity))
        self._count[key] += 1

    @property
    def faults(self) -> list[Fault]:
        """The first of each sort, and how many are like it."""
        return [
            Fault(one.code, one.spot, one.what + like_more(self._count[key]), one.severity)
            for key, one in self._first.items()
        ]
