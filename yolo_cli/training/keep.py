"""Which weights a run keeps.

The highest of many noisy validations is often a lucky one. Weights from the end of the schedule,
where the rate has come down and the moving average has settled, are kept for that reason, unless
those of an earlier epoch are better by more than chance explains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import load_weights, network_of
from yolo_cli.tasks.task import Task
from yolo_cli.text import counted
from yolo_cli.training.run.checkpoint import Position
from yolo_cli.training.run.folder import RunFolder


@dataclass(frozen=True)
class Choice:
    """Which of two scores is kept.

    Attributes:
        last: whether it is that of the end of the schedule.
        why: one line for a person.
    """

    last: bool
    why: str


def choose(epoch: int, more: float, interval: tuple[float, float]) -> Choice:
    """Choose between an earlier epoch, whose score is the highest, and the end of the schedule.

    Args:
        epoch: the earlier one, counted from 1.
        more: by how much its score is higher, in points.
        interval: of that difference for other images like these; nan where that is not known.
    """
    low, high = interval
    scores = f"epoch {epoch} scores {more:+.1f}"
    if math.isnan(low):
        return Choice(True, f"the end of the schedule; {scores}, which says nothing")
    others = f"{low:+.1f} to {high:+.1f} for other images"
    if low > 0:
        return Choice(False, f"better than the last epoch: {scores}, {others}")
    return Choice(True, f"the end of the schedule; {scores}, within chance ({others})")


def stopped_line(position: Position) -> str:
    """Return what is said of a run that ends before its schedule, as it only gets worse."""
    return (
        f"stopped   {counted(position.setbacks, 'validation')} in a row below that of epoch "
        f"{position.best_epoch} by more than chance: more of this would not help"
    )


def keep_weights(run: RunFolder, position: Position, task: Task) -> None:
    """Write the weights that are kept, and why, at the end of a run.

    Args:
        run: its folder.
        position: which epoch is kept.
        task: names the score.
    """
    ended = position.best_epoch == position.epoch
    kept = load_weights(run.last if ended else run.best)
    save_weights(run.best, network_of(kept), {**kept.info, "kept": position.kept})
    run.write_history(position.history, task, position.best_epoch)
