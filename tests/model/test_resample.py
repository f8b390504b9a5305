"""The lecture's examples, worked by hand: 4×4 down to 2×2, and 2×2 up to 4×4."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from yolo_cli.model import resample

LARGE = [[1, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]]
SMALL = [[1, 2], [3, 4]]


def grid(rows: Sequence[Sequence[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)[None, None]


DOWN = [
    (resample.subsample, [[1, 6], [1, 2]]),
    (resample.max_pool, [[5, 6], [7, 8]]),
    (resample.mean_pool, [[11 / 4, 3], [13 / 4, 15 / 4]]),
]
UP = [
    (resample.nearest, [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]),
    (  # weights of 3/4 and 1/4; the border repeats itself
        resample.bilinear,
        [[1, 1.25, 1.75, 2], [1.5, 1.75, 2.25, 2.5], [2.5, 2.75, 3.25, 3.5], [3, 3.25, 3.75, 4]],
    ),
    (  # kernel (1/2, 1, 1/2)² at the even pixels; behind the last one there is nothing to add
        resample.TransposedConvolution.bilinear(1),
        [[1, 1.5, 2, 1], [2, 2.5, 3, 1.5], [3, 3.5, 4, 2], [1.5, 1.75, 2, 1]],
    ),
]


@pytest.mark.parametrize(("way", "expected"), DOWN)
def test_down(way: Callable[[Tensor], Tensor], expected: list[list[float]]) -> None:
    assert way(grid(LARGE)).tolist() == grid(expected).tolist()


@pytest.mark.parametrize(("way", "expected"), UP)
def test_up(way: Callable[[Tensor], Tensor], expected: list[list[float]]) -> None:
    assert way(grid(SMALL)).tolist() == grid(expected).tolist()


def test_unpooling_puts_values_where_the_largest_were() -> None:
    values, indices = resample.max_pool_indices(grid(LARGE))
    assert values.tolist() == [[[[5, 6], [7, 8]]]]
    assert indices.tolist() == [[[[5, 2], [12, 15]]]]  # row · 4 + column
    unpooled = resample.max_unpool(grid(SMALL), indices, (4, 4))
    assert unpooled.tolist() == [[[[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]]]


def test_unpooling_knows_an_odd_size() -> None:
    x = grid([[1, 2, 9], [3, 4, 9], [9, 9, 9]])  # the nines are in no window
    values, indices = resample.max_pool_indices(x)
    assert values.tolist() == [[[[4]]]]
    unpooled = resample.max_unpool(values, indices, (3, 3))
    assert unpooled.tolist() == [[[[0, 0, 0], [0, 4, 0], [0, 0, 0]]]]


def test_a_transposed_convolution_adds_what_overlaps() -> None:
    up = resample.TransposedConvolution(1, 1)
    torch.nn.init.ones_(up.layer.weight)
    # Sums of the 1, 2 or 4 kernels that cover a pixel; the first lies on pixel (0, 0).
    expected = [[1, 3, 2, 2], [4, 10, 6, 6], [3, 7, 4, 4], [3, 7, 4, 4]]
    assert up(grid(SMALL)).tolist() == grid(expected).tolist()


def test_a_transposed_convolution_starts_without_a_chequered_pattern() -> None:
    torch.manual_seed(0)
    up = resample.TransposedConvolution(8, 4)
    result = up(torch.ones(1, 8, 3, 5))
    assert result.shape == (1, 4, 6, 10)
    inner = result[..., :-1, :-1]  # the last row and column have one neighbour only
    assert torch.allclose(inner, inner[..., :1, :1].expand_as(inner), atol=1e-5)
    assert result.std() > 0.1
