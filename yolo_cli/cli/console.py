"""Where human text goes: standard error. Standard output is for data."""

from __future__ import annotations

from rich.console import Console


def stderr() -> Console:
    """A console on standard error, as it is at the time of the call."""
    return Console(stderr=True, highlight=False)
