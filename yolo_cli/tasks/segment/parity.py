"""Whether an export finds what torch finds: the class of each pixel."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from torch import Tensor

SAME = 0.995  # share of pixels; bfloat16 moves some that lie between two regions
EXACT = 0.9995  # of two that compute in float32
INT8 = 0.95


@dataclass(frozen=True)
class Deviation:
    """How far an export is from torch.

    Attributes:
        images: how many were compared.
        agreeing: share of the output's cells with the same class, in the image with the fewest.
        needed: what is asked for.
    """

    images: int
    agreeing: float
    needed: float

    @property
    def passed(self) -> bool:
        """Whether enough cells have the same class."""
        return self.agreeing >= self.needed

    def to_json(self) -> dict[str, object]:
        """Return plain values for ``json``."""
        return {**asdict(self), "passed": self.passed}

    def summary(self, side: int) -> str:
        """Return one line for people; ``side`` is the pixels along each side of the input."""
        return (
            f"{self.images} images: {self.agreeing:.2%} of the pixels have the same class in the "
            f"image with the fewest (needed {self.needed:.2%})"
        )


def compare(expected: Tensor, found: Tensor, needed: float) -> Deviation:
    """Compare raw outputs, ``[N, H, W, C]``; what is not a number agrees with nothing."""
    same = expected.argmax(dim=3) == found.argmax(dim=3)
    same &= ~found.isnan().any(dim=3)
    return Deviation(len(expected), float(same.float().mean(dim=(1, 2)).min()), needed)
