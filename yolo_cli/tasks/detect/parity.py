"""Whether an export finds what torch finds: boxes, scores and labels, on real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from yolo_cli.tasks.detect.boxes import box_iou
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.postprocess import Detection
from yolo_cli.tasks.detect.thresholds import DETECT

LEAST = 10  # boxes per image that are compared even if none of them has a good score


@dataclass(frozen=True)
class Tolerance:
    """How far an export may be from torch.

    Attributes:
        box: largest difference of a corner's coordinate, as a share of the image's side.
        score: largest difference of a score.
        share: share of the compared boxes that must keep to both.
    """

    box: float
    score: float
    share: float


FLOAT = Tolerance(box=0.001, score=0.001, share=1.0)
# Two runtimes whose results nobody tells apart: half a pixel, beyond what bfloat16 rounds.
SAME_PIXELS, SAME_SCORE = 0.5, 0.005
# Eight bits move every number a little, and some boxes by more.
INT8 = Tolerance(box=0.05, score=0.15, share=0.9)


@dataclass(frozen=True)
class Deviation:
    """How far an export is from torch.

    Attributes:
        images: how many were compared.
        boxes: how many boxes in them.
        box: largest difference of a corner's coordinate, as a share of the image's side.
        score: largest difference of a score.
        labels: boxes with another best class, unless the two classes score nearly the same.
        agreeing: boxes that are within the tolerance in all three.
        tolerance: what was allowed.
    """

    images: int
    boxes: int
    box: float
    score: float
    labels: int
    agreeing: int
    tolerance: Tolerance

    @property
    def passed(self) -> bool:
        """Whether enough boxes are within the tolerance."""
        return self.agreeing >= self.tolerance.share * self.boxes

    def to_json(self) -> dict[str, object]:
        """Return plain values for ``json``."""
        return {**asdict(self), "passed": self.passed}

    def summary(self, side: int) -> str:
        """Return one line for people.

        Args:
            side: pixels along each side of the network's input.
        """
        allowed = self.tolerance
        return (
            f"{self.images} images, {self.boxes} boxes: corners differ by at most "
            f"{self.box * side:.3g} px of {side} (allowed {allowed.box * side:.3g}), scores by "
            f"{self.score:.2g} (allowed {allowed.score:g}), {self.labels} labels; "
            f"{self.agreeing / max(self.boxes, 1):.1%} agree (needed {allowed.share:.0%})"
        )


def compare(expected: Tensor, found: Tensor, grid: Grid, tolerance: Tolerance) -> Deviation:
    """Compare raw outputs, box by box, before any of them is suppressed.

    The boxes compared are those whose score would be shown, and in any case the best of each image.

    Args:
        expected: ``[N, S, S, 5B + C]`` of torch in float32.
        found: likewise of the export.
        grid: of both.
        tolerance: what is allowed.
    """
    boxes, scores = grid.decode(expected)
    other_boxes, other_scores = grid.decode(found)
    best = scores.amax(dim=2)
    least = best.topk(min(LEAST, best.shape[1]), dim=1).values[:, -1:].clamp(max=DETECT.conf)
    used = best >= least
    box = (boxes - other_boxes).abs().amax(dim=2)[used]
    score = (scores - other_scores).abs().amax(dim=2)[used]
    # The score, in torch, of the class that the export takes for the best.
    taken = scores.gather(2, other_scores.argmax(dim=2, keepdim=True)).squeeze(2)[used]
    other_label = best[used] - taken > tolerance.score
    # What is not a number agrees with nothing.
    agree = (box <= tolerance.box) & (score <= tolerance.score) & ~other_label
    return Deviation(
        images=len(expected),
        boxes=len(box),
        box=_largest(box),
        score=_largest(score),
        labels=int(other_label.sum()),
        agreeing=int(agree.sum()),
        tolerance=tolerance,
    )


def compare_detections(
    expected: Sequence[Detection], found: Sequence[Detection], conf: float, tolerance: Tolerance
) -> Deviation:
    """Compare what is left after suppression; boxes are relative to the image.

    Each object needs one of the same label and place in the other list. Objects whose score is
    within the tolerance of the lowest score shown may be in one list only.

    Args:
        expected: of each image.
        found: likewise.
        conf: lowest score that is shown.
        tolerance: what is allowed.
    """
    parts = [
        _partners(a, b, conf, tolerance)
        for one, other in zip(expected, found, strict=True)
        for a, b in ((one, other), (other, one))
    ]
    box = torch.cat([part[0] for part in parts])
    score = torch.cat([part[1] for part in parts])
    alone = box.isinf()
    agree = (box <= tolerance.box) & (score <= tolerance.score)
    return Deviation(
        images=len(expected),
        boxes=len(box),
        box=_largest(box[~alone]),
        score=_largest(score[~alone]),
        labels=int(alone.sum()),
        agreeing=int(agree.sum()),
        tolerance=tolerance,
    )


def _partners(
    ours: Detection, theirs: Detection, conf: float, tolerance: Tolerance
) -> tuple[Tensor, Tensor]:
    """Return how far each of our objects is from its partner: box and score; infinite if alone."""
    count = len(ours["labels"])
    nothing = torch.full((count,), torch.inf)
    if not len(theirs["labels"]):
        box, score = nothing, nothing
    else:
        overlap = box_iou(ours["boxes"], theirs["boxes"])
        overlap[ours["labels"][:, None] != theirs["labels"][None, :]] = -1
        best, partner = overlap.max(dim=1)
        box = (ours["boxes"] - theirs["boxes"][partner]).abs().amax(dim=1)
        score = (ours["scores"] - theirs["scores"][partner]).abs()
        box, score = torch.where(best > 0, box, nothing), torch.where(best > 0, score, nothing)
    counts = ~(box.isinf() & (ours["scores"] < conf + tolerance.score))
    return box[counts], score[counts]


def _largest(values: Tensor) -> float:
    return float(values.max()) if len(values) else 0.0
