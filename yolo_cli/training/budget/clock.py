"""A plan that is being carried out, and the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass

from yolo_cli.training.budget.plan import Plan

TOLERANCE = 0.04  # by which the number of epochs may be off before a running plan is changed
SETTLED = 0.9  # of the epochs have passed when the plan is not changed any more
TRAINING = 0.75  # of the planned training that has to stay possible beside another copy


@dataclass(frozen=True)
class Budget:
    """A plan that is being carried out, and the clock.

    Attributes:
        plan: what was planned at the start.
        end: when the time is up, by :func:`time.monotonic`.
    """

    plan: Plan
    end: float

    def room_for_copy(self, seconds: float) -> bool:
        """Return whether another copy, of ``seconds``, leaves most of the time for training."""
        return self.end - time.monotonic() - seconds > TRAINING * self.plan.train_seconds

    def epochs(self, done: int, planned: int, epoch_seconds: float) -> int:
        """Return how many epochs, of ``epoch_seconds`` each, the run should have in all.

        Args:
            done: epochs that have passed.
            planned: epochs in all as planned so far, which is kept where it is near enough.
            epoch_seconds: as measured in this run.
        """
        if done >= SETTLED * planned:
            return planned  # to change it now would end the schedule at a higher rate
        left = self.end - time.monotonic()
        affordable = done + max(0, round(left / epoch_seconds))
        if abs(affordable - planned) <= TOLERANCE * planned:
            return planned
        # One more at least, at nearly the lowest rate: a run that is late still ends its schedule.
        return max(done + 1, affordable)
