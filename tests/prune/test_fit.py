from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.property import examples
from yolo_cli.prune.bend import Bend
from yolo_cli.prune.fit import fit
from yolo_cli.prune.moments import gram_of
from yolo_cli.prune.select import ridge_of
from yolo_cli.prune.study import stand_in


def test_the_channel_that_is_left_takes_over_the_work_of_its_double() -> None:
    # The outputs are x + 2x, of which x remains, with the weight 1. Squared error and ridge:
    # 2(3 - w)² + 2r(w - 1)², least at w = (3 + r) / (1 + r).
    x = torch.tensor([[-1.0], [0.0], [1.0]])
    r = ridge_of(columns=1, rows=3)
    found = fit(x, 3 * x + 5, weight=torch.ones(1, 1), bias=torch.full((1,), 5.0))
    assert found.weight.item() == pytest.approx((3 + r) / (1 + r))
    assert found.bias.item() == pytest.approx(5)
    assert found.dropped.item() == pytest.approx((4 + 0 + 4) / 3)
    assert found.variance.item() == pytest.approx((9 + 0 + 9) / 3)
    assert found.error.item() == pytest.approx((2 * r / (1 + r)) ** 2 * 2 / 3, rel=1e-4)


def test_the_bias_makes_up_for_what_is_always_there() -> None:
    x = torch.zeros(4, 2)
    found = fit(x, torch.full((4, 1), 3.0), weight=torch.ones(1, 2), bias=torch.zeros(1))
    assert found.weight.tolist() == [[1, 1]]  # nothing is known of them
    assert found.bias.item() == pytest.approx(3)


def test_few_rows_and_many_give_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo_cli.prune.select.FEW_ROWS", 0.0)
    # Rows that are there twice count twice, in the squares and in the inputs' variance; only the
    # ridge, which goes by their number, is to be the same.
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(8, 9, generator=generator), torch.randn(8, 2, generator=generator)
    old = torch.randn(2, 9, generator=generator)
    by_rows = fit(x, y, old, torch.zeros(2))
    by_columns = fit(x.repeat(2, 1), y.repeat(2, 1), old, torch.zeros(2))
    torch.testing.assert_close(by_rows.weight, by_columns.weight, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(by_rows.bias, by_columns.bias, atol=1e-4, rtol=1e-4)


def test_outputs_that_an_activation_swallows_need_not_be_hit() -> None:
    # Behind a ReLU the outputs are 0, 0, 1, 2, which x itself gives. The line through all four
    # that has the least squares is 1.6 x - 1.
    x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
    targets = torch.tensor([[-4.0], [-3.0], [1.0], [2.0]])
    relu = Bend(torch.ones(1), torch.zeros(1), slope=0)
    found = fit(x, targets, torch.full((1, 1), 0.9), torch.zeros(1), relu)
    assert found.dropped.item() == pytest.approx((0.1**2 + 0.2**2) / 4)
    assert found.variance.item() == pytest.approx(5 / 4 - (3 / 4) ** 2)
    assert found.error.item() < 1e-3
    assert found.weight.item() == pytest.approx(1, abs=0.05)


@given(
    count=st.integers(1, 40),
    inputs=st.integers(1, 30),
    outputs=st.integers(1, 4),
    scale=st.sampled_from([1e-4, 1.0, 1e4]),
    slope=st.sampled_from([0.0, 0.1, 1.0]),
    guessed=st.booleans(),
    seed=st.integers(0, 2**31),
)
@examples(150)
def test_the_error_never_exceeds_that_of_the_old_weights(
    count: int, inputs: int, outputs: int, scale: float, slope: float, guessed: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, inputs, generator=generator) * scale
    x[:, torch.rand(inputs, generator=generator) < 0.2] = 0
    y = torch.randn(count, outputs, generator=generator)
    weight = torch.randn(outputs, inputs, generator=generator) / scale
    bias = torch.randn(outputs, generator=generator)
    guess = torch.randn(outputs, inputs, generator=generator) / scale if guessed else None
    factors, shift = torch.randn(2, outputs, generator=generator)
    factors[torch.rand(outputs, generator=generator) < 0.2] = 0
    bend = Bend(factors, shift, slope)
    found = fit(x, y, weight, bias, bend, guess)
    old = (bend(x @ weight.T + bias) - bend(y)).square().mean(0).double()
    torch.testing.assert_close(found.dropped, old, rtol=1e-4, atol=1e-6)
    new = (bend(x @ found.weight.T + found.bias) - bend(y)).square().mean(0).double()
    torch.testing.assert_close(found.error, new, rtol=1e-3, atol=1e-4)
    assert (new <= old * (1 + 1e-4) + 1e-6).all()


def test_channels_of_a_map_stand_in_for_others() -> None:
    # The third channel is the first one plus twice the second one, at each of four places.
    generator = torch.Generator().manual_seed(0)
    two = torch.randn(50, 2, 4, generator=generator)
    x = torch.cat([two, two[:, :1] + 2 * two[:, 1:]], 1)
    weight = torch.randn(5, 12, generator=generator)
    gram = gram_of(x.transpose(1, 2).flatten(0, 1))
    made = stand_in(weight, gram, 200, torch.tensor([0, 1]))
    wanted = x.flatten(1) @ weight.T
    torch.testing.assert_close(x[:, :2].flatten(1) @ made.T, wanted, atol=0.05, rtol=0.01)
