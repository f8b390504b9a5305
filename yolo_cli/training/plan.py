"""How many augmented copies and epochs fit into the time that a user has."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from yolo_cli.errors import ExitCode, UserError

CACHE_SHARE = 0.4  # of the budget goes into augmented copies; the rest into steps on them
COPIES_LIMIT = 24
EPOCH_SECONDS = 1.5  # an epoch's weights, checkpoint and curves
_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(text: str) -> float:
    """Seconds of ``90s``, ``10m``, ``1h30m``; a bare number is minutes.

    Raises:
        UserError: for anything else, and for nothing at all.
    """
    plain = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        plain += "m"
    if not re.fullmatch(r"(\d+(\.\d+)?[hms])+", plain):
        raise UserError(
            f"--time-budget {text}: not a duration", "write 90s, 10m or 1h30m", ExitCode.USAGE
        )
    seconds = sum(
        float(number) * _UNITS[unit]
        for number, unit in re.findall(r"(\d+(?:\.\d+)?)([hms])", plain)
    )
    if seconds <= 0:
        raise UserError(f"--time-budget {text}: no time at all", "", ExitCode.USAGE)
    return seconds


@dataclass(frozen=True)
class Speed:
    """Seconds an image on this machine.

    Attributes:
        cache: decoding, augmenting and running the frozen blocks.
        step: forward and backward through what is trained, from cached activations.
        validate: forward through the same, and scoring.
    """

    cache: float
    step: float
    validate: float


@dataclass(frozen=True)
class Plan:
    """What a budget is spent on.

    Attributes:
        budget: seconds that the user gave.
        copies: augmented copies of each training image.
        epochs: passes over the training images.
        cache_seconds: expected for the copies and the validation images.
        train_seconds: expected for steps and validations.
    """

    budget: float
    copies: int
    epochs: int
    cache_seconds: float
    train_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``config.json``."""
        return asdict(self)

    def line(self) -> str:
        """The plan in words."""
        return (
            f"{self.copies} augmented copies in {self.cache_seconds / 60:.1f} min, "
            f"then {self.epochs} epochs in {self.train_seconds / 60:.1f} min"
        )


def make_plan(
    budget: float, speed: Speed, images: int, val_images: int, *, used: float = 0.0
) -> Plan:
    """Divide a budget between copies and epochs.

    Args:
        budget: seconds in all.
        speed: measured on this machine.
        images: to train on.
        val_images: to validate on after each epoch.
        used: seconds that have gone already.

    Raises:
        UserError: if one copy and one epoch take longer.
    """
    left = budget - used
    copy = images * speed.cache
    fixed = val_images * speed.cache
    epoch = images * speed.step + val_images * speed.validate + EPOCH_SECONDS
    copies = max(1, min(COPIES_LIMIT, round((left * CACHE_SHARE - fixed) / copy)))
    cache_seconds = fixed + copies * copy
    epochs = int((left - cache_seconds) / epoch)
    if epochs < 1:
        least = used + fixed + copy + epoch
        raise UserError(
            f"the time budget of {budget / 60:.1f} min is too short for {images} images",
            f"one copy of each and one epoch take about {least / 60:.0f} min on this machine",
            ExitCode.USAGE,
        )
    return Plan(budget, copies, epochs, cache_seconds, epochs * epoch)
