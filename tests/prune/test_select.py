from __future__ import annotations

import pytest
import torch
from torch import Tensor

from yolo_cli.prune.cut import columns_of
from yolo_cli.prune.moments import cross_of, gram_of
from yolo_cli.prune.select import eliminate, ridge_of, ridged


def rows(count: int, columns: int, seed: int = 0) -> Tensor:
    """Regressors of which some are nearly sums of others."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(count, columns, generator=generator, dtype=torch.float64)
    return base @ torch.randn(columns, columns, generator=generator, dtype=torch.float64)


def test_a_channel_that_is_another_ones_double_goes_for_nothing() -> None:
    # x = -1, 0, 1 and 2x, both with the weight 1: Σ (x + 2x)² = 18. Without the first, the other
    # one's weight 1.5 gives the same; all that it costs is the ridge r:
    # min over d of 2(1 + r) + 8d + 8d²(1 + r) = 2(1 + r) - 2/(1 + r).
    # With the last one everything is lost.
    x = torch.tensor([[-1.0, -2.0], [0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    curve = eliminate(gram_of(x), torch.ones(2, 2, dtype=torch.float64), taps=1, rows=3)
    r = ridge_of(columns=2, rows=3)
    assert r == pytest.approx(0.001 + 0.1 * 2 / 3)
    assert curve.order.tolist() == [0, 1]
    assert curve.lost[2] == 0
    assert float(curve.lost[1]) == pytest.approx((2 * (1 + r) - 2 / (1 + r)) / 18)
    assert float(curve.lost[0]) == 1
    assert curve.kept(1).tolist() == [1]


@pytest.mark.parametrize("taps", [1, 2, 9])
def test_what_is_lost_is_what_no_weights_of_the_others_give(taps: int) -> None:
    # More channels than are given up at once.
    channels, outputs = 21, 5
    x = rows(600, channels * taps)
    weights = rows(channels * taps, outputs, seed=1)[:, :outputs]
    gram = gram_of(x)
    curve = eliminate(gram, weights @ weights.T, taps, len(x))
    hessian = ridged(gram, len(x))
    total = float((weights * (gram @ weights)).sum())
    assert sorted(curve.order.tolist()) == list(range(channels))
    assert curve.lost[channels] == 0
    for count in (20, 13, 5, 4, 1):
        columns = columns_of(curve.kept(count), taps)
        best = torch.zeros_like(weights)
        best[columns] = torch.linalg.solve(hessian[columns][:, columns], hessian[columns] @ weights)
        off = weights - best
        error = min(1.0, float((off * (hessian @ off)).sum()) / total)
        assert float(curve.lost[count]) == pytest.approx(error, rel=1e-6, abs=1e-9)


def test_the_first_to_go_is_the_cheapest() -> None:
    x, weights = rows(500, 6), rows(6, 3, seed=2)[:, :3]
    gram = gram_of(x)
    hessian = ridged(gram, len(x))
    costs = []
    for gone in range(6):
        rest = torch.tensor([i for i in range(6) if i != gone])
        best = torch.zeros_like(weights)
        best[rest] = torch.linalg.solve(hessian[rest][:, rest], hessian[rest] @ weights)
        costs.append(float(((weights - best) * (hessian @ (weights - best))).sum()))
    curve = eliminate(gram, weights @ weights.T, taps=1, rows=len(x))
    assert int(curve.order[0]) == min(range(6), key=lambda i: costs[i])


def test_silent_channels_go_first_and_cost_nothing() -> None:
    x = rows(100, 4)
    x[:, 2] = 0
    curve = eliminate(gram_of(x), torch.eye(4, dtype=torch.float64), taps=1, rows=100)
    assert int(curve.order[0]) == 2
    assert float(curve.lost[3]) < 1e-6


def test_a_layer_that_always_gives_the_same_loses_nothing() -> None:
    curve = eliminate(gram_of(torch.zeros(10, 3)), torch.eye(3, dtype=torch.float64), 1, 10)
    assert curve.lost.tolist() == [0, 0, 0, 0]


def test_moments_of_more_rows_than_are_multiplied_at_once() -> None:
    # Values far from zero, whose squares would swallow their differences.
    x = torch.randn(9000, 3, generator=torch.Generator().manual_seed(0)) + 100
    y = x[:, :2] * 2
    centred = x.double() - x.double().mean(0)
    torch.testing.assert_close(gram_of(x), centred.T @ centred)
    cross = 2 * centred.T @ centred[:, :2]
    torch.testing.assert_close(cross_of(x, y), cross, rtol=1e-5, atol=0.1)
