"""Checkpoints: everything that an exact resume needs, as tensors and plain values."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from yolo_cli.errors import UserError
from yolo_cli.files import atomic_write

CHECKPOINT_VERSION = 1


@dataclass
class Position:
    """How far a run has come.

    Attributes:
        epoch: epochs that are complete, validation included.
        step: steps of the next epoch that are done.
        sums: sums of the loss terms over the images of those steps.
        images: how many images those are.
        best: highest validation score, 0-100; negative before the first.
        best_epoch: the epoch that reached it, counted from 1; at the end the one that is kept.
        kept: why that one is kept; "" before the end.
        epochs: passes in all, where a time budget has changed them on the way; 0 if not.
        setbacks: validations in a row that were worse than the best by more than chance.
        seconds: time spent on training and validation, over all sessions.
        history: one row of ``metrics.csv`` for each epoch.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    images: int = 0
    best: float = -1.0
    best_epoch: int = 0
    kept: str = ""
    epochs: int = 0
    setbacks: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def waited(self, patience: int, score: str) -> bool:
        """Return whether so many epochs have brought nothing better; only a validation tells.

        Args:
            patience: how many; 0 for any number.
            score: the name of the validation score, nan in the history where there was none.
        """
        if not patience or self.epoch - self.best_epoch < patience:
            return False
        return not math.isnan(self.history[-1][score])

    def over(self, epochs: int, setbacks: int) -> bool:
        """Return whether the schedule has ended, or so many validations in a row were setbacks.

        Args:
            epochs: of the schedule.
            setbacks: how many end it early; 0 for none.
        """
        return self.epoch >= epochs or 0 < setbacks <= self.setbacks

    def pace(self, first: int, most: int) -> float:
        """Return the mean seconds of the last epochs, with that which is just over.

        Args:
            first: epoch that they may begin with.
            most: how many they are.
        """
        count = min(self.epoch + 1 - first, most)
        ends = [0.0, *(row["seconds"] for row in self.history)]
        return (self.seconds - ends[-count]) / count

    def end_epoch(
        self, rate: float, score: Mapping[str, float], trained: float
    ) -> dict[str, float]:
        """Return the row of the epoch that is over, which the history gets, and begin the next.

        Args:
            rate: the learning rate at its end.
            score: its validation score by its name.
            trained: seconds of its steps.
        """
        row = {
            "epoch": float(self.epoch),
            "lr": rate,
            **{name: value / self.images for name, value in self.sums.items()},
            **score,
            "images_per_second": self.images / max(trained, 1e-9),
            "seconds": self.seconds,
        }
        self.history.append(row)
        self.step, self.images, self.sums = 0, 0, {}
        return row


@dataclass(frozen=True)
class Trained:
    """The stateful parts of a run.

    Attributes:
        network: that is trained.
        average: its moving average; None without one.
        optimizer: of the network.
        schedule: of its rate.
        extra: what else is trained.
        best: what the network of the best epoch found in the validation images.
    """

    network: nn.Module
    average: nn.Module | None
    optimizer: Optimizer
    schedule: LambdaLR
    extra: nn.Module | None = None
    best: dict[str, Tensor] = field(default_factory=dict)


def save_checkpoint(path: Path, trained: Trained, position: Position) -> None:
    """Write a checkpoint, whole or not at all."""
    content = {
        "version": CHECKPOINT_VERSION,
        "network": trained.network.state_dict(),
        "average": trained.average.state_dict() if trained.average else {},
        "extra": trained.extra.state_dict() if trained.extra else {},
        "optimizer": trained.optimizer.state_dict(),
        "schedule": trained.schedule.state_dict(),
        "best": trained.best,
        "position": asdict(position),
        "rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote; nothing but plain values is unpickled.

    Raises:
        UserError: if the file is damaged or of another version.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if content["version"] != CHECKPOINT_VERSION:
            raise ValueError(f"version {content['version']}")
    except (*_DAMAGE, OSError) as error:
        raise _not_resumable(path, error) from error
    return content


def load_network(path: Path, content: dict[str, Any], network: nn.Module) -> None:
    """Load the checkpoint's tensors alone into a network that is not trained yet."""
    try:
        network.load_state_dict(content["network"])
    except _DAMAGE as error:
        raise _not_resumable(path, error) from error


def restore(path: Path, content: dict[str, Any], trained: Trained) -> Position:
    """Put a run back to where it stopped.

    Args:
        path: of the checkpoint, for messages.
        content: what :func:`read_checkpoint` returned.
        trained: takes the state.

    Raises:
        UserError: if the checkpoint is of another network.
    """
    try:
        trained.network.load_state_dict(content["network"])
        if trained.average:
            trained.average.load_state_dict(content["average"])
        if trained.extra:
            trained.extra.load_state_dict(content["extra"])
        trained.optimizer.load_state_dict(content["optimizer"])
        trained.schedule.load_state_dict(content["schedule"])
        trained.best.update(content.get("best", {}))
        position = TypeAdapter(Position).validate_python(content["position"])
        torch.set_rng_state(content["rng"])
        if content["cuda_rng"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(content["cuda_rng"])
    except _DAMAGE as error:
        raise _not_resumable(path, error) from error
    return position


# What torch raises for files that are cut short, garbage, or hold other things than expected.
_DAMAGE = (RuntimeError, UnpicklingError, EOFError, ValueError, KeyError, TypeError, AttributeError)


def _not_resumable(path: Path, error: Exception) -> UserError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # torch's own first line advises to unpickle the file all the same.
    reason = "damaged" if isinstance(error, UnpicklingError) else lines[0].rstrip(":")
    return UserError(
        f"{path}: not a checkpoint that can be resumed ({reason})",
        "start a new run with --weights and this run's best.safetensors",
    )
