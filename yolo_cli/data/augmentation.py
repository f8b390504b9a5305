"""How training images are varied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

Share = Annotated[float, Ge(0), Le(1)]
Factor = Annotated[float, Ge(1)]


@dataclass(frozen=True)
class Augmentation:
    """How training images are varied.

    Attributes:
        jitter: each edge of the crop moves by up to this share of the image's side, inwards or
            outwards, which scales, translates and stretches (Darknet, detection layer's
            ``jitter``; the paper's "scaling and translations of up to 20 %").
        exposure: brightness (V of HSV) is multiplied by up to this factor or its inverse.
        saturation: S of HSV likewise.
        flip: probability of a horizontal mirror image.
    """

    jitter: Share = 0.2
    exposure: Factor = 1.5
    saturation: Factor = 1.5
    flip: Share = 0.5
