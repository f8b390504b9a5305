"""What the user of ``yolo train`` asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_PATHS = ("data", "backbone", "cache_dir")


@dataclass(frozen=True)
class TrainOptions:
    """The options of a run; None stands for "choose".

    Attributes:
        data: dataset folder.
        format: its layout.
        train_split: name of the split to train on.
        val_split: name of the split to validate on.
        skip_bad: drop broken labels instead of stopping.
        arch: see :class:`ModelConfig`, as the four below.
        head: …
        grid: …
        boxes: …
        image_size: …
        weights: ``default``, ``none``, ``imagenet`` or a file.
        backbone: file of VGG-16's ImageNet convolutions.
        preprocessing: that they expect.
        teacher: weights file of a network to learn from, or ``default``.
        recipe_name: ``default`` or ``paper``.
        recipe: fields of :class:`Recipe` that differ from the named recipe.
        augment: whether training images are varied.
        device: ``auto``, ``cpu``, ``cuda`` …
        precision: ``auto``, ``fp32`` or ``bf16``.
        workers: processes that load images.
        cache_dir: folder of the feature caches.
        time_budget: seconds for the whole run, from which copies and epochs are planned.
    """

    data: Path
    format: str | None = None
    train_split: str | None = None
    val_split: str | None = None
    skip_bad: bool = False
    arch: str | None = None
    head: str | None = None
    grid: int | None = None
    boxes: int | None = None
    image_size: int | None = None
    weights: str = "default"
    backbone: Path | None = None
    preprocessing: str | None = None
    teacher: str | None = None
    recipe_name: str = "default"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    augment: bool = True
    device: str = "auto"
    precision: str = "auto"
    workers: int = 2
    cache_dir: Path | None = None
    time_budget: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``config.json``; paths become absolute, to resume from anywhere."""
        values = asdict(self)
        for name in _PATHS:
            if values[name] is not None:
                values[name] = str(values[name].resolve())
        for name in ("weights", "teacher"):
            if values[name] is not None and (path := Path(values[name]).expanduser()).is_file():
                values[name] = str(path.resolve())
        return values
