from __future__ import annotations

import pytest
import torch
from torch import nn

from yolo_cli.prune.bend import Bend

# Outputs that are wanted, and given, with the signs 1 and 1, 1 and -1, -1 and 1, -1 and -1.
WANTED = torch.tensor([[2.0], [2.0], [-1.0], [-1.0]])
GIVEN = torch.tensor([[3.0], [-1.0], [0.5], [-2.0]])


def plain(slope: float) -> Bend:
    return Bend(torch.ones(1), torch.zeros(1), slope)


@pytest.mark.parametrize(
    ("slope", "aim"),
    [
        (0.0, [2, 2, 0, -2]),  # below zero stays where it is
        (0.1, [2, 2, -0.1, -1.99]),  # -2 + 0.1² · (-1 + 2)
        (1.0, [2, 2, -1, -1]),
    ],
)
def test_what_a_linear_fit_aims_at(slope: float, aim: list[float]) -> None:
    assert plain(slope).aim(WANTED, GIVEN).flatten().tolist() == pytest.approx(aim)


def test_a_normalisation_moves_the_bend() -> None:
    # 2 x - 6: below zero for x < 3.
    bend = Bend(torch.tensor([2.0]), torch.tensor([-6.0]), slope=0)
    x = torch.tensor([[1.0], [4.0]])
    assert bend(x).flatten().tolist() == [0, 2]
    assert bend.aim(x, torch.tensor([[5.0], [2.0]])).flatten().tolist() == [3, 4]
    upside_down = Bend(torch.tensor([-2.0]), torch.tensor([6.0]), slope=0)
    assert upside_down(x).flatten().tolist() == [4, 0]


def test_an_output_that_nothing_depends_on_is_left_in_peace() -> None:
    bend = Bend(torch.zeros(1), torch.ones(1), slope=0)
    assert bend.aim(WANTED, GIVEN).equal(WANTED)


def test_the_distance_to_the_aim_bounds_the_error() -> None:
    # Wherever a fit ends: the error behind a ReLU falls by at least what the distance falls by.
    bend = plain(0.0)
    grid = torch.linspace(-3, 3, 25)
    wanted, given, new = (x.flatten() for x in torch.meshgrid([grid] * 3, indexing="ij"))
    aim = bend.aim(wanted, given)

    def error(y: torch.Tensor) -> torch.Tensor:  # as if the activation had no end where y counts
        return torch.where(wanted > 0, y - wanted, y.clamp(min=0)).square()

    gain = (given - aim).square() - (new - aim).square()
    assert (error(given) - error(new) >= gain - 1e-5).all()
    assert (error(new) >= (bend(new) - bend(wanted)).square() - 1e-5).all()


def test_the_bend_of_a_layer_without_one() -> None:
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    assert Bend.none(2)(x).equal(x)
    assert nn.LeakyReLU(0.1)(x).equal(Bend(torch.ones(2), torch.zeros(2), 0.1)(x))
