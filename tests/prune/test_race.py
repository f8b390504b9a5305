from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from yolo_cli.prune.budget import Choices
from yolo_cli.prune.race import Race, choose_by_races

# One layer of 10, 20 … 100 channels, which costs as much; what predicts costs nothing.
WIDTHS = tuple(range(10, 101, 10))
CHOICES = Choices(
    widths=(WIDTHS, (1,)),
    losses=(np.linspace(9.0, 0.0, 10), np.zeros(1)),
    costs=(np.array([WIDTHS], dtype=np.float64), np.zeros((10, 1))),
)


def raced(share: float, time: Callable[[int], float]) -> tuple[int, float, int]:
    """Width, share of the time, and how many races there were; ``time`` of the whole is 1."""
    races = []

    def race(path: Sequence[int]) -> Race:
        taken = time(WIDTHS[path[0]])
        races.append(path)
        return Race(1.0, taken, taken)

    path, found = choose_by_races(CHOICES, share, race)
    return WIDTHS[path[0]], found.share, len(races)


def test_layers_that_add_up_need_one_race() -> None:
    assert raced(0.5, lambda width: width / 100) == (50, 0.5, 1)


@pytest.mark.parametrize(
    ("rest", "width"),
    [
        (0.2, 30),  # 40 of 100 take .2 + .8 x .4 = .52, two hundredths more than is allowed
        (0.4, 10),  # .4 + .6 x .1 = .46
    ],
)
def test_what_is_outside_the_layers_is_made_up_for(rest: float, width: int) -> None:
    found, share, _ = raced(0.5, lambda one: rest + (1 - rest) * one / 100)
    assert found == width
    assert share <= 0.51


def test_more_is_kept_where_it_is_faster_than_its_layers() -> None:
    # Half of the channels take a quarter of the time; 70 of 100 take .49.
    assert raced(0.5, lambda width: (width / 100) ** 2)[0] == 70


def test_the_fastest_where_none_is_fast_enough() -> None:
    width, share, races = raced(0.5, lambda width: 0.6 + 0.4 * width / 100)
    assert width == 10
    assert share == pytest.approx(0.64)
    assert races <= 8
