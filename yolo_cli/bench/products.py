"""Matrix products: what this machine can do at best, to measure networks by."""

from __future__ import annotations

from typing import Any

import torch

SIZE = 2048


class Products:
    """A product of two matrices in torch, in the place of a network.

    Args:
        precision: ``fp32`` or ``bf16``.
    """

    def __init__(self, precision: str) -> None:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        generator = torch.Generator().manual_seed(0)
        self.one = torch.rand(SIZE, SIZE, generator=generator).to(dtype)
        self.other = torch.rand(SIZE, SIZE, generator=generator).to(dtype)
        # A product takes a multiplication and an addition for each of its terms.
        self.facts: dict[str, Any] = {"flops": 2 * SIZE**3, "precision": precision}

    def network(self, _batch: int) -> None:
        """Compute one product."""
        torch.mm(self.one, self.other)

    def photo(self, _content: bytes) -> None:
        """Do nothing: there are no images."""

    def pipeline(self, _paths: list[str], _batch: int) -> None:
        """Do nothing: there are no images."""
