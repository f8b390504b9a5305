"""How many augmented copies and epochs fit into the time that a user has."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, astuple, dataclass
from typing import Any

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted, duration

CACHE_SHARE = 0.25  # of the budget goes into augmented copies; the rest into steps on them
COPIES_LIMIT = 24
VALIDATIONS = 10  # in a planned run: enough to see its course and to choose the best of the end
WRITE_SECONDS = 2.0  # for the weights, checkpoint and curves of a validated epoch
FEW_EPOCHS = 10  # below it whole epochs fill a budget too coarsely: shares of the images do
LEAST_SHARE = 0.3  # of the images in the only epoch that a budget allows
SECOND_PHASE = 0.75  # of the epochs have passed when further blocks are set free
_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(text: str) -> float:
    """Return the seconds of ``90s``, ``10m``, ``1h30m``; a bare number is minutes.

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
        step: forward and backward through what is trained, reading included.
        validate: forward through the same, and scoring.
        second: as ``step``, in the second phase.
    """

    cache: float
    step: float
    validate: float
    second: float = 0.0

    def times(self, factor: float) -> Speed:
        """Return the speed of a machine that takes ``factor`` times as long."""
        return Speed(*(factor * seconds for seconds in astuple(self)))


@dataclass(frozen=True)
class Work:
    """What there is to do.

    Attributes:
        images: to train on.
        val_images: to validate on.
        copies: augmented copies to cache: None to choose, 0 for no cache.
        ready: copies that an earlier run has cached.
        val_missing: validation images to cache.
        unfreeze: whether there is a second phase.
        unfreeze_at: epoch after which it begins; 0 to choose.
        ways_out: what else there is to do where the budget is too short.
    """

    images: int
    val_images: int
    copies: int | None = None
    ready: int = 0
    val_missing: int = 0
    unfreeze: bool = False
    unfreeze_at: int = 0
    ways_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a budget is spent on.

    Attributes:
        budget: seconds that the user gave.
        copies: augmented copies of each training image.
        epochs: passes over the training images.
        share: of the training images that an epoch takes.
        validate_every: epochs from one validation to the next.
        unfreeze_at: epoch after which the second phase begins; 0 without one.
        cache_seconds: expected for the copies and the validation images.
        train_seconds: expected for steps and validations.
    """

    budget: float
    copies: int
    epochs: int
    share: float
    validate_every: int
    unfreeze_at: int
    cache_seconds: float
    train_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``config.json``."""
        return asdict(self)

    def line(self) -> str:
        """Return the plan in words."""
        cache = (
            f"{counted(self.copies, 'augmented copy')} in {self.cache_seconds / 60:.1f} min, then "
            if self.copies
            else ""
        )
        share = f" of {self.share:.0%} of the images" if self.share < 1 else ""
        return f"{cache}{counted(self.epochs, 'epoch')}{share} in {self.train_seconds / 60:.1f} min"


def make_plan(budget: float, speed: Speed, work: Work, *, used: float = 0.0) -> Plan:
    """Divide a budget between copies and epochs.

    Args:
        budget: seconds in all.
        speed: measured on this machine.
        work: what there is to do.
        used: seconds that have gone already.

    Raises:
        UserError: if one copy and a part of an epoch take longer.
    """
    left = budget - used
    copy = work.images * speed.cache
    fixed = work.val_missing * speed.cache
    copies = work.copies
    if copies is None:
        affordable = work.ready + round((left * CACHE_SHARE - fixed) / copy)
        copies = max(1, work.ready, min(COPIES_LIMIT, affordable))
    cache_seconds = fixed + max(0, copies - work.ready) * copy
    left -= cache_seconds

    second = (1 - SECOND_PHASE) if work.unfreeze else 0.0
    step = work.images * ((1 - second) * speed.step + second * speed.second)
    every = max(1, round(left / step / VALIDATIONS))
    validation = (work.val_images * speed.validate + WRITE_SECONDS) / every
    epochs = left / (step + validation)
    if epochs < LEAST_SHARE:
        least = used + cache_seconds + LEAST_SHARE * (step + validation)
        raise UserError(
            f"--time-budget {duration(budget)}: too short for {counted(work.images, 'image')}",
            f"this machine needs about {duration(least)}: give it "
            f"{', or '.join([f'--time-budget {_rounded_up(least)}m', *work.ways_out])}",
            ExitCode.USAGE,
        )
    whole = int(epochs) if epochs >= FEW_EPOCHS else math.ceil(epochs)
    share = 1.0 if epochs >= FEW_EPOCHS else min(1.0, (left / whole - validation) / step)
    at = work.unfreeze_at or max(1, round(whole * SECOND_PHASE))
    return Plan(
        budget=budget,
        copies=copies,
        epochs=whole,
        share=max(LEAST_SHARE, share),
        validate_every=min(every, whole),
        unfreeze_at=at if work.unfreeze else 0,
        cache_seconds=cache_seconds,
        train_seconds=whole * (share * step + validation),
    )


def _rounded_up(seconds: float) -> int:
    """Return whole minutes that leave a margin: an estimate is off by some percent."""
    return math.ceil(1.1 * seconds / 60)
