from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.simulation import Machine, limits, seconds

ONE = Machine(actors=1, cores=1, decode=1, network=2, start=4, write=0.5, deal=0.1)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        # Two parts of five images of three seconds each, half a second to write, a tenth to deal.
        (ONE, 4 + 2 * (0.1 + 15 + 0.5)),
        # The second actor gets its part a tenth later; then both work.
        (replace(ONE, actors=2), 4 + 0.2 + 15.5),
        # On a GPU only the first image's decoding is waited for.
        (replace(ONE, gpu=True), 4 + 2 * (0.1 + 1 + 10 + 0.5)),
        # Two cores halve the decoding, which is the slowest stage with a fast GPU.
        (replace(ONE, gpu=True, cores=2, network=0.25), 4 + 2 * (0.1 + 2.5 + 0.25 + 0.5)),
        # 300 bytes for each of two actors over a link of 100 a second: six seconds an image.
        (replace(ONE, actors=2, size=300, link=100), 4 + 0.2 + 5 * 6 + 3 + 0.5),
    ],
)
def test_times_worked_by_hand(machine: Machine, expected: float) -> None:
    assert seconds(machine, 10, 5) == pytest.approx(expected)


def test_what_saturates_first() -> None:
    machine = Machine(
        actors=4, cores=2, decode=0.5, network=0.25, write=10, deal=0.1, size=100, link=1000
    )
    found = limits(machine, 50)
    # A core's half of 0.5 s and 0.25 s; 50 images in 10 s, four times; 50 in a tenth; ten images.
    assert found["cores"] == pytest.approx(8)
    assert found["write"] == pytest.approx(20)
    assert found["driver"] == pytest.approx(500)
    assert found["link"] == pytest.approx(10)
    assert min(found, key=lambda name: found[name]) == "cores"


def test_twice_the_actors_take_half_the_time_until_something_else_is_full() -> None:
    machine = Machine(actors=10, cores=1, decode=0.1, network=0.9, size=1e6, link=4e7)
    once, twice, many = (
        seconds(replace(machine, actors=actors), 80_000, 100) for actors in (10, 20, 400)
    )
    assert once / twice == pytest.approx(2, rel=0.02)
    assert many == pytest.approx(80_000 / 40, rel=0.05)  # forty images a second, whoever asks
