from __future__ import annotations

import math

import pytest

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.prune.goal import Goal


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "neither --flops nor --speed"),
        ({"flops": 0.5, "speed": 2.0}, "--flops and --speed"),
        ({"flops": 0.0}, "--flops 0: a share of the multiplications, above 0 and at most 1"),
        ({"flops": -1.0}, "--flops -1"),
        ({"flops": 1.01}, "--flops 1.01"),
        ({"flops": math.nan}, "--flops nan"),
        ({"speed": 0.9}, "--speed 0.9: how many times as fast, at least 1"),
        ({"speed": math.nan}, "--speed nan"),
        ({"speed": math.inf}, "--speed inf"),
        ({"flops": 0.5, "multiple": 0}, "--round 0"),
    ],
)
def test_what_cannot_be_meant(given: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        Goal(**given)  # type: ignore[arg-type]
    assert error.value.code == ExitCode.USAGE


def test_share_of_the_cost() -> None:
    assert Goal(flops=0.25).share == 0.25
    assert Goal(speed=4).share == 0.25
    assert Goal(flops=1.0).share == Goal(speed=1).share == 1
