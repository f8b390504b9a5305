"""What the user of ``yolo train`` asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le

from yolo_cli.data.task_names import TaskName
from yolo_cli.model.architectures import ARCHITECTURES, ArchName
from yolo_cli.model.config import Head, Upsample
from yolo_cli.model.preprocessing import PreprocessingName
from yolo_cli.training.field import DATA, NETWORK, SPEED, TRAINING, Option
from yolo_cli.training.recipe import RecipeName

_PATHS = ("data", "backbone", "cache_dir")
_WEIGHTS = "that of the weights"
_PRETRAINED = [one.title for one in ARCHITECTURES.values() if one.pretrained is not None]


@dataclass(frozen=True)
class TrainOptions:
    """The options of a run; None stands for "choose".

    What a field means stands with it, as in :class:`Recipe`; those without an :class:`Option` are
    options that other commands have as well.
    """

    # The dataset's folder, its layout, and whether broken labels are dropped.
    data: Path
    task: Annotated[
        TaskName | None,
        Option("What the network is for.", DATA, default="what the dataset is labelled for"),
    ] = None
    format: str | None = None
    class_attribute: Annotated[
        str | None,
        Option(
            "Attribute (VIA) or column (CSV) that names the class.",
            DATA,
            default="found out",
            metavar="NAME",
        ),
    ] = None
    train_split: Annotated[
        str | None,
        Option(
            "Split to train on.", DATA, default="train, or trainval", flag="--split", metavar="NAME"
        ),
    ] = None
    val_split: Annotated[
        str | None,
        Option(
            "Split to validate on.", DATA, default="val, or test, or a fifth of all", metavar="NAME"
        ),
    ] = None
    skip_bad: bool = False
    arch: Annotated[
        ArchName | None, Option("Backbone of the network.", NETWORK, default=_WEIGHTS)
    ] = None
    head: Annotated[
        Head | None,
        Option(
            "Head: convolutions or the paper's connected layers; of a classifier a mean (pool) or "
            "connected layers.",
            NETWORK,
            default=_WEIGHTS,
        ),
    ] = None
    upsample: Annotated[
        Upsample | None,
        Option(
            "How a segmenter's decoder doubles the resolution: by the places of the encoder's "
            "maxima, transposed convolutions, interpolation, or duplication.",
            NETWORK,
            default="unpool; " + _WEIGHTS,
        ),
    ] = None
    grid: Annotated[
        int | None,
        Option("Cells along each side (S).", NETWORK, default="7, or 14 for small objects"),
    ] = None
    boxes: Annotated[
        int | None, Option("Boxes that each cell predicts (B).", NETWORK, default=_WEIGHTS)
    ] = None
    image_size: Annotated[
        int | None,
        Option("Pixels along each side of the input.", NETWORK, default=_WEIGHTS),
    ] = None
    weights: Annotated[
        str,
        Option(
            "Start from default (of segmenters lean-voc), none, imagenet, or a weights file.",
            NETWORK,
            metavar="FILE",
        ),
    ] = "default"
    backbone: Annotated[
        Path | None,
        Option(
            f"Start from ImageNet convolutions ({' or '.join(_PRETRAINED)}) in a safetensors file "
            "or a state dict.",
            NETWORK,
            metavar="FILE",
        ),
    ] = None
    preprocessing: Annotated[
        PreprocessingName | None,
        Option("Preprocessing that --backbone expects.", NETWORK, default="what the file says"),
    ] = None
    teacher: Annotated[
        str | None,
        Option(
            "Learn from the weights of a larger network, trained on the same data.",
            NETWORK,
            metavar="FILE",
        ),
    ] = None
    recipe_name: Annotated[
        RecipeName,
        Option(
            "Where other defaults come from; paper: YOLOv1 to the letter.",
            TRAINING,
            flag="--recipe",
        ),
    ] = "default"
    # Fields of Recipe that differ from the named recipe.
    recipe: Mapping[str, Any] = field(default_factory=dict)
    augment: Annotated[bool, Option("Vary the training images.", TRAINING)] = True
    device: str = "auto"
    precision: str = "auto"
    workers: Annotated[int, Ge(0), Le(256), Option("Processes that load images.", SPEED)] = 2
    cache_dir: Annotated[
        Path | None,
        Option(
            "Folder that keeps the feature cache.",
            SPEED,
            default="in the user's cache folder",
            metavar="DIR",
        ),
    ] = None
    # Seconds for the whole run, from which copies and epochs are planned.
    time_budget: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``config.json``; paths are absolute, to resume from anywhere."""
        values = asdict(self)
        for name in _PATHS:
            if values[name] is not None:
                values[name] = str(values[name].resolve())
        for name in ("weights", "teacher"):
            if values[name] is not None and (path := Path(values[name]).expanduser()).is_file():
                values[name] = str(path.resolve())
        return values
