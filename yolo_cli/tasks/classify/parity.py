"""Whether an export says what torch says: the probabilities of all classes, on real images."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from torch import Tensor

FLOAT, SAME, INT8 = 0.001, 0.005, 0.15  # largest difference of a probability
LEAST_ALIKE = 0.9  # of the images that eight bits have to be within it on


@dataclass(frozen=True)
class Deviation:
    """How far an export is from torch.

    Attributes:
        images: how many were compared.
        score: largest difference of a probability.
        labels: images with another likeliest class, unless the two are nearly as likely.
        agreeing: images that are within the tolerance in both.
        tolerance: largest difference that is allowed.
        share: of the images that have to agree.
    """

    images: int
    score: float
    labels: int
    agreeing: int
    tolerance: float
    share: float

    @property
    def passed(self) -> bool:
        """Whether enough images agree."""
        return self.agreeing >= self.share * self.images

    def to_json(self) -> dict[str, object]:
        """Return plain values for ``json``."""
        return {**asdict(self), "passed": self.passed}

    def summary(self, side: int) -> str:
        """Return one line for people."""
        return (
            f"{self.images} images: probabilities differ by at most {self.score:.2g} (allowed "
            f"{self.tolerance:g}), {self.labels} labels; "
            f"{self.agreeing / max(self.images, 1):.1%} agree (needed {self.share:.0%})"
        )


def compare(expected: Tensor, found: Tensor, tolerance: float, share: float = 1.0) -> Deviation:
    """Compare ``[N, C]`` logits by the probabilities that they mean."""
    ours, theirs = (raw.float().softmax(dim=1) for raw in (expected, found))
    score = (ours - theirs).abs().amax(dim=1)
    taken = ours.gather(1, theirs.argmax(dim=1, keepdim=True)).squeeze(1)
    other = ours.amax(dim=1) - taken > tolerance
    # What is not a number agrees with nothing.
    agree = (score <= tolerance) & ~other
    largest = float(score.max()) if len(score) else 0.0
    return Deviation(len(ours), largest, int(other.sum()), int(agree.sum()), tolerance, share)
