from __future__ import annotations

import pytest

from yolo_cli.errors import UserError
from yolo_cli.training.plan import Speed, make_plan, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("10", 600), ("0.5h", 1800), (" 2M ", 120)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "ten", "10x", "-5m", "0", "0s", "1d", "m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--time-budget"):
        parse_duration(text)


def test_a_budget_is_divided() -> None:
    # 600 s for 200 + 50 images. 40 % is 240 s; validation images take 50 · 0.3 = 15 s of it and a
    # copy 200 · 0.3 = 60 s: (240 - 15) / 60 = 3.75, so 4 copies, 255 s with the validation images.
    # An epoch is 200 · 0.1 + 50 · 0.02 = 21 s and 1.5 s for its files; 345 s are left: 15 epochs.
    plan = make_plan(600, Speed(cache=0.3, step=0.1, validate=0.02), 200, 50)
    assert (plan.copies, plan.epochs) == (4, 15)
    assert plan.cache_seconds == pytest.approx(255)
    assert plan.train_seconds == pytest.approx(337.5)


def test_time_that_has_gone_is_not_spent_again() -> None:
    speed = Speed(cache=0.3, step=0.1, validate=0.02)
    later = make_plan(700, speed, 200, 50, used=100)
    plan = make_plan(600, speed, 200, 50)
    assert (later.copies, later.epochs) == (plan.copies, plan.epochs)


def test_a_budget_that_is_too_short_says_what_it_takes() -> None:
    # One copy: 1000 · 0.3 s, validation images 30 s, one epoch 100 + 2 + 1.5 s: 433.5 s, 7 minutes.
    with pytest.raises(UserError, match=r"budget of 5\.0 min is too short") as caught:
        make_plan(300, Speed(cache=0.3, step=0.1, validate=0.02), 1000, 100)
    assert "about 7 min" in caught.value.hint
