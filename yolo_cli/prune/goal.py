"""What a pruned network is to be; free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from yolo_cli.errors import ExitCode, UserError

MULTIPLE = 16  # floats in a register of AVX-512, two of AVX2's: fewer channels are no faster
IMAGES = 1000  # with 256 the last layers learn them by heart
LEAST_IMAGES = 4  # fewer say little of what a layer is given


@dataclass(frozen=True)
class Goal:
    """How much smaller a network is to be; one of the first two is given.

    Attributes:
        flops: share of the multiplications that is kept, above 0 and at most 1.
        speed: how many times as fast it is to be, at least 1.
        multiple: channels of a pruned layer are a multiple of it.

    Raises:
        UserError: for both, neither, or one that is out of range.
    """

    flops: float | None = None
    speed: float | None = None
    multiple: int = MULTIPLE

    def __post_init__(self) -> None:
        if (self.flops is None) == (self.speed is None):
            raise UserError(
                "how small? neither --flops nor --speed is given"
                if self.flops is None
                else "--flops and --speed are two answers to one question",
                "give one: --flops 0.25 keeps a quarter of the multiplications, "
                "--speed 3 makes it three times as fast",
                ExitCode.USAGE,
            )
        if self.flops is not None and not 0 < self.flops <= 1:  # NaN is not either
            raise UserError(
                f"--flops {self.flops:g}: a share of the multiplications, above 0 and at most 1",
                "--flops 0.25 keeps a quarter",
                ExitCode.USAGE,
            )
        if self.speed is not None and not (self.speed >= 1 and math.isfinite(self.speed)):
            raise UserError(
                f"--speed {self.speed:g}: how many times as fast, at least 1",
                "--speed 3 makes it three times as fast",
                ExitCode.USAGE,
            )
        if self.multiple < 1:
            raise UserError(f"--round {self.multiple}: at least 1", code=ExitCode.USAGE)

    @property
    def share(self) -> float:
        """Return the part of the cost that is kept, 0 to 1."""
        return self.flops if self.flops is not None else 1 / (self.speed or 1)

    def __str__(self) -> str:
        """Return the option that says so."""
        return f"--flops {self.flops:g}" if self.flops is not None else f"--speed {self.speed:g}"
