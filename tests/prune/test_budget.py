from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property import examples
from yolo_cli.prune.budget import Choices, choose, loss_of


def choices(seed: int, layers: int = 3, options: int = 5) -> Choices:
    """Layers whose costs are products of neighbours' widths, and convex losses."""
    rng = np.random.default_rng(seed)
    hidden = tuple(tuple(range(4, 4 * options + 1, 4)) for _ in range(layers))
    widths = (*hidden, (6,))
    costs = []
    before: tuple[int, ...] = (3,)
    for own in widths:
        costs.append(rng.uniform(1, 5) * np.outer(before, own).astype(np.float64))
        before = own
    losses = [np.sort(rng.uniform(0, 1, options - 1))[::-1].cumsum()[::-1] for _ in hidden]
    return Choices(widths, (*(np.append(one, 0.0) for one in losses), np.zeros(1)), tuple(costs))


def test_products_become_sums() -> None:
    # Half and half is a quarter: log 2 + log 2 = log 4.
    lost = loss_of(np.array([0.0, 0.5, 0.75, 1.0]))
    assert lost[:3] == pytest.approx([0, np.log(2), np.log(4)])
    assert np.isfinite(lost[3])


def test_all_channels_where_they_are_paid_for() -> None:
    one = choices(0)
    assert choose(one, one.cost(one.whole)) == one.whole


def test_two_layers_by_hand() -> None:
    # The image has 1 channel, the predictor 1 output. Costs: w1 + w1 w2 + w2. All: 2 + 4 + 2 = 8;
    # one channel less in the first layer: 1 + 2 + 2 = 5, in the second: 2 + 2 + 1 = 5.
    widths = ((1, 2), (1, 2), (1,))
    costs = (np.array([[1.0, 2.0]]), np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[1.0], [2.0]]))
    losses = (np.array([0.3, 0.0]), np.array([0.2, 0.0]), np.zeros(1))
    one = Choices(widths, losses, costs)
    assert one.cost(one.whole) == 8
    assert one.cheapest() == 3
    assert choose(one, 8) == (1, 1, 0)
    assert choose(one, 7.9) == (1, 0, 0)
    assert choose(one, 5) == (1, 0, 0)
    assert choose(one, 4.9) == (0, 0, 0)


@given(seed=st.integers(0, 10**6), share=st.floats(0.1, 1))
@examples(60)
def test_the_budget_is_kept_and_spent(seed: int, share: float) -> None:
    one = choices(seed)
    budget = max(share * one.cost(one.whole), one.cheapest())
    path = choose(one, budget)
    assert one.cost(path) <= budget * (1 + 1e-9)
    for layer, index in enumerate(path):  # no layer could have a step more
        if index + 1 < len(one.widths[layer]):
            wider = (*path[:layer], index + 1, *path[layer + 1 :])
            assert one.cost(wider) > budget or one.losses[layer][index + 1] == 0


@given(seed=st.integers(0, 10**6), share=st.floats(0.2, 0.9))
@examples(30)
def test_hardly_a_choice_is_better(seed: int, share: float) -> None:
    one = choices(seed)
    budget = max(share * one.cost(one.whole), one.cheapest())

    def loss(path: tuple[int, ...]) -> float:
        return sum(float(losses[i]) for losses, i in zip(one.losses, path, strict=True))

    paths = list(product(*(range(len(own)) for own in one.widths)))
    best = min(loss(path) for path in paths if one.cost(path) <= budget * (1 + 1e-9))
    found = loss(choose(one, budget))
    better = sum(loss(p) < found - 1e-9 for p in paths if one.cost(p) <= budget)
    assert found == pytest.approx(best) or better <= len(paths) * 0.06
