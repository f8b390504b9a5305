"""What an activation makes of a layer's outputs, and so which of their errors matter.

Behind a ReLU all outputs below zero are the same. A fit that need not hit them has more left for
the others (Zhang et al. 2015, "Accelerating Very Deep Convolutional Networks", the nonlinear case).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Bend:
    """Normalisation and activation of a layer's outputs.

    Attributes:
        scale: ``[M]`` that each output is multiplied by.
        shift: ``[M]`` that is added then.
        slope: of the activation below zero: 0 for ReLU, 1 where there is none.
    """

    scale: Tensor
    shift: Tensor
    slope: float

    @classmethod
    def none(cls, outputs: int) -> Bend:
        """Return that of a layer whose outputs stay as they are."""
        return cls(torch.ones(outputs), torch.zeros(outputs), 1.0)

    def __call__(self, outputs: Tensor) -> Tensor:
        """Return what the next layer is given, of outputs ``[R, M]``."""
        return self._bent(outputs * self.scale + self.shift)

    def aim(self, wanted: Tensor, given: Tensor) -> Tensor:
        """Return outputs that a linear fit is to hit, so that the error behind the bend falls.

        Behind a ReLU it falls by no less than the squared distance to them does, wherever the fit
        ends; an output that should be above zero and is below counts as if the activation went on
        there, which gives it a direction. Behind a leaky ReLU that holds but near zero.

        Args:
            wanted: ``[R, M]`` outputs of the layer before the bend.
            given: ``[R, M]``, those that it has by now.
        """
        if self.slope == 1:
            return wanted
        y, now = (one * self.scale + self.shift for one in (wanted, given))
        below = torch.where(now > 0, self.slope * y, now + self.slope**2 * (y - now))
        aim = (torch.where(y > 0, y, below) - self.shift) / self.scale
        return torch.where(self.scale == 0, wanted, aim)

    def _bent(self, y: Tensor) -> Tensor:
        return torch.where(y > 0, y, self.slope * y)
