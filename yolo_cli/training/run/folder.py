"""The folder of a training run and the files in it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write, atomic_write_text, check_folder
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.task import Task
from yolo_cli.training.run.config import RunConfig

DEFAULT_PARENT = Path("runs")


class RunFolder:
    """Names and writes the files of a run.

    Attributes:
        path: the folder.
        config: everything that the run was started with.
        metrics: one row an epoch.
        curves: the same as a picture.
        preview: a few training images as the network sees them.
        best: weights of the epoch with the highest validation mAP.
        last: weights of the last epoch.
        checkpoint: what a resume needs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.metrics = path / "metrics.csv"
        self.curves = path / "curves.png"
        self.preview = path / "preview.jpg"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.checkpoint = path / "checkpoint.pt"

    @classmethod
    def create(cls, out: Path | None) -> RunFolder:
        """Choose ``out``, or the next free ``runs/train-N``.

        Raises:
            UserError: if ``out`` holds a run already.
        """
        if out is None:
            number = 1
            while (DEFAULT_PARENT / f"train-{number}").exists():
                number += 1
            return cls(DEFAULT_PARENT / f"train-{number}")
        check_folder(out, "--out")
        run = cls(out)
        if run.checkpoint.exists() or run.last.exists():
            raise UserError(
                f"--out {out}: holds a run already",
                f"go on with it by --resume {out}, or name another folder",
                ExitCode.USAGE,
            )
        return run

    @classmethod
    def existing(cls, path: Path) -> tuple[RunFolder, RunConfig]:
        """Open a run to resume, and read its configuration.

        Raises:
            UserError: if ``path`` is not the folder of a run.
        """
        run = cls(path)
        try:
            text = run.config.read_bytes()
        except OSError as error:
            raise UserError(
                f"--resume {path}: not the folder of a training run "
                f"({run.config}: {error.strerror or error})",
                "name a folder such as runs/train-1",
            ) from error
        try:
            return run, TypeAdapter(RunConfig).validate_json(text, strict=True)
        except UserError as error:  # a value of the right type, but out of range
            raise UserError(f"{run.config}: {error.message}", error.hint) from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "as a whole"
            raise UserError(
                f"{run.config}: damaged, or edited by hand ({place}: {first['msg']})",
                "put it back as it was, or start a new run",
            ) from error

    def model(self, config: RunConfig) -> ModelConfig:
        """Return the network that ``config.json`` describes.

        Raises:
            UserError: if it describes none.
        """
        try:
            return ModelConfig.from_json(config.model)
        except UserError as error:
            raise UserError(f"{self.config}: {error.message}", error.hint) from error

    def onwards(self) -> str:
        """Return the option with which another run takes up what this one has learned."""
        return f" with --weights {self.best}" if self.best.exists() else ""

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write ``config.json``."""
        atomic_write_text(
            self.config, json.dumps(dict(config), indent=2, ensure_ascii=False) + "\n"
        )

    def write_history(self, history: Sequence[Mapping[str, float]], task: Task) -> None:
        """Write ``metrics.csv`` and ``curves.png``."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: "" if math.isnan(v) else f"{v:.6g}" for k, v in row.items()} for row in history
        )
        atomic_write_text(self.metrics, text.getvalue())
        from yolo_cli.training.run.curves import draw_curves  # matplotlib takes a while

        with atomic_write(self.curves) as file:
            file.write(draw_curves(history, task))
