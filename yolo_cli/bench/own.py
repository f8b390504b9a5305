"""This package's own networks as a subject of a benchmark."""

from __future__ import annotations

import io
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from yolo_cli.inference.pipeline import run_files
from yolo_cli.inference.predictor import Predictor
from yolo_cli.model.summary import summarise
from yolo_cli.tasks.networks import shapes_of


class OwnSubject:
    """A network, of whatever task.

    Args:
        weights: see :meth:`Predictor.load`.
        backend: likewise.
        precision: likewise.

    Attributes:
        facts: what the parent process reports of it.
    """

    def __init__(self, weights: str, backend: str, precision: str) -> None:
        self.predictor: Predictor[Any] = Predictor.load(
            weights, backend=backend, precision=precision
        )
        config = self.predictor.config
        self.inputs: dict[int, torch.Tensor] = {}
        self.facts: dict[str, Any] = {
            "backend": self.predictor.backend.name,
            "precision": self.predictor.backend.precision,
            "flops": sum(layer.flops for layer in summarise(shapes_of(config))),
            "model": asdict(config),
            "threads": torch.get_num_threads(),
        }

    def network(self, batch: int) -> None:
        """Run a forward pass of noise."""
        if batch not in self.inputs:
            side = self.predictor.image_size
            generator = torch.Generator().manual_seed(0)
            shape = (batch, 3, side, side)
            self.inputs[batch] = torch.randint(
                0, 256, shape, generator=generator, dtype=torch.uint8
            )
        with torch.inference_mode():
            self.predictor.backend(self.inputs[batch]).cpu()

    def photo(self, content: bytes) -> None:
        """Turn the content of one JPEG file into detections."""
        self.predictor(Image.open(io.BytesIO(content)).convert("RGB"))

    def pipeline(self, paths: list[str], batch: int) -> None:
        """Turn image files into detections."""
        files = [Path(path) for path in paths]
        for _ in run_files(self.predictor, files, None, batch=batch):
            pass

    def score(self, data: str, split: str | None, batch: int) -> float | None:
        """Return the score, 0-100, of a detector the VOC07 mAP; None with nothing to score."""
        from yolo_cli.data.dataset import open_dataset
        from yolo_cli.data.splits import evaluation_split
        from yolo_cli.inference.score import score_dataset

        folder = open_dataset(Path(data), task=self.predictor.task.name)
        scores = score_dataset(self.predictor, evaluation_split(folder, split), batch=batch)
        return None if math.isnan(scores.value) else scores.value
