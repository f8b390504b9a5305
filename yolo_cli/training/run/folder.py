"""The folder of a training run and the files in it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import (
    atomic_write,
    atomic_write_text,
    check_folder,
    claim_numbered_folder,
    locked_folder,
    unwritable,
)
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
        best: weights of the epoch with the highest validation score; at the end those that are
            kept, see :mod:`yolo_cli.training.keep`.
        last: weights of the last epoch.
        checkpoint: what a resume needs.
    """

    def __init__(self, path: Path, *, numbered: bool = False) -> None:
        self._lock = ExitStack()
        self._numbered = numbered  # ``path`` is where a numbered folder will be made
        self._put(path)

    def _put(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.metrics = path / "metrics.csv"
        self.curves = path / "curves.png"
        self.preview = path / "preview.jpg"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.checkpoint = path / "checkpoint.pt"

    @classmethod
    def choose(cls, out: Path | None) -> RunFolder:
        """Choose ``out``, or a numbered folder in ``runs/``; nothing is made yet.

        Raises:
            UserError: if ``out`` holds a run already.
        """
        if out is None:
            return cls(DEFAULT_PARENT, numbered=True)
        check_folder(out, "--out")
        run = cls(out)
        run.refuse_taken()
        return run

    def refuse_taken(self) -> None:
        """Refuse a folder that holds a run.

        Raises:
            UserError: with :attr:`ExitCode.USAGE`.
        """
        if self.checkpoint.exists() or self.last.exists():
            raise UserError(
                f"--out {self.path}: holds a run already",
                f"go on with it by --resume {self.path}, or name another folder",
                ExitCode.USAGE,
            )

    def claim(self) -> None:
        """Make the folder of a new run.

        Raises:
            UserError: if it cannot be made.
        """
        if self._numbered:
            self._put(claim_numbered_folder(self.path, "train"))
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error

    @contextmanager
    def held_until_released(self) -> Iterator[None]:
        """Keep other runs out of the folder until :meth:`release`, or if the context fails.

        Raises:
            UserError: if another run is using it, or it cannot be written.
        """
        self._lock.enter_context(locked_folder(self.path, "name another folder with --out"))
        try:
            yield
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others into the folder."""
        self._lock.close()

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
        return run, run.parse(text)

    def parse(self, text: bytes) -> RunConfig:
        """Read the text of ``config.json``.

        Raises:
            UserError: if it is damaged.
        """
        try:
            return TypeAdapter(RunConfig).validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "as a whole"
            raise UserError(
                f"{self.config}: damaged, or edited by hand ({place}: {first['msg']})",
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
        text = json.dumps(dict(config), indent=2)  # in ASCII: names of files may be no UTF-8
        atomic_write_text(self.config, text + "\n")

    def write_history(
        self, history: Sequence[Mapping[str, float]], task: Task, kept: int = 0
    ) -> None:
        """Write ``metrics.csv`` and ``curves.png``.

        Args:
            history: a row for each epoch.
            task: names the score.
            kept: epoch whose weights the run keeps, counted from 1; 0 while that is open.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=[*history[0], "kept"], lineterminator="\n")
        writer.writeheader()
        for row in history:
            cells = {k: "" if math.isnan(v) else f"{v:.6g}" for k, v in row.items()}
            writer.writerow({**cells, "kept": "yes" if row["epoch"] == kept else ""})
        atomic_write_text(self.metrics, text.getvalue())
        from yolo_cli.training.run.curves import draw_curves  # matplotlib takes a while

        with atomic_write(self.curves) as file:
            file.write(draw_curves(history, task))
