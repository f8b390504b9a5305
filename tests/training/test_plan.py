from __future__ import annotations

from dataclasses import replace

import pytest

from yolo_cli.errors import UserError
from yolo_cli.training.budget.clock import Budget
from yolo_cli.training.budget.plan import Speed, Work, make_plan, parse_duration


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


SPEED = Speed(cache=0.3, step=0.1, validate=0.02)
WORK = Work(images=200, val_images=50, val_missing=50)


def test_a_budget_is_divided() -> None:
    # 600 s for 200 + 50 images. 25 % is 150 s; validation images take 50 · 0.3 = 15 s of it and a
    # copy 200 · 0.3 = 60 s: (150 - 15) / 60 = 2.25, so 2 copies, 135 s with the validation images.
    # 465 s are left. Steps on all images take 200 · 0.1 = 20 s: about 23 epochs, and 10 validations
    # are one every 2. A validation takes 50 · 0.02 + 2 s for its files = 3 s, 1.5 s an epoch:
    # 465 / 21.5 = 21.6 epochs.
    plan = make_plan(600, SPEED, WORK)
    assert (plan.copies, plan.epochs, plan.validate_every) == (2, 21, 2)
    assert plan.share == 1
    assert plan.cache_seconds == pytest.approx(135)
    assert plan.train_seconds == pytest.approx(21 * 21.5)
    assert plan.line() == "2 augmented copies in 2.2 min, then 21 epochs in 7.5 min"


def test_few_epochs_take_a_share_of_the_images() -> None:
    # 0.5 s a step: 465 s are 465 / 100 = 4.7 epochs, each validated: 465 / 103 = 4.51 of them. So 5
    # epochs of 93 s, 90 s of which are for steps.
    plan = make_plan(600, replace(SPEED, step=0.5), WORK)
    assert (plan.epochs, plan.validate_every) == (5, 1)
    assert plan.share == pytest.approx(0.9)
    assert plan.train_seconds == pytest.approx(465)


def test_what_is_cached_already_costs_nothing() -> None:
    plan = make_plan(640, SPEED, replace(WORK, val_missing=0, ready=5))
    # 160 s would make 2.7 more.
    assert plan.copies == 8
    assert plan.cache_seconds == pytest.approx(180)


def test_copies_that_are_given_are_kept() -> None:
    assert make_plan(600, SPEED, replace(WORK, copies=1)).copies == 1
    plan = make_plan(600, SPEED, replace(WORK, copies=0, val_missing=0))
    assert (plan.copies, plan.cache_seconds) == (0, 0)
    assert plan.line().startswith("28 epochs in ")  # 600 / (20 + 3 / 3) = 28.6


def test_a_second_phase_is_planned() -> None:
    # A quarter of the epochs at 1 s an image: 200 · (.75 · .1 + .25 · 1) = 65 s; 465 / 65 is 7, so
    # every one is validated: 465 / 68 = 6.8, 7 epochs, the second phase after round(5.25) = 5.
    plan = make_plan(600, replace(SPEED, second=1.0), replace(WORK, unfreeze=True))
    assert (plan.epochs, plan.unfreeze_at) == (7, 5)
    assert make_plan(600, SPEED, WORK).unfreeze_at == 0


def test_time_that_has_gone_is_not_spent_again() -> None:
    later = make_plan(700, SPEED, WORK, used=100)
    assert later.train_seconds <= 700 - 100 - later.cache_seconds


def test_a_budget_that_is_too_short_says_what_it_takes() -> None:
    # One copy: 1000 · 0.3 s, validation images 30 s, and 30 % of an epoch of 100 + 4 s: 6 minutes.
    work = Work(images=1000, val_images=100, val_missing=100)
    with pytest.raises(UserError, match=r"5\.0 min: too short for 1000 images") as caught:
        make_plan(300, SPEED, work)
    assert "about 6.0 min" in caught.value.hint


def test_a_running_plan_follows_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    plan = make_plan(600, SPEED, WORK)
    budget = Budget(plan, end=1200.0)
    assert budget.epochs(done=8, planned=18, epoch_seconds=20.0) == 18  # 200 s are 10 epochs
    assert budget.epochs(done=8, planned=18, epoch_seconds=40.0) == 13
    assert budget.epochs(done=8, planned=18, epoch_seconds=10.0) == 28
    assert budget.epochs(done=10, planned=18, epoch_seconds=1000.0) == 11  # to end the schedule
    assert budget.epochs(done=17, planned=18, epoch_seconds=1000.0) == 18
    assert budget.epochs(done=50, planned=100, epoch_seconds=4.1) == 100  # 99: near enough
    # Another copy may take what is left beyond three quarters of the planned 451.5 s of training.
    assert not budget.room_for_copy(0)
    assert Budget(plan, end=1500.0).room_for_copy(160)
    assert not Budget(plan, end=1500.0).room_for_copy(165)
